//! `ostrakon`: parse, run, say how it ended.

use std::process::ExitCode;

use clap::Parser;
use ostrakon_router::{
    err,
    output::is_closed,
    server::cli::{Cli, exit_code},
};

/// Decisions are made on one thread and freed on another, which the system's allocator does not like.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            if !is_closed(&error) {
                err!("error: {error}");
            }
            exit_code(&error)
        }
    }
}
