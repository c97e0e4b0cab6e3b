//! The binaries under test, built once per test run if they are not up to date.

use std::{
    path::PathBuf,
    process::{Command, Output},
    sync::OnceLock,
};

/// The path of the binary `name`, up to date.
pub fn path(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT
        .get_or_init(|| {
            let status = Command::new(env!("CARGO"))
                .args(["build", "--release", "--quiet", "--workspace", "--bins"])
                .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
                .status()
                .unwrap();
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
