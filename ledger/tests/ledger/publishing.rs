//! What readers see: checkpoints, tiles, bundles, entries, always of one signed state.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ostrakon_ledger::checkpoint::Checkpoint;
use ostrakon_ledger::entry::Chain;
use ostrakon_ledger::merkle::{CompactRange, leaf_hash};
use ostrakon_ledger::note::{Note, NoteKey};
use ostrakon_ledger::tile::width_at;
use ostrakon_ledger::{FileState, LedgerError, LedgerReader, RocksStore, SignedState, TABLES};

use crate::support::*;

/// A ledger of this size: the owner, one peer, its votes, in batches of uneven sizes.
pub(crate) fn grown(size: u64) -> World {
    let mut world = World::with(&["a.example"]);
    grow(&mut world, size);
    world
}

pub(crate) fn grow(world: &mut World, size: u64) {
    let mut step = 1;
    while world.ledger.reader().tree_size() < size {
        let count = (size - world.ledger.reader().tree_size()).min(step);
        let batch =
            (0..count).map(|i| (world.authors.next("a.example", vote("b.example", 1 + (i % 100) as i8)), NOW_MS));
        let batch = batch.collect();
        assert!(world.ledger.append(batch).unwrap().iter().all(Result::is_ok));
        step = (step * 3) % 1000 + 1;
    }
}

/// Reads everything through the read API only and recomputes it, as a stranger would.
fn audit(reader: &LedgerReader, vkey: &str) {
    let key: NoteKey = vkey.parse().unwrap();
    let note = Note::open(&reader.checkpoint(), &[key]).unwrap();
    let checkpoint: Checkpoint = note.text().parse().unwrap();
    assert_eq!(checkpoint.origin, format!("{OWNER}/ostrakon"));
    let size = checkpoint.tree_size;

    let mut leaves = vec![];
    for n in 0..size.div_ceil(256) {
        let mut bundle = reader.entry_bundle(n, width_at(0, n, size)).unwrap().unwrap();
        while !bundle.is_empty() {
            let len = usize::from(u16::from_be_bytes([bundle[0], bundle[1]]));
            leaves.push(bundle[2..2 + len].to_vec());
            bundle.drain(..2 + len);
        }
    }
    assert_eq!(leaves.len() as u64, size);

    let mut range = CompactRange::new();
    let mut levels: Vec<Vec<u8>> = vec![];
    let mut chain = Chain::ZERO;
    for (index, leaf) in (0..).zip(&leaves) {
        let entry = reader.entry(index).unwrap().unwrap();
        assert_eq!((&entry.to_bytes(), entry.chain), (leaf, chain));
        chain = Chain::after(leaf);
        range.push(leaf_hash(leaf), |height, node| {
            if height % 8 == 0 {
                levels.resize(levels.len().max(height as usize / 8 + 1), vec![]);
                levels[height as usize / 8].extend_from_slice(&node);
            }
        });
    }
    assert_eq!(range.root(), checkpoint.root);
    assert_eq!((reader.published().chain_head, reader.root()), (chain, checkpoint.root));
    for (level, hashes) in (0..).zip(&levels) {
        for (n, tile) in (0..).zip(hashes.chunks(8192)) {
            let width = (tile.len() / 32) as u16;
            assert_eq!(reader.tile(level, n, width).unwrap().as_deref(), Some(tile), "tile {level}/{n}");
            assert_eq!(reader.tile(level, n, 1).unwrap().as_deref(), Some(&tile[..32]), "a prefix of it");
            if width < 256 {
                assert_eq!(reader.tile(level, n, width + 1).unwrap(), None);
            }
            assert_eq!(reader.tile(level, n, 0).unwrap(), None);
        }
    }
    assert_eq!(reader.tile(levels.len() as u8, 0, 1).unwrap(), None);
    assert_eq!(reader.tile(255, u64::MAX, 256).unwrap(), None);
    assert_eq!(reader.entry_bundle(size / 256, (size % 256) as u16 + 1).unwrap(), None);
    assert_eq!(reader.entry(size).unwrap(), None);
    assert_eq!(reader.entries(size, 10).unwrap(), vec![]);
}

#[test]
fn a_stranger_can_recompute_the_ledger_from_its_tiles() {
    for size in [2, 3, 255, 256, 257, 511, 512, 700] {
        let world = grown(size);
        audit(&world.ledger.reader(), &world.ledger.vkey());
        let reopened = world.reopen().unwrap();
        assert_eq!(reopened.reader().published(), world.ledger.reader().published(), "{size}");
        assert_eq!(world.verify().unwrap().root, reopened.reader().root());
    }
}

#[test]
fn a_ledger_of_three_tile_levels_reopens_and_grows() {
    let mut world = grown(66_000);
    audit(&world.ledger.reader(), &world.ledger.vkey());
    world.ledger = world.reopen().unwrap();
    grow(&mut world, 66_500);
    audit(&world.ledger.reader(), &world.ledger.vkey());
    let mut last = (0, 0);
    let report = ostrakon_ledger::verify::run(
        &*world.store,
        &*world.state,
        &name(OWNER),
        NETWORK,
        &public(OWNER),
        &mut |done, all| {
            assert!(done >= last.0 && done <= all);
            last = (done, all);
        },
    );
    assert_eq!((report.unwrap().tree_size, last), (66_500, (66_500, 66_500)));
}

#[test]
fn entries_come_in_pages() {
    let world = grown(700);
    let reader = world.ledger.reader();
    let mut from = 0;
    while from < 700 {
        let page = reader.entries(from, 300).unwrap();
        assert_eq!(page.len() as u64, 300.min(700 - from));
        assert!(page.iter().zip(from..).all(|(entry, index)| entry.index == index));
        from += page.len() as u64;
    }
}

#[test]
fn readers_see_one_state_while_the_ledger_appends() {
    let mut world = World::with(&["a.example"]);
    let (reader, vkey) = (world.ledger.reader(), world.ledger.vkey().parse::<NoteKey>().unwrap());
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !done.load(Ordering::Relaxed) {
                    let published = reader.published();
                    let note = Note::open(&published.checkpoint, std::slice::from_ref(&vkey)).unwrap();
                    let checkpoint: Checkpoint = note.text().parse().unwrap();
                    assert_eq!((checkpoint.tree_size, checkpoint.root), (published.tree_size, published.root));
                    assert!(published.tree_size >= last);
                    last = published.tree_size;
                    let head = reader.author(&name("a.example")).unwrap().unwrap();
                    assert_eq!(reader.by_author(&name("a.example"), head.seq).unwrap().is_none(), head.seq == 0);
                    let entry = reader.entry(last - 1).unwrap().unwrap();
                    assert_eq!(Chain::after(&entry.to_bytes()), published.chain_head);
                }
            });
        }
        grow(&mut world, 1500);
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_ledger_on_disk_is_the_ledger_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let open = || Arc::new(RocksStore::open(dir.path().join("db"), TABLES).unwrap());
    let state: Arc<dyn SignedState> = Arc::new(FileState::new(dir.path().join("signed-state")));
    let mut on_disk = World::on(open(), state.clone());
    let admission = on_disk.authors.next(OWNER, admit("a.example"));
    on_disk.take(admission);
    grow(&mut on_disk, 700);
    let published = on_disk.ledger.reader().published();
    assert_eq!(published, grown(700).ledger.reader().published());
    on_disk.verify().unwrap();
    drop(on_disk);
    let again: Arc<dyn ostrakon_ledger::Store> = open();
    assert_eq!(crate::support::open(&again, &state).unwrap().reader().published(), published);
    assert_eq!(state.load().unwrap().as_deref(), Some(published.checkpoint.as_str()));
}

#[test]
fn another_owner_key_or_network_does_not_open_it() {
    let world = World::with(&["a.example"]);
    let open = |owner: &str, network: &str, secret: &str| {
        let state = Box::new(world.state.clone());
        ostrakon_ledger::Ledger::open(world.store.clone(), state, &name(owner), network, key(secret)).map(drop)
    };
    open(OWNER, NETWORK, OWNER).unwrap();
    for (owner, network, secret) in
        [("other.example", NETWORK, OWNER), (OWNER, "other.example", OWNER), (OWNER, NETWORK, "other.example")]
    {
        let error = open(owner, network, secret).unwrap_err();
        assert!(matches!(error, LedgerError::OtherLedger(_)), "{error}");
    }
}

#[test]
fn a_ledger_is_created_once_with_a_good_network_name() {
    let world = World::new();
    let create = |network: &str, fresh: bool| {
        let store: Arc<dyn ostrakon_ledger::Store> =
            if fresh { Arc::new(ostrakon_ledger::MemoryStore::new()) } else { world.store.clone() };
        let state: Box<dyn SignedState> =
            if fresh { Box::new(ostrakon_ledger::MemoryState::default()) } else { Box::new(world.state.clone()) };
        ostrakon_ledger::Ledger::create(store, state, &name(OWNER), network, key(OWNER), NOW_MS).map(drop)
    };
    assert!(matches!(create(NETWORK, false), Err(LedgerError::AlreadyExists)));
    assert!(matches!(create("Mail Example", true), Err(LedgerError::Malformed(_))));
    create("x", true).unwrap();
    let empty: Arc<dyn ostrakon_ledger::Store> = Arc::new(ostrakon_ledger::MemoryStore::new());
    let nothing: Arc<dyn SignedState> = Arc::new(ostrakon_ledger::MemoryState::default());
    assert!(matches!(open(&empty, &nothing), Err(LedgerError::Missing)));
}
