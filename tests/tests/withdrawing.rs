//! What an import wrote can be taken back, by source, by row, by file and by what left the list; and what it is about to write is
//! looked at first.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs::File,
    process::Output,
    sync::LazyLock,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ostrakon_tests::{TestNode, binary::ostrakon, node::OPEN_POLICY};

const DAY_MS: u64 = 86_400_000;

/// The present of a test run, so that one date is one date.
static NOW_MS: LazyLock<u64> =
    LazyLock::new(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64);

fn days_ago(days: u64) -> String {
    (*NOW_MS - days * DAY_MS).to_string()
}

/// Imports `csv` as an export of `a-list` from so many days ago.
fn import(node: &TestNode, csv: &str, days: u64, more: &[&str]) -> Output {
    let file = node.beside("list.csv");
    std::fs::write(&file, csv).unwrap();
    let date = days_ago(days);
    let args =
        ["import", "votes", file.to_str().unwrap(), "--format", "mastodon", "--source", "a-list", "--date", &date];
    ostrakon(&[&args, more, &["--dir", &node.home_arg()]].concat())
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn imported(node: &TestNode, csv: &str, days: u64, more: &[&str]) -> String {
    let output = import(node, csv, days, more);
    assert!(output.status.success(), "{}", text(&output));
    text(&output)
}

/// The first sentence about a server.
fn explained(node: &TestNode, server: &str) -> String {
    node.run(&["explain", &format!("peer:{server}")]).lines().next().unwrap().to_owned()
}

fn is_withdrawn(node: &TestNode, server: &str) -> bool {
    explained(node, server).contains("taken back")
}

/// A node to which the list's word counts.
fn node() -> TestNode {
    let node = TestNode::new();
    let seed = "\"node.example\" = 1000";
    node.reconfigure(seed, &format!("{seed}\n\"a-list.mastodon.imported.node.example\" = 1000"));
    node
}

const THREE: &str = "#domain,#severity\na.example,suspend\nb.example,silence\nc.example,suspend\n";

#[test]
fn a_source_a_row_and_a_file_can_be_withdrawn_served_or_not() {
    for served in [false, true] {
        let mut node = node();
        if served {
            node.write("policy.toml", OPEN_POLICY);
            node.serve();
        }
        imported(&node, THREE, 1, &[]);
        let withdraw = |more: &[&str]| node.run(&[&["import", "withdraw"], more].concat());
        let row = ["--source", "a-list", "--row", "peer:A.example"];
        assert_eq!(withdraw(&row), "1 vote withdrawn\n");
        assert_eq!(withdraw(&row), "0 votes withdrawn\n");
        std::fs::write(node.beside("part.csv"), "b.example\nunknown.example\n").unwrap();
        let part = node.beside("part.csv");
        let file = ["--source", "a-list", "--format", "mastodon", "--file", part.to_str().unwrap()];
        assert_eq!(withdraw(&file), "1 vote withdrawn\n");
        assert_eq!(withdraw(&["--source", "a-list", "--format", "fediverse"]), "0 votes withdrawn\n");
        let unknown = ostrakon(&["import", "withdraw", "--source", "b-list", "--dir", &node.home_arg()]);
        let errors = String::from_utf8(unknown.stderr).unwrap();
        assert!(
            unknown.status.code() == Some(3) && errors.contains("a-list.mastodon.imported.node.example"),
            "{errors}"
        );
        assert_eq!(withdraw(&["--source", "A-List"]), "1 vote withdrawn\n");
        assert_eq!(withdraw(&["--source", "a-list.mastodon.imported.node.example"]), "0 votes withdrawn\n");
        if served {
            for server in ["a.example", "b.example", "c.example"] {
                node.wait_for("the book", || is_withdrawn(&node, server));
            }
        } else {
            assert!(["a.example", "b.example", "c.example"].iter().all(|server| is_withdrawn(&node, server)));
        }
        let again = imported(&node, THREE, 1, &[]);
        assert!(again.contains("0 records added") && again.contains("3 were cast before and taken back"), "{again}");
        let refreshed = imported(&node, THREE, 1, &["--refresh"]);
        assert!(refreshed.contains("3 records added"), "{refreshed}");
        node.verify();
    }
}

#[test]
fn a_source_withdraws_what_every_format_of_it_wrote() {
    let node = node();
    imported(&node, THREE, 1, &[]);
    let blocks = node.beside("blocks.csv");
    let header = "unix_time,voter,domain,action,severity,public_comment";
    std::fs::write(&blocks, format!("{header}\n1673587264,a-list,d.example,add,suspend,\n")).unwrap();
    node.run(&["import", "votes", blocks.to_str().unwrap(), "--format", "fediverse"]);
    assert_eq!(node.run(&["import", "withdraw", "--source", "a-list"]), "4 votes withdrawn\n");
    assert!(is_withdrawn(&node, "d.example"));
}

#[test]
fn one_imported_vote_is_retracted_by_its_id() {
    let node = node();
    let receipts = node.beside("receipts");
    imported(&node, "a.example\n", 1, &["--receipts", receipts.to_str().unwrap()]);
    let receipts = std::fs::read_to_string(receipts).unwrap();
    let id = receipts.lines().last().unwrap().split(' ').nth(1).unwrap();
    assert!(node.run(&["retract", id]).starts_with("retracted at index"));
    assert!(is_withdrawn(&node, "a.example"));
    assert_eq!(ostrakon(&["retract", id, "--dir", &node.home_arg()]).status.code(), Some(3), "once");
    assert_eq!(node.run(&["import", "withdraw", "--source", "a-list"]), "0 votes withdrawn\n");
}

#[test]
fn noop_is_neutral_and_what_left_the_list_is_named_and_withdrawn_with_it() {
    let node = node();
    imported(&node, THREE, 3, &[]);
    let newer = "#domain,#severity\na.example,noop\nnew.example,noop\n";
    let named = imported(&node, newer, 2, &[]);
    assert!(named.contains("2 rows of the last export are gone; --complete withdraws them"), "{named}");
    assert!(is_withdrawn(&node, "a.example"));
    assert!(explained(&node, "new.example").starts_with("Nobody"), "a noop casts nothing");
    assert!(!is_withdrawn(&node, "b.example") && !is_withdrawn(&node, "c.example"));
    let dry = imported(&node, newer, 2, &["--complete", "--dry-run"]);
    assert!(dry.contains("2 rows of the last export are gone") && !is_withdrawn(&node, "b.example"), "{dry}");
    let done = imported(&node, newer, 2, &["--complete"]);
    assert!(done.contains("2 votes withdrawn whose rows are gone"), "{done}");
    assert!(is_withdrawn(&node, "b.example") && is_withdrawn(&node, "c.example"));
    let entries = node.verify();
    let again = imported(&node, newer, 2, &["--complete"]);
    assert!(!again.contains("gone") && node.verify() == entries, "{again}");
}

/// A download that broke off, in the middle of a line or between two, is not the whole list.
#[test]
fn a_part_of_a_list_withdraws_nothing() {
    let node = node();
    let lines: Vec<_> = (0..40).map(|n| format!("s{n}.example,suspend\n")).collect();
    let whole = format!("#domain,#severity\n{}", lines.concat());
    imported(&node, &whole, 3, &[]);
    let entries = node.verify();
    let refused = |csv: &str, more: &[&str]| {
        let output = import(&node, csv, 2, &[&["--complete"], more].concat());
        assert!(!output.status.success(), "{}", text(&output));
        assert_eq!(node.verify(), entries, "nothing was added");
        text(&output)
    };
    let said = refused(whole.trim_end(), &["--even-many"]);
    assert!(said.contains("does not end with a line end"), "{said}");
    let half = format!("#domain,#severity\nnew.example,suspend\n{}", lines[..30].concat());
    let said = refused(&half, &[]);
    assert!(said.contains("10 of the 40 subjects") && said.contains("--even-many"), "{said}");
    let said = refused(&half, &["--dry-run"]);
    assert!(said.contains("--even-many"), "{said}");
    // What is hidden has not left.
    let hidden = format!("#domain,#severity\ns*.example,suspend\n{}", lines[..30].concat());
    let kept = imported(&node, &hidden, 2, &["--complete"]);
    assert!(!kept.contains("withdrawn") && node.verify() == entries, "{kept}");
    let done = imported(&node, &half, 2, &["--complete", "--even-many"]);
    assert!(done.contains("10 votes withdrawn"), "{done}");
    // A list from before does not bring them back.
    let again = imported(&node, &whole, 2, &[]);
    assert!(again.contains("0 records added") && again.contains("10 were cast before and taken back"), "{again}");
}

#[test]
fn a_list_fetched_each_night_adds_what_changed() {
    let node = node();
    let lines =
        [(3, THREE, "3 records"), (2, THREE, "0 records"), (1, "a.example,suspend\nb.example,suspend\n", "1 record ")];
    for (days, csv, added) in lines {
        let printed = imported(&node, csv, days, &[]);
        assert!(printed.contains(added), "{days}: {printed}");
    }
    // By the file's own date, which each download moves.
    let file = File::options().write(true).open(node.beside("list.csv")).unwrap();
    for minutes in [3, 2, 1] {
        file.set_modified(SystemTime::now() - Duration::from_secs(60 * minutes)).unwrap();
        let list = node.beside("list.csv");
        let printed =
            node.run(&["import", "votes", list.to_str().unwrap(), "--format", "mastodon", "--source", "a-list"]);
        assert!(printed.contains("0 records added"), "{printed}");
    }
}

#[test]
fn a_dry_run_counts_what_the_import_then_adds() {
    let node = node();
    imported(&node, THREE, 5, &[]);
    let entries = node.verify();
    let csv = "a.example,noop\nb.example,suspend\nB.example,silence\nd.example,suspend\n\u{201c}quoted.example\u{201d},suspend\n";
    let (dry, real) = (imported(&node, csv, 1, &["--dry-run"]), imported(&node, csv, 1, &[]));
    let first = |text: &str| text.lines().find(|line| line.contains("records")).unwrap().to_owned();
    assert_eq!(first(&dry).replace("would be added", "added"), first(&real));
    assert!(first(&real).starts_with("3 records added"), "{real}");
    assert!(real.contains("is not a domain name") && real.contains("a stricter severity"), "{real}");
    assert_eq!(node.verify(), entries + 3, "the dry run wrote nothing");
}

#[test]
fn a_list_that_blocks_us_says_so_and_is_not_believed_about_us() {
    let node = node();
    let csv = "node.example,suspend\nspam.example,suspend\ncom,suspend\nco.uk,suspend\n";
    for more in [&["--dry-run"][..], &[]] {
        let printed = imported(&node, csv, 1, more);
        assert!(printed.contains("BLOCKS YOU") && printed.contains("`node.example`"), "{printed}");
        assert!(printed.contains("covers what is below"), "{printed}");
        assert!(printed.contains("3 rows skipped") && printed.contains("1 record "), "{printed}");
    }
    assert!(explained(&node, "node.example").starts_with("Nobody"));
    let forced = imported(&node, csv, 1, &["--even-us", "--even-suffixes"]);
    assert!(forced.contains("3 records added"), "{forced}");
}

#[test]
fn what_is_no_list_is_refused_before_much_is_read() {
    let node = node();
    let entries = node.verify();
    let refused = |file: &str, date: &str, wanted: &str| {
        let args = ["import", "votes", file, "--format", "mastodon", "--source", "a-list", "--date", date, "--dir"];
        let output = ostrakon(&[&args[..], &[&node.home_arg()]].concat());
        let printed = text(&output);
        assert!(matches!(output.status.code(), Some(1 | 3)) && printed.contains(wanted), "{file}: {wanted}: {printed}");
    };
    let today = days_ago(0);
    let fifo = node.beside("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let large = node.beside("large.csv");
    File::create(&large).unwrap().set_len(10 << 30).unwrap();
    refused(fifo.to_str().unwrap(), &today, "a pipe");
    refused(large.to_str().unwrap(), &today, "at most");
    refused("/dev/zero", &today, "a device");
    refused(&node.home_arg(), &today, "a directory");
    for (csv, wanted) in [
        (&b""[..], "empty"),
        (b"\xef\xbb\xbf\r\n", "empty"),
        (b"#domain,#severity\n", "no rows"),
        (b"<!DOCTYPE html><title>503</title>", "HTML"),
        (b"{\"error\":\"rate limited\"}", "JSON"),
        (b"\xff\xfea\0.\0e\0x\0a\0m\0p\0l\0e\0", "UTF-16"),
        (b"a.example\0\n", "NUL"),
        (b"#domain,#severity\na.example,nuke\n", "line 2, column `severity`"),
    ] {
        let file = node.beside("no-list.csv");
        std::fs::write(&file, csv).unwrap();
        refused(file.to_str().unwrap(), &today, wanted);
    }
    let file = node.beside("good.csv");
    std::fs::write(&file, "a.example\n").unwrap();
    refused(file.to_str().unwrap(), &today[..today.len() - 3], "seconds");
    refused(file.to_str().unwrap(), "0", "before 2000-01-01");
    assert_eq!(node.verify(), entries, "nothing was written");
    let row = serde_json::json!([{ "source": "a-list.mastodon.imported.node.example", "subject": "peer:a.example", "line": 1,
        "action": { "cast": { "value": -100, "category": "abuse", "cast_at_ms": 1_700_000_000, "expires_at_ms": 0 } } }]);
    let served = TestNode::serving(OPEN_POLICY, "");
    let answer = served.post("/v1/imports", &row);
    assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &serde_json::json!("bad_field")), "{answer:?}");
}
