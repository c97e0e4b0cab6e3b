//! Third-party votes: each file becomes signed records once, however often it is imported and whichever way.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::process::Command;

use ostrakon_tests::{
    TestNode,
    binary::{ostrakon, path},
    data,
    node::{OPEN_POLICY, rows},
};

const RATINGS: &str = "alice,bob,5,1300000000.25\nalice,carol,-10,1300000001\nbob,carol,1,1300000002\n";

const BLOCKS: &str = "unix_time,voter,domain,action,severity,public_comment
1673587264,one.example,spam.example,add,suspend,True
1673587265,two.example,spam.example,add,silence,True
1673587266,one.example,spam.example,remove,suspend,True
1673587267,one.example,*.bad.example,add,suspend,True
";

const EXPORT: &str = "#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate
spam.example,suspend,True,True,spam,False
noisy.example,silence,False,False,,False
";

fn import(node: &TestNode, name: &str, text: &str, more: &[&str]) -> String {
    let file = node.beside(name);
    if std::fs::read_to_string(&file).ok().as_deref() != Some(text) {
        std::fs::write(&file, text).unwrap();
    }
    let mut import = Command::new(path("ostrakon"));
    let output =
        import.args(["import", "votes", file.to_str().unwrap()]).args(more).env("OSTRAKON_TOKEN", node.token());
    let output = output.output().unwrap();
    assert!(output.status.success(), "{more:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn importing_twice_adds_nothing_whichever_way() {
    let mut node = TestNode::new();
    let home = node.home_arg();
    for (name, text, format, added) in [
        ("ratings.csv", RATINGS, &["--format", "otc"][..], "3 records added for 3 votes, 2 new sources"),
        ("blocks.csv", BLOCKS, &["--format", "fediverse"], "4 records added for 4 votes, 2 new sources"),
        (
            "export.csv",
            EXPORT,
            &["--format", "mastodon", "--source", "list"],
            "2 records added for 2 votes, 1 new source",
        ),
    ] {
        let first = import(&node, name, text, &[format, &["--dir", &home]].concat());
        assert!(first.contains(added) && first.contains("has no weight yet"), "{first}");
        let again = import(&node, name, text, &[format, &["--dir", &home]].concat());
        assert!(again.starts_with("0 records added"), "{again}");
    }
    let entries = node.verify();
    node.serve();
    let local = node.local().to_owned();
    let again = import(&node, "ratings.csv", RATINGS, &["--format", "otc", "--node", &local]);
    assert!(again.starts_with("0 records added"), "{again}");
    let more = format!("{RATINGS}dave,bob,3,1300000003\n");
    let one = import(&node, "ratings.csv", &more, &["--format", "otc", "--node", &local]);
    assert!(one.starts_with("1 record added"), "{one}");
    assert_eq!(node.verify(), entries + 2, "the vote and the admission of its source");
}

#[test]
fn imported_sources_are_marked_and_stand_under_our_own_name() {
    let mut node = TestNode::new();
    node.reconfigure("half_life = \"90d\"", "half_life = \"none\"");
    node.serve();
    import(&node, "ratings.csv", RATINGS, &["--format", "otc", "--dir", &node.home_arg()]);
    let peers = node.run(&["peer", "list"]);
    for source in ["alice", "bob"] {
        let name = format!("{source}.otc.imported.node.example");
        let line = peers.lines().find(|line| line.starts_with(&name)).unwrap_or_else(|| panic!("{name} in {peers}"));
        assert!(line.ends_with("imported"), "{line}");
    }
    node.wait_for("the book", || {
        let explained = node.get("/v1/subjects/peer:carol.otc.imported.node.example").body;
        explained["contributions"].as_array().is_some_and(|votes| votes.len() == 2)
    });
}

#[test]
fn a_row_for_a_real_server_is_turned_away_over_http() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let row = serde_json::json!([{ "source": "real.example", "subject": "peer:x.example", "line": 1,
        "action": { "cast": { "value": -100, "category": "abuse", "cast_at_ms": 1, "expires_at_ms": 0 } } }]);
    let answer = node.post("/v1/imports", &row);
    assert_eq!((answer.status, &answer.body["error"]["code"]), (400, &serde_json::json!("not_imported")), "{answer:?}");
}

#[test]
fn a_withdrawn_vote_is_withdrawn_and_the_other_list_stays() {
    let node = TestNode::serving(OPEN_POLICY, "");
    import(&node, "blocks.csv", BLOCKS, &["--format", "fediverse", "--dir", &node.home_arg()]);
    node.wait_for("the book", || {
        node.get("/v1/subjects/peer:spam.example").body["contributions"]
            .as_array()
            .is_some_and(|votes| votes.len() == 1)
    });
    let left = node.get("/v1/subjects/peer:spam.example").body["contributions"][0]["voter"].clone();
    assert_eq!(left, "peer:two.example.fediverse.imported.node.example");
}

#[test]
fn a_file_that_cannot_be_read_is_refused_whole_with_line_and_column() {
    let node = TestNode::new();
    for (name, text, wanted) in [
        ("rating", "a,b,11,1300000000\n", "line 1, column `rating`"),
        ("time", "a,b,1,1300000000\na,c,1,noon\n", "line 2, column `time`"),
        ("columns", "a,b,1\n", "line 1"),
    ] {
        let file = node.beside(name);
        std::fs::write(&file, text).unwrap();
        let output =
            ostrakon(&["import", "votes", file.to_str().unwrap(), "--format", "otc", "--dir", &node.home_arg()]);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(3), "{errors}");
        assert!(errors.contains(wanted), "{errors} should have {wanted}");
    }
    assert_eq!(node.verify(), 1);
}

#[test]
fn the_real_ratings_go_in_whole() {
    let Some(file) = data("bitcoin-otc/soc-sign-bitcoinotc.csv") else { return };
    let node = TestNode::new();
    let receipts = node.beside("receipts");
    let import =
        ["import", "votes", file.to_str().unwrap(), "--format", "otc", "--receipts", receipts.to_str().unwrap()];
    let printed = node.run(&import);
    assert!(printed.starts_with("35592 records added for 35592 votes"), "{printed}");
    assert_eq!(node.verify(), 1 + rows(&receipts).len() as u64);
}
