//! `ostrakon ledger verify --url` against logs that no node of ours serves: what it finds, and what it says that it did not
//! look at.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use ostrakon_ledger::{
    Admit, Body, Effect, Entry, PeerName, RecordId, SecretKey, SignedRecord,
    checkpoint::Checkpoint,
    entry::Chain,
    merkle::{CompactRange, leaf_hash},
    note::{Note, NoteKey},
};
use ostrakon_tests::{TestPeer, binary::ostrakon};
use warp::{Filter, http::Response, path::FullPath};

/// Serves a log of these entries, at most 255, until the test ends: its address, and its key.
fn serve(origin: &str, key: &SecretKey, entries: &[Vec<u8>]) -> (String, String) {
    let (mut range, mut hashes, mut bundle) = (CompactRange::new(), Vec::new(), Vec::new());
    for entry in entries {
        range.push(leaf_hash(entry), |_, _| {});
        hashes.extend(leaf_hash(entry));
        bundle.extend((entry.len() as u16).to_be_bytes());
        bundle.extend(entry);
    }
    let head = Checkpoint { origin: origin.into(), tree_size: range.tree_size(), root: range.root() };
    let note = Note::sign(&head.to_string(), origin, key).unwrap().to_string();
    let width = entries.len();
    let files = BTreeMap::from([
        ("/checkpoint".to_owned(), note.into_bytes()),
        (format!("/tile/0/000.p/{width}"), hashes),
        (format!("/tile/entries/000.p/{width}"), bundle),
    ]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let file = warp::path::full().map(move |path: FullPath| match files.get(path.as_str()) {
        Some(bytes) => Response::builder().body(bytes.clone()),
        None => Response::builder().status(404).body(Vec::new()),
    });
    std::thread::spawn(move || {
        tokio::runtime::Runtime::new().unwrap().block_on(async {
            warp::serve(file).incoming(tokio::net::TcpListener::from_std(listener).unwrap()).run().await;
        });
    });
    (url, NoteKey::new(origin, key.public()).unwrap().to_string())
}

/// Exit code, what it prints, and what it complains about.
fn verify((url, vkey): &(String, String)) -> (i32, String, String) {
    let output = ostrakon(&["ledger", "verify", "--url", url, "--vkey", vkey]);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Entries with everything in order that bytes can tell: the chain, and each author's signature.
fn sealed(records: &[SignedRecord]) -> Vec<Vec<u8>> {
    let mut chain = Chain::ZERO;
    let entry = |(index, record): (usize, &SignedRecord)| {
        let (record, effect) = (record.clone(), Effect::InForce);
        let entry = Entry { index: index as u64, chain, received_at_ms: 1_000, record, provenance: None, effect };
        let bytes = entry.to_bytes();
        chain = Chain::after(&bytes);
        bytes
    };
    records.iter().enumerate().map(entry).collect()
}

#[test]
fn a_ledger_that_signed_what_its_rules_forbid_is_found_out() {
    let (mut owner, mut a) = (TestPeer::new("owner.example"), TestPeer::new("a.example"));
    let admit = |name: &PeerName, key: &SecretKey| {
        Body::Admit(Admit { peer: name.clone(), peer_key: key.public(), imported: false })
    };
    let (own, key) = (admit(&owner.name, &owner.key), owner.key.clone());
    let mut records = vec![owner.say(own), owner.say(admit(&a.name, &a.key)), a.vote("peer:x.example", 10)];
    let honest = serve("owner.example/ostrakon", &key, &sealed(&records));
    let (code, said, errors) = verify(&honest);
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(said.contains("tree size   3") && said.contains("network     ostrakon"), "{said}");
    assert!(said.contains("chain, times, signatures and rules agree"), "{said}");

    // A second story under one `seq`, and the author's next vote behind it.
    (a.seq, a.prev) = (0, RecordId::ZERO);
    records.push(a.vote("peer:x.example", -10));
    let double = serve("owner.example/ostrakon", &key, &sealed(&records));
    let (code, said, errors) = verify(&double);
    assert_eq!((code, said.as_str()), (4, ""));
    assert!(errors.contains("index 3: the record should have been refused"), "{errors}");
}

#[test]
fn of_another_log_it_says_what_was_not_checked() {
    let key = SecretKey::from_seed([3; 32]);
    let mut entries = vec![b"any".to_vec(), Vec::new(), vec![255; 300]];
    let (code, said, errors) = verify(&serve("log.example/certificates", &key, &entries));
    assert_eq!((code, errors.as_str()), (0, ""));
    assert!(said.contains("tree size   3") && !said.contains("network"), "{said}");
    assert!(
        said.contains("checkpoint, tree, tiles and entries agree; by its origin it is no Ostrakon ledger"),
        "{said}"
    );
    assert!(said.contains("by which rules was not checked"), "{said}");
    // Whoever claims to be one of ours has to be one.
    let (code, _, errors) = verify(&serve("log.example/ostrakon", &key, &entries));
    assert!(code == 4 && errors.contains("index 0: the entry is malformed"), "{errors}");
    // The wrong key opens nothing.
    let (url, _) = serve("log.example/certificates", &key, &entries);
    let other = NoteKey::new("log.example/certificates", SecretKey::from_seed([4; 32]).public()).unwrap().to_string();
    assert_eq!(verify(&(url, other)).0, 4);
    entries.clear();
    assert_eq!(verify(&serve("log.example/certificates", &key, &entries)).0, 0);
}
