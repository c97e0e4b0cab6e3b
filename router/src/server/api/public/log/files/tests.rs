#![allow(clippy::unwrap_used)]

use std::{io::Read, sync::Arc};

use ostrakon_ledger::{Ledger, MemoryState, MemoryStore, PeerName, PublicKey, SecretKey};

use super::*;
use crate::flow::registrar::Registrar;

fn registrar() -> Registrar {
    let (owner, key) = (PeerName::parse("node.example").unwrap(), SecretKey::from_seed([1; 32]));
    let (store, state) = (Arc::new(MemoryStore::new()), Box::new(MemoryState::default()));
    let ledger = Ledger::create(store, state, &owner, "test", key.clone(), 1).unwrap();
    Registrar::new(ledger, "test".into(), owner, key)
}

fn grow(registrar: &mut Registrar, size: u64) {
    for n in registrar.ledger().reader().tree_size()..size {
        let mut seed = [2; 32];
        seed[..8].copy_from_slice(&n.to_be_bytes());
        let key: PublicKey = SecretKey::from_seed(seed).public();
        registrar.admit(PeerName::parse(&format!("p{n}.example")).unwrap(), key, n).unwrap();
    }
}

#[test]
fn a_kept_file_is_what_the_ledger_holds_in_the_coding_that_was_asked_for() {
    let mut registrar = registrar();
    grow(&mut registrar, 300);
    let reader = registrar.ledger().reader();
    let files = Files::of(reader.clone());
    let (hashes, bundle) = (TilePath::Hashes { level: 0, n: 0, width: 256 }, TilePath::Entries { n: 0, width: 256 });
    // The second time from memory.
    for _ in 0..2 {
        let tile = files.get(hashes, true).unwrap();
        assert!(!tile.packed);
        assert_eq!(tile.bytes, reader.tile(0, 0, 256).unwrap().unwrap());

        let (plain, packed) = (files.get(bundle, false).unwrap(), files.get(bundle, true).unwrap());
        assert_eq!((plain.packed, packed.packed), (false, true));
        assert_eq!(plain.bytes, reader.entry_bundle(0, 256).unwrap().unwrap());
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&packed.bytes[..]).read_to_end(&mut unpacked).unwrap();
        assert_eq!(unpacked, plain.bytes);
    }
    assert_eq!(files.kept.len(), 3);
}

#[test]
fn a_file_that_grows_is_never_kept() {
    let mut registrar = registrar();
    grow(&mut registrar, 300);
    let files = Files::of(registrar.ledger().reader());
    let at = |width| TilePath::Hashes { level: 0, n: 1, width };
    assert_eq!(files.get(at(44), false).unwrap().bytes.len(), 44 * 32);
    // What is not there yet is not remembered as missing.
    assert!(matches!(files.get(at(256), false), Err(Error::NoSuchTile)));
    assert_eq!(files.kept.len(), 0);
    grow(&mut registrar, 512);
    assert_eq!(files.get(at(256), false).unwrap().bytes.len(), 256 * 32);
    assert_eq!(files.kept.len(), 1);
}
