//! Programs that share no code with ours check our log over HTTP: checkpoint, every tile, every entry, inclusion and
//! consistency at nine sizes, and that a single flipped bit is seen.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "independent/crates.rs"]
mod crates;
#[path = "independent/fixture.rs"]
mod fixture;

use std::{path::Path, process::Command};

use fixture::{Fixture, SIZES};
use ostrakon_tests::{binary, skip};

/// Logs that one process checks: argument lists have a limit.
const URLS_PER_CALL: usize = 500;

/// What an honest checker says about a log of each size, in the order of [`SIZES`].
fn expect_all_accepted(lines: &[String]) {
    assert_eq!(lines.len(), SIZES.len(), "{lines:#?}");
    for (nth, (size, line)) in SIZES.iter().zip(lines).enumerate() {
        let words: Vec<_> = line.split(' ').collect();
        let ["ok", seen, tiles, entries, inclusions, consistencies] = words[..] else {
            panic!("size {size}: {line}");
        };
        let wanted_tiles: u64 = (0..3).map(|level| (size >> (8 * level)).div_ceil(256)).sum();
        assert_eq!((seen, entries), (size.to_string().as_str(), seen), "{line}");
        assert_eq!(tiles, wanted_tiles.to_string(), "{line}");
        assert!(inclusions.parse::<u64>().unwrap() >= (*size).min(200), "{line}");
        assert_eq!(consistencies, nth.to_string(), "with every smaller one: {line}");
    }
}

fn expect_all_refused(fixture: &Fixture, lines: &[String]) {
    assert_eq!(lines.len(), fixture.flips.len());
    for (flip, line) in fixture.flips.iter().zip(lines) {
        assert!(line.starts_with("refused "), "{flip:?} went unnoticed: {line}");
    }
}

/// Two histories of one log that part after 100 entries: each is well-formed and signed, and they cannot both be true.
fn expect_the_rewritten_log_refused(fixture: &Fixture, check: impl Fn(&[String]) -> Vec<String>) {
    let logs = fixture.logs();
    let rewritten = fixture.rewritten();
    let alone = check(std::slice::from_ref(&rewritten));
    assert!(alone[0].starts_with("ok 257 "), "by itself there is nothing wrong with it: {alone:?}");
    let lines = check(&[logs[1].clone(), logs[2].clone(), rewritten]);
    assert!(lines[2].starts_with("refused "), "{lines:#?}");
}

/// What every checker must say: `check` gives a line for each URL.
fn expect_honest_checks(fixture: &Fixture, check: impl Fn(&[String]) -> Vec<String>) {
    expect_all_accepted(&check(&fixture.logs()));
    expect_all_refused(fixture, &check(&fixture.flipped()));
    expect_the_rewritten_log_refused(fixture, check);
}

/// Runs a program over `urls`, a line for each.
fn lines_of(program: &[&str], vkey: &str, urls: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for urls in urls.chunks(URLS_PER_CALL) {
        let output = Command::new(program[0]).args(&program[1..]).arg(vkey).args(urls).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        lines.extend(String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned));
    }
    lines
}

#[test]
fn the_crates_accept_our_log_and_see_a_flipped_bit() {
    let fixture = Fixture::get();
    expect_honest_checks(&fixture, |urls| crates::check_all(&fixture.vkey, urls));
}

#[test]
fn a_script_of_node_accepts_our_log_and_sees_a_flipped_bit() {
    if !Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success()) {
        return skip("`node` is not on the PATH");
    }
    let fixture = Fixture::get();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/independent/check.mjs");
    expect_honest_checks(&fixture, |urls| lines_of(&["node", script], &fixture.vkey, urls));
}

#[test]
fn gos_own_code_accepts_our_log_and_sees_a_flipped_bit() {
    let program = binary::path("ostrakon").parent().and_then(Path::parent).unwrap().join("independent/check-go");
    if !program.exists() {
        return skip("check-go is not built (scripts/go-check.sh builds it where Python can install Go)");
    }
    let fixture = Fixture::get();
    let program = program.to_str().unwrap();
    expect_honest_checks(&fixture, |urls| lines_of(&[program], &fixture.vkey, urls));
}
