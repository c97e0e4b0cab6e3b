//! `ostrakon`: parse, run, say how it ended.

use std::process::ExitCode;

use clap::Parser;
use ostrakon_router::cli::{Cli, exit_code};

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            exit_code(&error)
        }
    }
}
