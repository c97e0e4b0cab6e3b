//! The vote flow through a served node: envelope, ledger, scores, the read API.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use ostrakon_ledger::{Body, RecordId};
use ostrakon_tests::{
    TestNode, TestPeer,
    node::{OPEN_POLICY, get_coded},
};
use serde_json::{Value, json};

#[test]
fn a_vote_is_answered_with_its_place_and_moves_the_score() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let mut peer = TestPeer::admitted(&node, "a.example");
    let record = peer.vote("peer:spam.example", -80);
    let answer = node.public_post("/v1/votes", &record.to_envelope());
    assert_eq!(answer.status, 200, "{answer:?}");
    let told = |new: bool| {
        let id = record.id().to_string();
        json!({ "id": id, "index": 2, "new": new, "receipt": format!("/v1/records/{id}/receipt") })
    };
    assert_eq!(answer.body, told(true));
    let again = node.public_post("/v1/votes", &record.to_envelope());
    assert_eq!(again.body, told(false));
}

#[test]
fn a_seed_is_believed_a_stranger_is_heard_and_not_believed() {
    let mut node = TestNode::new();
    node.reconfigure("\"node.example\" = 1000", "\"seed.example\" = 1000");
    node.serve();
    let mut seed = TestPeer::admitted(&node, "seed.example");
    let mut nobody = TestPeer::admitted(&node, "nobody.example");
    seed.cast(&node, "peer:bad.example", -100);
    nobody.cast(&node, "peer:good.example", -100);
    let score = |subject: &str| node.get(&format!("/v1/subjects/{subject}")).body;
    node.wait_for("the book", || score("peer:bad.example")["ledger_index"] == json!(5));
    let bad = score("peer:bad.example");
    assert!(bad["score"].as_i64().unwrap() < -500, "{bad}");
    assert_eq!(bad["contributions"][0]["voter"], "peer:seed.example");
    assert_eq!(score("peer:good.example")["score"], 0);
    let parts: i64 =
        bad["contributions"].as_array().unwrap().iter().map(|part| part["weight_nv"].as_i64().unwrap()).sum();
    assert_eq!(-parts, bad["terms"]["negative_nv"].as_i64().unwrap());
}

#[test]
fn taking_a_vote_back_leaves_the_others() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let vote = |subject: &str| {
        let printed = node.run(&["vote", subject, "-80", "--category", "spam"]);
        printed.rsplit(' ').next().unwrap().trim().to_owned()
    };
    let (first, _) = (vote("peer:one.example"), vote("peer:two.example"));
    node.run(&["retract", &first]);
    let score = |subject: &str| node.get(&format!("/v1/subjects/{subject}")).body;
    node.wait_for("the book", || score("peer:one.example")["ledger_index"] == json!(4));
    assert_eq!(score("peer:one.example")["known"], json!(false));
    assert!(score("peer:two.example")["score"].as_i64().unwrap() < -300);
}

#[test]
fn records_that_do_not_fit_are_refused_with_a_code_and_change_nothing() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let mut peer = TestPeer::admitted(&node, "a.example");
    let mut other = TestPeer::admitted(&node, "b.example");
    let theirs = other.cast(&node, "peer:x.example", 50);
    peer.cast(&node, "peer:x.example", -50);
    let (seq, prev) = (peer.seq, peer.prev);
    let tell = |peer: &mut TestPeer, change: &dyn Fn(&mut TestPeer)| {
        (peer.seq, peer.prev) = (seq, prev);
        change(peer);
        peer.vote("peer:y.example", 10).to_envelope()
    };
    let gap = tell(&mut peer, &|peer| peer.seq += 1);
    let fork = tell(&mut peer, &|peer| peer.prev = RecordId::of(b"another story"));
    let second_story = tell(&mut peer, &|peer| (peer.seq, peer.prev) = (0, RecordId::ZERO));
    let elsewhere = {
        (peer.seq, peer.prev, peer.network) = (seq, prev, "elsewhere".into());
        let record = peer.vote("peer:y.example", 10).to_envelope();
        peer.network = "ostrakon".into();
        record
    };
    let stranger = TestPeer::new("stranger.example").vote("peer:y.example", 10).to_envelope();
    let mut thief = TestPeer::new("thief.example");
    thief.name = peer.name.clone();
    (thief.seq, thief.prev) = (seq, prev);
    let stolen = thief.vote("peer:y.example", 10).to_envelope();
    (peer.seq, peer.prev) = (seq, prev);
    let not_mine = peer.retract(theirs).to_envelope();
    (peer.seq, peer.prev) = (seq, prev);
    let nothing = peer.retract(RecordId::of(b"nothing")).to_envelope();
    (peer.seq, peer.prev) = (seq, prev);
    let admission = Body::Admit(ostrakon_ledger::Admit {
        peer: "c.example".parse().unwrap(),
        peer_key: other.key.public(),
        imported: false,
    });
    let admission = peer.say(admission).to_envelope();
    (peer.seq, peer.prev) = (seq, prev);
    let good = String::from_utf8(peer.vote("peer:y.example", 10).to_envelope()).unwrap();
    let signature = good.split("\"sig\":\"").nth(1).unwrap()[..10].to_owned();
    let forged = good.replace(&signature, &signature.chars().rev().collect::<String>());
    let cases: [(&str, Vec<u8>, u16, &str); 11] = [
        ("gap", gap, 409, "out_of_sequence"),
        ("wrong prev", fork, 409, "out_of_sequence"),
        ("other network", elsewhere, 403, "wrong_network"),
        ("stranger", stranger, 403, "unknown_peer"),
        ("stolen name", stolen, 403, "wrong_key"),
        ("another's vote", not_mine, 403, "not_author"),
        ("no such vote", nothing, 404, "unknown_target"),
        ("admission by a peer", admission, 403, "not_owner"),
        ("forged", forged.into_bytes(), 403, "bad_signature"),
        ("truncated", good.as_bytes()[..good.len() - 9].to_vec(), 400, "malformed"),
        ("oversized", vec![b' '; 25_000], 413, "too_large"),
    ];
    let before = node.public_get("/checkpoint").body;
    for (what, envelope, status, code) in cases {
        let answer = node.public_post("/v1/votes", &envelope);
        assert_eq!((answer.status, &answer.body["error"]["code"]), (status, &json!(code)), "{what}: {answer:?}");
    }
    assert_eq!(node.public_get("/checkpoint").body, before);
    // A second story is refused, too, and what changes is that its teller is convicted.
    let answer = node.public_post("/v1/votes", &second_story);
    assert_eq!((answer.status, &answer.body["error"]["code"]), (409, &json!("conflict")), "{answer:?}");
    let after = node.public_get("/checkpoint").body;
    assert_eq!(after.as_str().unwrap().lines().nth(1), Some("6"));
    let answer = node.public_post("/v1/votes", good.as_bytes());
    assert_eq!((answer.status, &answer.body["error"]["code"]), (403, &json!("convicted")), "its sequence ends there");
}

#[test]
fn the_ledger_can_be_read_by_anyone() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let mut peer = TestPeer::admitted(&node, "a.example");
    for n in 1..=5 {
        peer.cast(&node, &format!("peer:p{n}.example"), 10);
    }
    let checkpoint = node.public_get("/checkpoint").body;
    let lines: Vec<_> = checkpoint.as_str().unwrap().lines().collect();
    assert_eq!(lines[..2], ["node.example/ostrakon", "7"]);
    let about = node.public_get("/.well-known/ostrakon").body;
    assert_eq!(about["ledger"]["origin"], "node.example/ostrakon");
    assert!(lines[4].starts_with("— node.example/ostrakon "));
    assert_eq!(node.public_get("/tile/0/000.p/7").status, 200);
    assert_eq!(node.public_get("/tile/entries/000.p/7").status, 200);
    let bundle = format!("{}/tile/entries/000.p/7", node.public());
    let (coding, packed) = get_coded(&bundle, "deflate, gzip;q=0.5");
    assert_eq!((coding.as_deref(), &packed[..2]), (Some("gzip"), &[0x1f, 0x8b][..]));
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed.as_slice()), &mut plain).unwrap();
    assert!(packed.len() < plain.len());
    assert_eq!((None, plain), get_coded(&bundle, "gzip;q=0, identity"));
    assert_eq!(get_coded(&format!("{}/tile/0/000.p/7", node.public()), "gzip").0, None);
    assert_eq!(node.public_get("/tile/0/000.p/8").body["error"]["code"], "no_such_tile");
    assert_eq!(node.public_get("/tile/0/0").status, 400);
}

#[test]
fn two_seed_sets_see_one_ledger_differently_and_an_outsider_sees_less() {
    let mut node = TestNode::new();
    node.reconfigure(
        "\"node.example\" = 1000",
        "\"a.example\" = 1000\n[reputation.viewpoints.friends]\n\"b.example\" = 500",
    );
    node.serve();
    let mut friend = TestPeer::admitted(&node, "b.example");
    let mut own = TestPeer::admitted(&node, "a.example");
    own.cast(&node, "peer:x.example", -80);
    friend.cast(&node, "peer:x.example", 80);
    let ask = |form: &str| node.get(&format!("/v1/subjects/peer:x.example{form}")).body;
    node.wait_for("the book", || ask("")["ledger_index"] == json!(5));

    let (ours, theirs) = (ask(""), ask("?viewpoint=friends"));
    assert!(ours["score"].as_i64().unwrap() < -500 && theirs["score"].as_i64().unwrap() > 500, "{ours} {theirs}");
    assert_eq!((&ours["viewpoint"], &theirs["viewpoint"]), (&json!("node.example"), &json!("friends")));
    assert_eq!((&ours["parameters"], &ours["ledger_index"]), (&theirs["parameters"], &theirs["ledger_index"]));
    assert_ne!(ours["seeds"], theirs["seeds"]);
    let seen = |explained: &Value| -> Vec<Value> {
        explained["viewpoints"].as_array().unwrap().iter().map(|seen| seen["score"].clone()).collect()
    };
    assert_eq!(seen(&ours), [ours["score"].clone(), theirs["score"].clone()]);
    let nobody = node.get("/v1/subjects/peer:x.example?viewpoint=nobody");
    assert_eq!((nobody.status, &nobody.body["error"]["code"]), (404, &json!("no_such_viewpoint")));
    assert_eq!(node.get("/v1/subjects/peer:x.example?redact=true").status, 400);

    let outside = ask("?redacted=true");
    assert_eq!((&outside["score"], &outside["ledger_index"]), (&ours["score"], &ours["ledger_index"]));
    let listed = |vote: &Value| (vote["index"].clone(), vote["voter"].clone());
    let votes: Vec<_> = outside["votes"].as_array().unwrap().iter().map(listed).collect();
    assert_eq!(votes, [(json!(4), json!("peer:b.example")), (json!(3), json!("peer:a.example"))]);
    for key in ["contributions", "terms", "trust", "own", "viewpoints", "seeds", "categories", "outlook"] {
        assert!(outside.get(key).is_none(), "{key} is not for outsiders");
    }

    // The same on the command line, with the node and without it.
    let told = |node: &TestNode| {
        [&["--viewpoint", "friends"][..], &["--redacted"], &["--redacted", "--json"], &[]]
            .map(|form| node.run(&[&["explain", "peer:x.example"], form].concat()))
    };
    let served = told(&node);
    assert!(
        served[0].contains("seen by friends at ledger index 5") && served[0].contains("seen by node.example: score")
    );
    assert!(
        served[1].contains("-80 spam by peer:a.example (index 3)") && !served[1].contains("votes  "),
        "{}",
        served[1]
    );
    assert!(served[3].contains("seen by friends: score"));
    node.terminate();
    let alone = told(&node);
    assert_eq!(alone[1], served[1]);
    for form in [0, 3] {
        // Without the node nobody knows what its own users reported; that is said at the end.
        assert!(alone[form].starts_with(&served[form]), "{} against {}", alone[form], served[form]);
    }
}
