//! The binaries under test, built once per test run if they are not up to date.

use std::{
    path::PathBuf,
    process::{Command, Output},
    sync::OnceLock,
};

/// How the variables begin that cargo sets for the package it runs.
const OF_PACKAGE: [&str; 3] = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_CRATE_"];

/// The path of the binary `name`, up to date.
pub fn path(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let mut build = Command::new(env!("CARGO"));
            build.args(["build", "--release", "--quiet", "--workspace", "--bins"]);
            build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
            // What cargo tells this test of its package would make build scripts that look at it run again.
            for (name, _) in std::env::vars().filter(|(name, _)| OF_PACKAGE.iter().any(|it| name.starts_with(it))) {
                build.env_remove(name);
            }
            let status = build.status().unwrap();
            assert!(status.success(), "the binaries do not build");
            // …/release/bench or …/release/deps/<test> → …/release
            let exe = std::env::current_exe().unwrap();
            let dir = exe.parent().unwrap();
            if dir.ends_with("deps") { dir.parent().unwrap().to_owned() } else { dir.to_owned() }
        })
        .join(name)
}

/// Runs `ostrakon` with `args` to its end.
pub fn ostrakon(args: &[&str]) -> Output {
    Command::new(path("ostrakon")).args(args).output().unwrap()
}

/// Runs `ostrakon` with `args`, which must succeed, and returns what it printed.
pub fn ostrakon_ok(args: &[&str]) -> String {
    let output = ostrakon(args);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ostrakon {args:?} failed: {errors}");
    String::from_utf8(output.stdout).unwrap()
}
