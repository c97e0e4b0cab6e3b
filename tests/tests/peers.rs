//! What an admitted peer may do, how much of it, and how that ends.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{Read, Write},
    net::TcpListener,
    thread::JoinHandle,
};

use ostrakon_ledger::{
    Body, Category, Erase, Evidence, LogFiles, RecordId, SecretKey, SignedRecord, Vote, tile::TilePath,
};
use ostrakon_router::server::{evidence::read::EvidenceQuestion, remote::RemoteLog};
use ostrakon_tests::{
    TestNode, TestPeer, Webhook,
    binary::{ostrakon, ostrakon_ok},
    node::{Answer, OPEN_POLICY, get_signed, put},
    peer::now_ms,
};
use serde_json::{Value, json};

/// A policy that turns every message away.
const CLOSED_POLICY: &str =
    "[[rule]]\nname = \"closed\"\nwhen = \"score <= 1000\"\nverdict = \"reject\"\nexplain = \"Closed.\"\n";

fn committed(peer: &mut TestPeer, subject: &str, evidence: &Evidence) -> SignedRecord {
    let vote = Vote::plain(subject.parse().unwrap(), -80, Category::Spam, now_ms());
    peer.say(Body::Vote(Vote { commitment: evidence.commitment(), ..vote }))
}

fn send(node: &TestNode, record: &SignedRecord) -> Answer {
    node.public_post("/v1/votes", &record.to_envelope())
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.body["error"]["code"].as_str().unwrap_or_default())
}

fn evidence_path(id: &RecordId) -> String {
    format!("/v1/records/{id}/evidence")
}

fn evidence_url(base: &str, id: &RecordId) -> String {
    format!("{base}{}", evidence_path(id))
}

/// A signed question of a peer for a record's evidence.
fn read(node: &TestNode, peer: &TestPeer, id: RecordId) -> u16 {
    let domain = "node.example".parse().unwrap();
    let question = EvidenceQuestion { network: "ostrakon", node: &domain, record: id };
    get_signed(&evidence_url(node.public(), &id), &question.sign(&peer.name, &peer.key, now_ms())).0
}

#[test]
fn who_copies_a_commitment_can_neither_erase_the_evidence_nor_keep_it() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let (mut good, mut evil) = (TestPeer::admitted(&node, "good.example"), TestPeer::admitted(&node, "evil.example"));
    let evidence = Evidence::new([7; 32], b"Received: from spam.example").unwrap();
    let vote = committed(&mut good, "peer:spam.example", &evidence);
    assert_eq!(send(&node, &vote).status, 200);
    assert_eq!(put(&evidence_url(node.public(), &vote.id()), evidence.as_bytes()).status, 200);
    let file = node.beside("evidence");
    std::fs::write(&file, "three complaints").unwrap();
    let path = file.to_str().unwrap();
    let said = node.run(&["vote", "peer:spam.example", "-80", "--category", "spam", "--evidence", path]);
    let own: RecordId = said.trim().rsplit(' ').next().unwrap().parse().unwrap();

    for victim in [vote.id(), own] {
        let record = node.public_get(&format!("/v1/records/{victim}")).body["envelope"].to_string();
        let record = SignedRecord::parse_envelope(record.as_bytes()).unwrap();
        let Body::Vote(Vote { commitment, .. }) = record.record().body else { unreachable!("a vote") };
        let copy = Vote::plain("peer:other.example".parse().unwrap(), 1, Category::Vouch, now_ms());
        let copy = evil.say(Body::Vote(Vote { commitment, ..copy }));
        assert_eq!(send(&node, &copy).status, 200);
        let erasure = evil.say(Body::Erase(Erase { target: copy.id() }));
        assert_eq!(send(&node, &erasure).status, 200);
        assert_eq!(read(&node, &good, copy.id()), 410, "its own record is erased");
    }
    assert_eq!(node.get_bytes(&evidence_path(&vote.id())), evidence.as_bytes());
    assert_eq!(node.run(&["evidence", &own.to_string()]), "three complaints");
    // A copy reads the same body, and does not keep it when its holder erases it.
    let copy = committed(&mut evil, "peer:other.example", &evidence);
    assert_eq!(send(&node, &copy).status, 200);
    let copy = copy.id();
    assert_eq!(node.get_bytes(&evidence_path(&copy)), evidence.as_bytes());
    node.terminate();
    node.serve();
    assert_eq!(node.get_bytes(&evidence_path(&copy)), evidence.as_bytes(), "also after a restart");
    let erasure = good.say(Body::Erase(Erase { target: vote.id() }));
    assert_eq!(send(&node, &erasure).status, 200);
    assert_eq!((read(&node, &evil, copy), read(&node, &evil, vote.id())), (410, 410));
    assert_eq!(put(&evidence_url(node.public(), &copy), evidence.as_bytes()).status, 410);
    node.run(&["erase", &own.to_string()]);
    assert_eq!(std::fs::read_dir(node.home().join("evidence")).unwrap().count(), 0);
    node.verify();
}

#[test]
fn who_is_expelled_neither_votes_nor_sends_nor_reads_until_it_is_admitted_again() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    node.reconfigure("\"node.example\" = 1000", "\"a.example\" = 1000");
    node.serve();
    let mut peer = TestPeer::admitted(&node, "a.example");
    let evidence = Evidence::new([7; 32], b"Received: from x.example").unwrap();
    let vote = committed(&mut peer, "peer:x.example", &evidence);
    assert_eq!(send(&node, &vote).status, 200);
    assert_eq!(put(&evidence_url(node.public(), &vote.id()), evidence.as_bytes()).status, 200);
    assert_eq!(read(&node, &peer, vote.id()), 200);
    let score = |node: &TestNode| node.get("/v1/subjects/peer:x.example").body["score"].as_i64().unwrap();
    node.wait_for("the vote to count", || score(&node) < 0);
    node.run(&["peer", "follow", "a.example", "http://127.0.0.1:1"]);

    assert_eq!(
        ostrakon(&["peer", "expel", "a.example", "--reason", "rude", "--dir", &node.home_arg()]).status.code(),
        Some(2)
    );
    let said = node.run(&["peer", "expel", "a.example", "--reason", "flood"]);
    assert!(said.contains("a.example expelled at index"), "{said}");
    node.wait_for("what it said to count no longer", || score(&node) == 0);
    let (seq, prev) = (peer.seq, peer.prev);
    let refused = peer.vote("peer:y.example", -10);
    assert_eq!(code(&send(&node, &refused)), (403, "expelled"));
    assert_eq!(send(&node, &vote).status, 403, "not even what it said before");
    assert_eq!(code(&peer.send(&node, b"hello")), (403, "expelled"));
    assert_eq!(read(&node, &peer, vote.id()), 403);
    assert_eq!(put(&evidence_url(node.public(), &vote.id()), evidence.as_bytes()).status, 403);
    let view = node.get("/v1/peers/a.example").body;
    assert_eq!((&view["state"], &view["follows"]), (&json!("expelled"), &Value::Null));
    let again = node.post("/v1/peers/a.example/expel", &json!({ "reason": "other" }));
    assert_eq!(code(&again), (409, "already_done"));
    assert_eq!(node.post("/v1/peers/a.example/follow", &json!({ "url": "http://127.0.0.1:1" })).status, 404);
    node.terminate();
    assert!(node.run(&["peer", "list"]).contains("expelled at index"));
    node.serve();
    assert_eq!(code(&send(&node, &refused)), (403, "expelled"), "also after a restart");

    node.run(&["peer", "admit", "a.example", &peer.key.public().to_string()]);
    assert_eq!(node.get("/v1/peers/a.example").body["state"], "admitted");
    (peer.seq, peer.prev) = (seq, prev);
    assert_eq!(score(&node), 0, "what it said before stays out");
    peer.cast(&node, "peer:x.example", -80);
    node.wait_for("what it says now to count", || score(&node) < 0);
    assert_eq!(read(&node, &peer, vote.id()), 200);
    assert_eq!(peer.send(&node, b"hello").body["error"]["code"], "no_route");
    node.terminate();
    node.run(&["peer", "expel", "a.example", "--reason", "withdrawn"]);
    node.verify();
}

#[test]
fn who_is_convicted_neither_votes_nor_sends_nor_reads() {
    let node = TestNode::serving(OPEN_POLICY, "");
    let (mut liar, mut other) = (TestPeer::admitted(&node, "liar.example"), TestPeer::admitted(&node, "other.example"));
    let evidence = Evidence::new([7; 32], b"Received: from x.example").unwrap();
    let vote = committed(&mut other, "peer:x.example", &evidence);
    assert_eq!(send(&node, &vote).status, 200);
    assert_eq!(put(&evidence_url(node.public(), &vote.id()), evidence.as_bytes()).status, 200);
    liar.cast(&node, "peer:x.example", -80);
    assert_eq!(read(&node, &liar, vote.id()), 200);
    let (seq, prev) = (liar.seq, liar.prev);
    (liar.seq, liar.prev) = (0, RecordId::ZERO);
    let second = liar.vote("peer:x.example", 80);
    assert_eq!(code(&send(&node, &second)), (409, "conflict"));
    node.wait_for("the conviction", || node.get("/v1/peers/liar.example").body["state"] == "convicted");
    assert!(node.metric("ostrakon_convictions_total") > 0.0);
    let log = node.log();
    assert!(log.contains("convicted for good") && log.contains("peer=liar.example") && log.contains("seq=1"), "{log}");
    (liar.seq, liar.prev) = (seq, prev);
    let next = liar.vote("peer:y.example", 1);
    assert_eq!(code(&send(&node, &next)), (403, "convicted"));
    assert_eq!(code(&liar.send(&node, b"hello")), (403, "convicted"));
    assert_eq!(read(&node, &liar, vote.id()), 403);
    assert_eq!(read(&node, &other, vote.id()), 200);
    node.verify();
}

#[test]
fn a_peer_has_a_quota_of_records_and_messages_and_the_others_have_theirs() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    node.reconfigure("records_per_day = 20000", "records_per_day = 3");
    node.reconfigure("messages_per_day = 100000", "messages_per_day = 2");
    node.configure(&Webhook::new().route());
    node.serve();
    let (mut a, mut b) = (TestPeer::admitted(&node, "a.example"), TestPeer::admitted(&node, "b.example"));
    for n in 0..3 {
        a.cast(&node, &format!("peer:p{n}.example"), -1);
    }
    let forged = TestPeer::new("thief.example");
    let record = a.vote("peer:p3.example", -1);
    let answer = send(&node, &record);
    assert_eq!(code(&answer), (429, "quota"));
    assert_eq!(answer.body["error"]["blame"], "peer");
    let wait_s = answer.retry_after_s.unwrap();
    assert!((28_000..=28_800).contains(&wait_s), "a third of a day: {wait_s}");
    b.cast(&node, "peer:p0.example", -1);
    for _ in 0..2 {
        assert_eq!(a.send(&node, b"hello").status, 202);
    }
    assert_eq!(code(&a.send(&node, b"hello")), (429, "quota"));
    // Nobody uses up the quota of another: what is not signed by the peer is not counted.
    for _ in 0..5 {
        let mut thief = TestPeer::new("b.example");
        (thief.seq, thief.prev, thief.key) = (b.seq, b.prev, forged.key.clone());
        let record = thief.vote("peer:p9.example", 1);
        assert_eq!(send(&node, &record).status, 403);
    }
    b.cast(&node, "peer:p1.example", -1);
    b.cast(&node, "peer:p2.example", -1);
    let record = b.vote("peer:p3.example", -1);
    assert_eq!(code(&send(&node, &record)), (429, "quota"));
    // This node's own words are no peer's.
    for n in 0..5 {
        node.run(&["vote", &format!("peer:p{n}.example"), "5", "--category", "ham"]);
    }
    node.verify();
}

#[test]
fn refused_messages_beyond_a_rate_are_answered_and_not_kept() {
    let mut node = TestNode::new();
    node.write("policy.toml", CLOSED_POLICY);
    node.reconfigure("refused_per_minute = 60", "refused_per_minute = 3");
    node.configure("[[route]]\nname = \"all\"\nwebhook = \"http://127.0.0.1:1/\"");
    node.serve();
    let mut peer = TestPeer::admitted(&node, "a.example");
    let answers: Vec<_> = (0..8).map(|n| (peer.message(format!("x{n}").as_bytes()).to_json(), n)).collect();
    let mut kept = Vec::new();
    for (message, _) in &answers {
        let answer = node.public_post("/v1/messages", message);
        assert_eq!(answer.status, 403, "{answer:?}");
        let id = answer.body["decision_id"].as_str().unwrap();
        let on_record = node.get(&format!("/v1/decisions/{id}")).status == 200;
        let says_so = answer.body["reasons"].as_array().unwrap().iter().any(|it| it["rule"] == "unrecorded");
        assert_ne!(on_record, says_so, "{answer:?}");
        kept.push(on_record);
    }
    // A minute may end in between; no two do.
    assert!(kept[..3].iter().all(|kept| *kept), "{kept:?}");
    assert!(kept.iter().filter(|kept| **kept).count() <= 6, "{kept:?}");
    let (first, _) = &answers[0];
    let again = node.public_post("/v1/messages", first);
    assert!(again.body["reasons"].as_array().unwrap().iter().all(|it| it["rule"] != "unrecorded"), "{again:?}");
}

#[test]
fn a_peer_keeps_its_share_of_evidence_and_the_operator_has_room() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    node.reconfigure("evidence_max = \"64MiB\"", "evidence_max = \"160KiB\"");
    node.serve();
    let mut peer = TestPeer::admitted(&node, "a.example");
    let mut upload = |salt: u8| {
        let evidence = Evidence::new([salt; 32], &[b'z'; 64 << 10]).unwrap();
        let vote = committed(&mut peer, "peer:x.example", &evidence);
        assert_eq!(send(&node, &vote).status, 200);
        let answer = put(&evidence_url(node.public(), &vote.id()), evidence.as_bytes());
        (vote.id(), answer)
    };
    let (first, answer) = upload(1);
    assert_eq!(answer.status, 200);
    assert_eq!(upload(2).1.status, 200);
    let (_, answer) = upload(3);
    assert_eq!((code(&answer), &answer.body["error"]["blame"]), ((429, "share_full"), &json!("peer")));
    let file = node.beside("evidence");
    std::fs::write(&file, vec![b'o'; 64 << 10]).unwrap();
    for _ in 0..4 {
        let path = file.to_str().unwrap();
        node.run(&["vote", "peer:x.example", "-80", "--category", "spam", "--evidence", path]);
    }
    // What it erases, it can use again; a restart counts what is there.
    node.terminate();
    node.serve();
    let (fourth, answer) = {
        let evidence = Evidence::new([4; 32], &[b'z'; 64 << 10]).unwrap();
        let vote = committed(&mut peer, "peer:x.example", &evidence);
        assert_eq!(send(&node, &vote).status, 200);
        let url = evidence_url(node.public(), &vote.id());
        assert_eq!(code(&put(&url, evidence.as_bytes())), (429, "share_full"));
        let erasure = peer.say(Body::Erase(Erase { target: first }));
        assert_eq!(send(&node, &erasure).status, 200);
        (vote.id(), put(&url, evidence.as_bytes()))
    };
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(node.get_bytes(&evidence_path(&fourth)).len(), (64 << 10) + 32);
}

#[test]
fn a_key_is_one_peers_only_and_a_vkey_says_whose() {
    let mut node = TestNode::serving(OPEN_POLICY, "");
    let mut other = TestNode::named("b.example");
    other.serve();
    let about = other.public_get("/.well-known/ostrakon").body;
    let (key, vkey) = (about["key"].as_str().unwrap(), about["ledger"]["vkey"].as_str().unwrap());
    let home = node.home_arg();
    let refused = |args: &[&str], words: &str| {
        let output = ostrakon(&[args, &["--dir", &home]].concat());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(3) && errors.contains(words), "{args:?}: {errors}");
    };
    refused(&["peer", "admit", "c.example", vkey], "this is the vkey of b.example/ostrakon, not of c.example/ostrakon");
    let said = node.run(&["peer", "admit", "b.example", vkey]);
    assert!(said.contains("ostrakon peer follow b.example"), "{said}");
    refused(&["peer", "admit", "c.example", key], "this key is b.example's");
    let own = node.public_get("/.well-known/ostrakon").body["key"].as_str().unwrap().to_owned();
    refused(&["peer", "admit", "c.example", &own], "this key is node.example's");
    refused(&["peer", "admit", "b.example", &own], "b.example is admitted with another key");
    let taken = node.post("/v1/peers", &json!({ "peer": "c.example", "key": key }));
    assert_eq!(code(&taken), (409, "key_taken"));
    refused(&["peer", "follow", "node.example", "http://127.0.0.1:1"], "node.example is this node");

    // A key that was rotated away stays its peer's.
    let mut rotating = TestPeer::admitted(&node, "r.example");
    let former = rotating.key.public().to_string();
    let rotation = rotating.rotate(SecretKey::from_seed([42; 32]));
    assert_eq!(send(&node, &rotation).status, 200);
    let again = node.post("/v1/peers", &json!({ "peer": "c.example", "key": former }));
    assert_eq!(code(&again), (409, "key_taken"));
    assert!(again.body["error"]["message"].as_str().unwrap().contains("r.example's"), "{again:?}");

    // Another member's pepper is another one's: who follows is told so.
    let follow = |node: &TestNode| {
        let output = ostrakon(&["peer", "follow", "b.example", other.public(), "--dir", &node.home_arg()]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(follow(&node).contains("another federation.pepper"));
    node.terminate();
    assert!(follow(&node).contains("another federation.pepper"), "also when it is not served");
    let (member, pepper) = (node.beside("member"), other.home().join("federation.pepper"));
    let (member, pepper) = (member.to_str().unwrap(), pepper.to_str().unwrap());
    let made = ostrakon_ok(&["init", "--dir", member, "--domain", "m.example", "--pepper", pepper]);
    assert!(made.contains(about["pepper"].as_str().unwrap()), "{made}");
    std::fs::copy(pepper, node.home().join("federation.pepper")).unwrap();
    assert_eq!(follow(&node), "");
}

/// Serves one answer to each request, and counts what was taken of it.
fn hostile(body: Vec<u8>) -> (String, JoinHandle<usize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut byte) = (Vec::new(), [0]);
        while !request.ends_with(b"\r\n\r\n") {
            assert_eq!(stream.read(&mut byte).unwrap(), 1);
            request.push(byte[0]);
        }
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes()).unwrap();
        let pieces = body.chunks(1 << 16).take_while(|piece| stream.write_all(piece).is_ok());
        pieces.map(<[u8]>::len).sum()
    });
    (url, thread)
}

#[test]
fn a_bundle_is_read_no_further_than_records_can_make_it() {
    let bundle = [&[0xff, 0xff][..], &vec![b'j'; 65_535]].concat().repeat(256);
    let len_bytes = bundle.len();
    let (url, server) = hostile(bundle);
    let log = RemoteLog::new(&url).unwrap();
    let refused = log.files(&[TilePath::Entries { n: 0, width: 256 }]).unwrap_err().to_string();
    assert!(refused.contains("65535 bytes"), "{refused}");
    drop(log);
    // Some of it lay in the system's buffers.
    let sent = server.join().unwrap();
    assert!(sent < len_bytes / 2, "{sent} of {len_bytes}");
}

#[test]
fn what_a_followed_server_says_is_shown_and_not_obeyed() {
    let note = b"\x1b]0;PWNED\x07\x1b[2J\x1b[31mall peers current\x1b[0m".to_vec();
    let (url, server) = hostile(note);
    let node = TestNode::serving(OPEN_POLICY, "");
    TestPeer::admitted(&node, "evil.example");
    node.run(&["peer", "follow", "evil.example", &url]);
    server.join().unwrap();
    let follows = || node.get("/v1/peers/evil.example").body["follows"].clone();
    node.wait_for("the answer to be looked at", || follows()["reason"].is_string());
    let listed = node.run(&["peer", "list"]);
    assert!(!listed.contains(['\x1b', '\x07']), "{listed:?}");
}

/// Records are public, and who received a message has it: sent again by others, they use up nothing of their author's.
#[test]
fn what_others_send_again_does_not_count_against_its_author() {
    let mut node = TestNode::new();
    node.write("policy.toml", OPEN_POLICY);
    node.reconfigure("records_per_day = 20000", "records_per_day = 3");
    node.reconfigure("messages_per_day = 100000", "messages_per_day = 3");
    let webhook = Webhook::new();
    node.configure(&webhook.route());
    node.serve();
    let mut a = TestPeer::admitted(&node, "a.example");
    let record = a.vote("peer:p0.example", -1);
    let message = a.message(b"hello").to_json();
    for again in 0..10 {
        let answer = send(&node, &record);
        assert_eq!((answer.status, answer.body["new"].as_bool()), (200, Some(again == 0)));
        assert_eq!(node.public_post("/v1/messages", &message).status, 202);
    }
    for n in 1..3 {
        a.cast(&node, &format!("peer:p{n}.example"), -1);
        assert_eq!(a.send(&node, b"hello").status, 202);
    }
    assert_eq!(code(&send(&node, &a.vote("peer:p3.example", -1))), (429, "quota"));
    assert_eq!(code(&a.send(&node, b"hello")), (429, "quota"));
    // What the ledger refuses is given back.
    let mut b = TestPeer::admitted(&node, "b.example");
    (b.seq, b.prev) = (7, record.id());
    for _ in 0..10 {
        assert_eq!(code(&send(&node, &b.vote("peer:p0.example", -1))).1, "out_of_sequence");
    }
}
