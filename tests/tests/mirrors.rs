//! Mirrors between real nodes: a copy that is whole, records that enter once, a peer that lags, lies, or signs two histories.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use ostrakon_ledger::{Entry, RecordId, tile::TilePath};
use ostrakon_tests::{
    TestNode, TestPeer,
    binary::{ostrakon, ostrakon_ok},
    node::{OPEN_POLICY, bundle_entries, get_bytes},
};
use serde_json::{Value, json};

const MIRROR: &str = "node.example";
const FOLLOWED: &str = "b.example";

fn key(node: &TestNode) -> String {
    node.public_get("/.well-known/ostrakon").body["key"].as_str().unwrap().to_owned()
}

fn admit(node: &TestNode, name: &str, key: &str) {
    let answer = node.post("/v1/peers", &json!({ "peer": name, "key": key }));
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A served node, and another one that it has admitted and follows.
fn mirror_and_followed() -> (TestNode, TestNode) {
    let (mirror, mut followed) = (TestNode::serving(OPEN_POLICY, ""), TestNode::named(FOLLOWED));
    followed.serve();
    let vkey = followed.public_get("/.well-known/ostrakon").body["ledger"]["vkey"].as_str().unwrap().to_owned();
    mirror.run(&["peer", "admit", FOLLOWED, &vkey]);
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    (mirror, followed)
}

fn follows(mirror: &TestNode) -> Value {
    mirror.get(&format!("/v1/peers/{FOLLOWED}")).body["follows"].clone()
}

fn wait_for_state(mirror: &TestNode, state: &str, entries: u64) {
    mirror.wait_for(&format!("`{state}` with {entries} entries"), || {
        let view = follows(mirror);
        view["state"] == state && view["entries"] == entries
    });
}

/// All entries of a served ledger.
fn entries(node: &TestNode) -> Vec<Entry> {
    let size = node.tree_size();
    let mut entries = Vec::new();
    for n in 0..size.div_ceil(256) {
        let width = u16::try_from((size - n * 256).min(256)).unwrap();
        let bundle = get_bytes(&format!("{}/{}", node.public(), TilePath::Entries { n, width }));
        for entry in bundle_entries(&bundle) {
            entries.push(Entry::parse(entries.len() as u64, entry).unwrap());
        }
    }
    entries
}

/// Records of an author in a served ledger, in its order.
fn said(node: &TestNode, author: &str) -> Vec<RecordId> {
    let by = |entry: &&Entry| entry.record.record().header.author.as_str() == author;
    entries(node).iter().filter(by).map(|entry| entry.record.id()).collect()
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_mirror_keeps_up_and_serves_what_it_copied() {
    let (mut mirror, mut followed) = mirror_and_followed();
    let mut voter = TestPeer::admitted(&followed, "a.example");
    for n in 0..300 {
        voter.cast(&followed, &format!("peer:p{n}.example"), 10);
    }
    wait_for_state(&mirror, "current", 302);
    let (copy, ledger) = (format!("{}/mirror/{FOLLOWED}", mirror.public()), followed.public().to_owned());
    for file in ["checkpoint", "tile/0/000", "tile/0/001.p/46", "tile/1/000.p/1", "tile/entries/001.p/46"] {
        assert_eq!(get_bytes(&format!("{copy}/{file}")), get_bytes(&format!("{ledger}/{file}")), "{file}");
    }
    let vkey = followed.public_get("/.well-known/ostrakon").body["ledger"]["vkey"].as_str().unwrap().to_owned();
    let report = ostrakon_ok(&["ledger", "verify", "--url", &copy, "--vkey", &vkey]);
    assert!(report.contains("tree size   302") && report.contains("network     ostrakon"), "{report}");
    assert!(report.contains("signatures and rules agree"), "{report}");
    let listed = mirror.run(&["peer", "list"]);
    assert!(
        listed.contains("current, 302 entries copied") && listed.contains("300 entries by authors who"),
        "{listed}"
    );
    for missing in ["/mirror/c.example/checkpoint", "/mirror/b.example/", "/mirror/b.example/tile/0/002"] {
        assert_eq!(mirror.public_get(missing).status, 404, "{missing}");
    }
    assert_eq!(mirror.public_get("/mirror/..%2f/checkpoint").status, 400);

    // After a crash it goes on where it was, and serves at once what it had.
    mirror.kill();
    assert!(mirror.run(&["peer", "list"]).contains("not served, 302 entries copied"));
    followed.terminate();
    mirror.serve();
    assert_eq!(get_bytes(&format!("{}/mirror/{FOLLOWED}/tile/0/000", mirror.public())).len(), 8192);
    followed.serve();
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    voter.cast(&followed, "peer:z.example", 10);
    wait_for_state(&mirror, "current", 303);
    // Whoever has seen the state finds the gauges there.
    let metrics = mirror.get("/metrics").body.as_str().unwrap().to_owned();
    assert!(metrics.contains("ostrakon_mirror_entries{peer=\"b.example\"} 303"), "{metrics}");

    mirror.run(&["peer", "unfollow", FOLLOWED]);
    assert!(follows(&mirror).is_null());
    assert_eq!(mirror.public_get(&format!("/mirror/{FOLLOWED}/checkpoint")).status, 404);
    let again = ostrakon(&["peer", "unfollow", FOLLOWED, "--dir", &mirror.home_arg()]);
    assert_eq!(again.status.code(), Some(3));
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    wait_for_state(&mirror, "current", 303);
}

#[test]
fn what_admitted_authors_say_there_counts_here_once_and_says_where_it_was_found() {
    let (mut mirror, followed) = mirror_and_followed();
    let mut voter = TestPeer::admitted(&followed, "a.example");
    let mut stranger = TestPeer::admitted(&followed, "s.example");
    admit(&mirror, "a.example", &voter.key.public().to_string());
    let vote = voter.cast(&followed, "peer:x.example", -80);
    stranger.cast(&followed, "peer:x.example", -80);
    mirror.wait_for("the vote to enter", || said(&mirror, "a.example") == [vote]);
    let there = entries(&followed).iter().find(|entry| entry.record.id() == vote).unwrap().clone();
    let here = entries(&mirror).iter().find(|entry| entry.record.id() == vote).unwrap().clone();
    assert_eq!(here.record, there.record);
    let shown = mirror.public_get(&format!("/v1/records/{vote}")).body;
    assert_eq!(shown["copied_from"], json!({ "ledger": "b.example/ostrakon", "index": there.index }));
    assert!(said(&mirror, "s.example").is_empty());
    wait_for_state(&mirror, "current", 5);
    assert_eq!(follows(&mirror)["strangers"], 1);
    // The owner's admissions stand here as history: nobody was admitted by them.
    assert_eq!(said(&mirror, FOLLOWED), said(&followed, FOLLOWED));
    assert_eq!(mirror.get("/v1/peers/s.example").status, 404);
    // It counts, and whoever asks is told where it came from, by the node and by the receipt.
    mirror.run(&["vote", "peer:a.example", "100", "--category", "vouch"]);
    mirror.wait_for("the vote to count", || mirror.get("/v1/subjects/peer:x.example").body["score"].as_i64() < Some(0));
    let why = mirror.run(&["explain", "peer:x.example"]);
    assert!(why.contains(&format!("copied from b.example/ostrakon (index {} there)", there.index)), "{why}");
    let receipt = mirror.beside("receipt");
    std::fs::write(&receipt, mirror.run(&["ledger", "proof", &vote.to_string()])).unwrap();
    let vkey = mirror.public_get("/.well-known/ostrakon").body["ledger"]["vkey"].as_str().unwrap().to_owned();
    let proven = ostrakon_ok(&["ledger", "proof", "--verify", receipt.to_str().unwrap(), "--vkey", &vkey]);
    assert!(proven.starts_with("the receipt is valid\n"), "{proven}");
    assert!(proven.contains(&format!("copied from index {} of b.example/ostrakon", there.index)), "{proven}");
    // Sent here, too, it is known already; and the author goes on at either place.
    let before = mirror.tree_size();
    let second = voter.cast(&mirror, "peer:y.example", 10);
    let envelope = there.record.to_envelope();
    assert_eq!(mirror.public_post("/v1/votes", &envelope).body["new"], false);
    assert_eq!(mirror.tree_size(), before + 1);
    // Who is admitted later enters with all that was said.
    admit(&mirror, "s.example", &stranger.key.public().to_string());
    mirror.wait_for("the stranger's record", || said(&mirror, "s.example").len() == 1);
    mirror.wait_for("no strangers", || follows(&mirror)["strangers"] == 0);
    // A restart finds nothing to do again.
    let before = mirror.tree_size();
    mirror.kill();
    mirror.serve();
    let third = stranger.cast(&followed, "peer:z.example", 5);
    mirror.wait_for("the next record", || said(&mirror, "s.example").last() == Some(&third));
    assert_eq!((mirror.tree_size(), said(&mirror, "a.example")), (before + 1, vec![vote, second]));
    mirror.verify();
}

/// Two nodes that follow each other: each gets what the other says, nothing goes round, and each heals from the other.
#[test]
fn two_that_follow_each_other_come_to_rest_and_heal_from_each_other() {
    let (mut mirror, mut followed) = mirror_and_followed();
    admit(&followed, MIRROR, &key(&mirror));
    followed.run(&["peer", "follow", MIRROR, mirror.public()]);
    let backup = followed.beside("last-week");
    for n in 0..5 {
        mirror.run(&["vote", &format!("peer:m{n}.example"), "-10", "--category", "spam"]);
        followed.run(&["vote", &format!("peer:f{n}.example"), "-10", "--category", "spam"]);
        if n == 2 {
            followed.terminate();
            copy_folder(&followed.home().join("ledger"), &backup);
            followed.serve();
            mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
        }
    }
    let settled = |node: &TestNode| said(node, MIRROR).len() == 7 && said(node, FOLLOWED).len() == 7;
    mirror.wait_for("both to have all", || settled(&mirror) && settled(&followed));
    // The owner's admission of itself and of the other, and five votes of each, in both.
    mirror.wait_for("copies to be whole", || follows(&mirror)["entries"] == followed.tree_size());
    assert_eq!((mirror.tree_size(), followed.tree_size()), (14, 14));
    assert_eq!(said(&mirror, FOLLOWED), said(&followed, FOLLOWED));
    assert_eq!(said(&mirror, MIRROR), said(&followed, MIRROR));

    // The ledger is lost, the signed state is not; the other one's copy has it. It is named as a peer is.
    let before = entries(&followed);
    followed.terminate();
    std::fs::remove_dir_all(followed.home().join("ledger")).unwrap();
    copy_folder(&backup, &followed.home().join("ledger"));
    assert_eq!(ostrakon(&["serve", "--dir", &followed.home_arg()]).status.code(), Some(1), "it does not sign");
    let healed = followed.run(&["ledger", "heal", "--from", MIRROR]);
    assert!(healed.contains("are back"), "{healed}");
    assert_eq!(followed.verify(), 14);
    followed.serve();
    assert_eq!(entries(&followed), before);
    assert_eq!(mirror.verify(), 14);
    mirror.terminate();
}

#[test]
fn a_peer_that_does_not_answer_or_is_someone_else_is_shown_as_such() {
    let (mirror, mut followed) = mirror_and_followed();
    wait_for_state(&mirror, "current", 1);
    followed.kill();
    wait_for_state(&mirror, "unreachable", 1);
    assert!(follows(&mirror)["reason"].is_string());
    let other = TestNode::serving(OPEN_POLICY, "");
    mirror.run(&["peer", "follow", FOLLOWED, other.public()]);
    wait_for_state(&mirror, "lying", 1);
    assert!(mirror.run(&["peer", "list"]).contains("the checkpoint is not its own"));
    assert_eq!(get_bytes(&format!("{}/mirror/{FOLLOWED}/tile/0/000.p/1", mirror.public())).len(), 32);
    let nobody = ostrakon(&["peer", "follow", "c.example", other.public(), "--dir", &mirror.home_arg()]);
    assert_eq!(nobody.status.code(), Some(3), "whose key is not known cannot be followed");
    let address = ostrakon(&["peer", "follow", FOLLOWED, "ftp://b.example", "--dir", &mirror.home_arg()]);
    assert_eq!(address.status.code(), Some(2));
    assert_eq!(mirror.check("m1", "a.example")["verdict"], "accept", "nothing else is impaired");
}

#[test]
fn a_copy_ends_where_the_operator_says() {
    let (mut mirror, followed) = mirror_and_followed();
    wait_for_state(&mirror, "current", 1);
    mirror.terminate();
    mirror.reconfigure("copy_entries_max = 10000000", "copy_entries_max = 1");
    mirror.serve();
    TestPeer::admitted(&followed, "a.example");
    wait_for_state(&mirror, "full", 1);
    assert!(follows(&mirror)["reason"].as_str().unwrap().contains("limits.copy_entries_max"));
}

/// A folder put back from a backup, signed state and all: the node itself cannot know, its mirror does.
#[test]
fn a_peer_that_signs_a_second_history_is_behind_at_first_and_convicted_in_the_end() {
    let (mut mirror, mut followed) = mirror_and_followed();
    let mut voter = TestPeer::admitted(&followed, "a.example");
    voter.cast(&followed, "peer:x.example", 10);
    let (seq, prev) = (voter.seq, voter.prev);
    followed.terminate();
    let backup = followed.beside("backup");
    copy_folder(&followed.home(), &backup);
    followed.serve();
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    for n in 0..5 {
        voter.cast(&followed, &format!("peer:p{n}.example"), 10);
    }
    wait_for_state(&mirror, "current", 8);

    followed.terminate();
    std::fs::remove_dir_all(followed.home()).unwrap();
    copy_folder(&backup, &followed.home());
    followed.serve();
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    wait_for_state(&mirror, "behind", 8);
    assert_eq!(follows(&mirror)["reason"], "it shows 3 entries and has shown 8");
    (voter.seq, voter.prev) = (seq, prev);
    for n in 0..7 {
        voter.cast(&followed, &format!("peer:q{n}.example"), -10);
    }
    wait_for_state(&mirror, "forked", 8);
    let shown = mirror.get(&format!("/v1/peers/{FOLLOWED}")).body;
    assert!(shown["convicted_at_index"].is_u64(), "{shown}");
    assert!(mirror.run(&["peer", "list"]).contains("told two stories"));

    // A stranger checks the proof without any node.
    let file = mirror.beside("fork.json");
    std::fs::write(&file, mirror.run(&["ledger", "fork", FOLLOWED])).unwrap();
    let said = ostrakon(&["ledger", "fork", "--check", file.to_str().unwrap()]);
    assert!(said.status.success(), "{said:?}");
    assert!(String::from_utf8_lossy(&said.stdout).contains("two checkpoints of which the first is no prefix"));
    assert!(mirror.get("/metrics").body.as_str().unwrap().contains("state=\"forked\""));
    let before = mirror.verify();
    // Once is enough, and it is for good: also after a restart, and when the peer does not answer any more.
    mirror.kill();
    assert!(mirror.run(&["peer", "list"]).contains("forked, 8 entries copied"));
    followed.kill();
    mirror.serve();
    assert_eq!(follows(&mirror)["state"], "forked");
    assert_eq!(mirror.verify(), before);
}

/// A folder put back from a backup, signed state and all, and served at once: a followed peer proves what was signed since, and
/// from then on nothing is signed until the ledger is healed.
#[test]
fn a_node_from_an_old_backup_stops_signing_when_a_followed_peer_proves_it() {
    let (mirror, mut followed) = mirror_and_followed();
    admit(&followed, MIRROR, &key(&mirror));
    followed.run(&["peer", "follow", MIRROR, mirror.public()]);
    let vote = |node: &TestNode, subject: &str| {
        node.post("/v1/own/votes", &json!({ "subject": subject, "value": -10, "category": "spam" }))
    };
    let mut voter = TestPeer::admitted(&followed, "a.example");
    followed.terminate();
    let backup = followed.beside("backup");
    copy_folder(&followed.home(), &backup);
    followed.serve();
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    for n in 0..5 {
        assert_eq!(vote(&followed, &format!("peer:f{n}.example")).status, 200);
    }
    mirror.wait_for("the copy", || said(&mirror, FOLLOWED).len() == 8);
    followed.terminate();
    std::fs::remove_dir_all(followed.home()).unwrap();
    copy_folder(&backup, &followed.home());
    let command = followed.serve_command();
    followed.start(command);

    followed.wait_for("the proof", || {
        let ready = followed.get("/readyz");
        let ledger = &ready.body["parts"][0];
        ready.status == 503 && ledger["part"] == "ledger" && ledger["reason"].to_string().contains("5 records")
    });
    for answer in [
        vote(&followed, "peer:x.example"),
        followed.public_post("/v1/votes", &voter.vote("peer:y.example", -10).to_envelope()),
        followed.post(
            "/v1/peers",
            &json!({ "peer": "c.example", "key": TestPeer::new("c.example").key.public().to_string() }),
        ),
    ] {
        let error = &answer.body["error"];
        assert_eq!(
            (answer.status, &error["code"], &error["blame"]),
            (503, &json!("rolled_back"), &json!("us")),
            "{answer:?}"
        );
    }
    let metrics = followed.get("/metrics").body.as_str().unwrap().to_owned();
    assert!(metrics.contains("ostrakon_mirror_forgotten_records{peer=\"node.example\"} 5"), "{metrics}");
    assert!(followed.log().contains("ostrakon ledger heal --from node.example"), "{}", followed.log());
    assert!(followed.check("m1", "a.example")["degraded"].is_null(), "checks go on");
    let listed = followed.run(&["peer", "list"]);
    assert!(listed.contains("5 records of this node are there and not here"), "{listed}");

    followed.terminate();
    let healed = followed.run(&["ledger", "heal", "--from", MIRROR]);
    assert!(healed.contains("are back") && healed.contains("newer checkpoint"), "{healed}");
    followed.serve();
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    assert_eq!(vote(&followed, "peer:x.example").status, 200);
    mirror.wait_for("the next vote", || said(&mirror, FOLLOWED).len() == 9);
    assert!(mirror.get(&format!("/v1/peers/{FOLLOWED}")).body["convicted_at_index"].is_null());
    followed.verify();
}

/// Who owns a ledger may admit any name to it with any key, this node's name among them.
#[test]
fn a_followed_peer_that_invents_records_of_this_node_does_not_stop_it() {
    let (mirror, followed) = mirror_and_followed();
    let mut impostor = TestPeer::admitted(&followed, MIRROR);
    for n in 0..5 {
        impostor.cast(&followed, &format!("peer:p{n}.example"), -10);
    }
    wait_for_state(&mirror, "current", 7);
    mirror.wait_for("the warning", || mirror.log().contains("no key of this node has signed"));
    assert_eq!(follows(&mirror)["forgotten"], 0);
    assert_eq!(mirror.get("/readyz").status, 200);
    let before = mirror.tree_size();
    mirror.run(&["vote", "peer:x.example", "-10", "--category", "spam"]);
    assert_eq!(mirror.tree_size(), before + 1);
    assert_eq!(said(&mirror, MIRROR).len(), 3, "its own admission, the peer's, the vote");
    mirror.verify();
}

/// A ledger that shows one history to one and another to another: the two compare notes.
#[test]
fn a_peer_that_shows_two_histories_to_two_mirrors_is_convicted_by_either() {
    let (mut mirror, mut followed) = mirror_and_followed();
    let mut voter = TestPeer::admitted(&followed, "a.example");
    followed.terminate();
    let mut double = TestNode::named(FOLLOWED);
    std::fs::remove_dir_all(double.home()).unwrap();
    copy_folder(&followed.home(), &double.home());
    followed.serve();
    double.serve();
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    let mut other = TestNode::named("c.example");
    other.serve();
    admit(&other, FOLLOWED, &key(&followed));
    other.run(&["peer", "follow", FOLLOWED, double.public()]);
    // Of an author whom neither mirror admitted: only the checkpoints tell.
    voter.cast(&followed, "peer:x.example", 10);
    (voter.seq, voter.prev) = (0, RecordId::ZERO);
    for n in 0..3 {
        voter.cast(&double, &format!("peer:q{n}.example"), -10);
    }
    wait_for_state(&mirror, "current", 3);
    wait_for_state(&other, "current", 5);
    assert!(mirror.get(&format!("/v1/peers/{FOLLOWED}")).body["convicted_at_index"].is_null());

    admit(&mirror, "c.example", &key(&other));
    mirror.run(&["peer", "follow", "c.example", other.public()]);
    mirror.wait_for("the conviction", || {
        mirror.get(&format!("/v1/peers/{FOLLOWED}")).body["convicted_at_index"].is_u64()
    });
    // The history that it shows us goes on as if nothing had happened. That changes nothing any more.
    voter = TestPeer::admitted(&followed, "d.example");
    voter.cast(&followed, "peer:y.example", 10);
    let asked = |node: &TestNode| node.get("/v1/peers/c.example").body["follows"]["asked_at_ms"].as_u64();
    for _ in 0..3 {
        let before = asked(&mirror);
        mirror.wait_for("another round", || {
            let view = follows(&mirror);
            assert_eq!((&view["state"], &view["entries"]), (&json!("forked"), &json!(3)), "{view}");
            asked(&mirror) > before
        });
    }
    let metrics = mirror.get("/metrics").body.as_str().unwrap().to_owned();
    for (peer, forked) in [(FOLLOWED, 1), ("c.example", 0)] {
        assert!(metrics.contains(&format!("ostrakon_mirror_forked{{peer=\"{peer}\"}} {forked}")), "{metrics}");
    }
    mirror.kill();
    mirror.serve();
    assert_eq!(follows(&mirror)["state"], "forked");
    let file = mirror.beside("fork.json");
    std::fs::write(&file, mirror.run(&["ledger", "fork", FOLLOWED])).unwrap();
    let proven = ostrakon_ok(&["ledger", "fork", "--check", file.to_str().unwrap()]);
    assert!(proven.contains("two checkpoints"), "{proven}");
    mirror.verify();

    // Until the operator says otherwise. The conviction stands all the same.
    mirror.run(&["peer", "unfollow", FOLLOWED]);
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    assert_eq!(follows(&mirror)["state"], "forked");
    mirror.run(&["peer", "unfollow", FOLLOWED]);
    std::fs::remove_dir_all(mirror.home().join("mirrors").join(FOLLOWED)).unwrap();
    mirror.run(&["peer", "unfollow", "c.example"]);
    mirror.run(&["peer", "follow", FOLLOWED, followed.public()]);
    wait_for_state(&mirror, "current", followed.tree_size());
    assert!(mirror.get(&format!("/v1/peers/{FOLLOWED}")).body["convicted_at_index"].is_u64());
}

#[test]
fn who_says_one_thing_here_and_another_there_is_convicted() {
    let (mirror, followed) = mirror_and_followed();
    let mut liar = TestPeer::admitted(&followed, "liar.example");
    admit(&mirror, "liar.example", &liar.key.public().to_string());
    let first = liar.cast(&mirror, "peer:x.example", 80);
    (liar.seq, liar.prev) = (0, RecordId::ZERO);
    let second = liar.cast(&followed, "peer:x.example", -80);
    mirror.wait_for("the conviction", || mirror.get("/v1/peers/liar.example").body["convicted_at_index"].is_u64());
    assert_eq!(said(&mirror, "liar.example"), [first]);
    let file = mirror.beside("fork.json");
    std::fs::write(&file, mirror.run(&["ledger", "fork", "liar.example"])).unwrap();
    let text = ostrakon_ok(&["ledger", "fork", "--check", file.to_str().unwrap()]);
    assert!(text.contains(&first.to_string()) && text.contains(&second.to_string()), "{text}");
    mirror.verify();
}

/// Killed again and again while it copies: in the end every record stands in the copy, and in the own ledger once.
#[test]
fn a_mirror_that_is_killed_while_it_copies_loses_and_doubles_nothing() {
    let (mut mirror, followed) = mirror_and_followed();
    let mut voter = TestPeer::admitted(&followed, "a.example");
    admit(&mirror, "a.example", &voter.key.public().to_string());
    let mut votes = Vec::new();
    for round in 0..6 {
        for n in 0..40 {
            votes.push(voter.cast(&followed, &format!("peer:p{round}-{n}.example"), -10));
            // At another moment each time: right away, or when the first of them have arrived.
            if n == 39 && round % 2 == 1 {
                mirror.wait_for("something new", || said(&mirror, "a.example").len() > round * 40);
            }
        }
        mirror.kill();
        mirror.verify();
        mirror.serve();
    }
    mirror.wait_for("all votes", || said(&mirror, "a.example").len() >= votes.len());
    assert_eq!(said(&mirror, "a.example"), votes);
    wait_for_state(&mirror, "current", followed.tree_size());
    let copy = format!("{}/mirror/{FOLLOWED}", mirror.public());
    let vkey = followed.public_get("/.well-known/ostrakon").body["ledger"]["vkey"].as_str().unwrap().to_owned();
    ostrakon_ok(&["ledger", "verify", "--url", &copy, "--vkey", &vkey]);
    // The owners' admissions of themselves, one of the voter in each ledger, one of the followed here; and the votes.
    assert_eq!(mirror.verify(), 3 + 2 + votes.len() as u64);
}
