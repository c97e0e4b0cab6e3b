//! Proofs and receipts from stored tiles.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ostrakon_ledger::merkle::{CompactRange, Hash, leaf_hash, verify_consistency, verify_inclusion};
use ostrakon_ledger::note::{Note, NoteKey};
use ostrakon_ledger::{
    Batch, LedgerReader, Malformed, MemoryState, MemoryStore, Receipt, RecordId, SecretKey, Store, StoreError, Table,
    Unproven,
};

use crate::publishing::{grow, grown};
use crate::support::*;

/// The roots of all prefixes.
fn roots(reader: &LedgerReader) -> Vec<Hash> {
    let mut range = CompactRange::new();
    let mut roots = vec![range.root()];
    for entry in reader.entries(0, usize::MAX).unwrap() {
        range.push(leaf_hash(&entry.to_bytes()), |_, _| {});
        roots.push(range.root());
    }
    roots
}

#[test]
fn every_entry_is_proven_under_every_published_size() {
    let world = grown(700);
    let reader = world.ledger.reader();
    let roots = roots(&reader);
    for size in (1..=700u64).filter(|size| size % 37 == 0 || [1, 255, 256, 257, 511, 512, 513, 700].contains(size)) {
        for index in 0..size {
            let leaf = leaf_hash(&reader.entry(index).unwrap().unwrap().to_bytes());
            let path = reader.inclusion(index, size).unwrap().unwrap();
            assert!(verify_inclusion(index, size, &leaf, &path, &roots[size as usize]), "{index} in {size}");
        }
        for old in 0..=size {
            let proof = reader.consistency(old, size).unwrap().unwrap();
            let (old_root, root) = (&roots[old as usize], &roots[size as usize]);
            assert!(verify_consistency(old, size, old_root, root, &proof), "{old} to {size}");
        }
    }
    assert_eq!(reader.inclusion(700, 700).unwrap(), None);
    assert_eq!(reader.inclusion(0, 701).unwrap(), None);
    assert_eq!(reader.consistency(5, 701).unwrap(), None);
    assert_eq!(reader.consistency(5, 4).unwrap(), None);
}

/// A store that counts how many rows are asked for.
struct Counting(MemoryStore, AtomicUsize);

impl Store for Counting {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.get(table, key)
    }
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<ostrakon_ledger::store::Row>, StoreError> {
        self.1.fetch_add(limit, Ordering::Relaxed);
        self.0.scan(table, from, limit)
    }
    fn scan_back(
        &self,
        table: Table,
        from: &[u8],
        limit: usize,
    ) -> Result<Vec<ostrakon_ledger::store::Row>, StoreError> {
        self.1.fetch_add(limit, Ordering::Relaxed);
        self.0.scan_back(table, from, limit)
    }
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.0.commit(batch)
    }
}

#[test]
fn a_proof_reads_two_rows_per_tile_level_however_long_the_ledger_is() {
    let store = Arc::new(Counting(MemoryStore::new(), AtomicUsize::new(0)));
    let mut world = World::on(store.clone(), Arc::new(MemoryState::default()));
    let record = world.authors.next(OWNER, admit("a.example"));
    world.take(record);
    grow(&mut world, 66_000);
    let reader = world.ledger.reader();
    for (index, size) in [(0, 66_000), (65_535, 66_000), (65_999, 66_000), (300, 65_537), (1, 300)] {
        store.1.store(0, Ordering::Relaxed);
        reader.inclusion(index, size).unwrap().unwrap();
        let levels = 1 + size.ilog(256) as usize;
        assert!(store.1.load(Ordering::Relaxed) <= 2 * levels, "{index} in {size}");
        store.1.store(0, Ordering::Relaxed);
        reader.consistency(index.max(1), size).unwrap().unwrap();
        assert!(store.1.load(Ordering::Relaxed) <= 2 * levels, "{index} to {size}");
    }
}

fn vkey(world: &World) -> NoteKey {
    world.ledger.vkey().parse().unwrap()
}

#[test]
fn a_receipt_proves_its_entry_to_who_has_only_the_verifier_key() {
    let mut world = grown(300);
    let record = world.authors.next("a.example", vote("b.example", -7));
    let taken = world.take(record.clone());
    grow(&mut world, 600);
    let receipt = world.ledger.reader().receipt(&record.id()).unwrap().unwrap();
    let text = receipt.to_string();
    assert!(text.starts_with("c2sp.org/tlog-proof@v1\nextra "), "{text}");
    assert!(text.contains(&format!("\nindex {}\n", taken.index)));
    let read: Receipt = text.parse().unwrap();
    assert_eq!(read, receipt);
    let (checkpoint, entry) = read.verify_entry(&[vkey(&world)]).unwrap();
    assert_eq!((checkpoint.tree_size, checkpoint.root), (600, world.ledger.reader().root()));
    assert_eq!((entry.index, entry.record), (taken.index, (*record).clone()));
    assert_eq!(world.ledger.reader().receipt(&RecordId([7; 32])).unwrap(), None);

    // Who has the leaf does not need it in the receipt.
    let leaf = read.extra.clone().unwrap();
    let bare = Receipt { extra: None, ..read.clone() };
    assert_eq!(bare.to_string().parse::<Receipt>().unwrap(), bare);
    assert!(bare.verify(&leaf, &[vkey(&world)]).is_ok());
    assert_eq!(bare.verify_entry(&[vkey(&world)]), Err(Unproven::NoEntry));
    assert!(matches!(bare.verify(&leaf[1..], &[vkey(&world)]), Err(Unproven::Inclusion { .. })));

    // The same signature under a name that is not the origin proves nothing.
    let stranger: NoteKey = NoteKey::new("elsewhere.example", SecretKey::from_seed([1; 32]).public()).unwrap();
    assert!(matches!(read.verify(&leaf, &[stranger]), Err(Unproven::NotSigned { .. })));
    let key = SecretKey::from_seed([1; 32]);
    let forged = Note::sign(read.checkpoint.text(), "elsewhere.example", &key).unwrap();
    let stranger = NoteKey::new("elsewhere.example", key.public()).unwrap();
    let forged = Receipt { checkpoint: forged, ..read };
    assert!(matches!(forged.verify(&leaf, &[stranger]), Err(Unproven::NotSigned { .. })));
}

#[test]
fn every_changed_bit_of_a_receipt_spoils_it() {
    let mut world = grown(5);
    let record = world.authors.next("a.example", vote("b.example", -7));
    world.take(record.clone());
    let text = world.ledger.reader().receipt(&record.id()).unwrap().unwrap().to_string();
    let key = [vkey(&world)];
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            let read = changed.parse::<Receipt>().map_err(Unproven::from);
            let proven = read.and_then(|receipt| receipt.verify_entry(&key));
            assert!(proven.is_err(), "bit {bit} of byte {at}: {changed}");
        }
    }
    for cut in 0..text.len() {
        if let Some(shorter) = text.get(..cut) {
            assert!(shorter.parse::<Receipt>().map_err(Unproven::from).and_then(|r| r.verify_entry(&key)).is_err());
        }
    }
}

#[test]
fn a_receipt_has_one_spelling_and_a_limit() {
    let mut world = grown(5);
    let record = world.authors.next("a.example", vote("b.example", -7));
    world.take(record.clone());
    let text = world.ledger.reader().receipt(&record.id()).unwrap().unwrap().to_string();
    assert!(text.parse::<Receipt>().is_ok());
    let hash = text.lines().nth(3).unwrap().to_owned();
    for bad in [
        text.replace("index 5", "index 05"),
        text.replace("index 5", "index +5"),
        text.replace("index 5", "index"),
        text.replace("index 5", "index 5\nindex 5"),
        text.replace("@v1", "@v2"),
        text.replace("extra ", "extra"),
        text.replace("index 5\n", &format!("index 5\n{}", format!("{hash}\n").repeat(63))),
        text.replace(&hash, &hash[4..]),
        text.replacen("\n\n", "\n", 1),
    ] {
        assert_ne!(bad, text);
        assert!(bad.parse::<Receipt>().is_err(), "{bad}");
    }
    let long = text.clone() + &"x".repeat(1 << 20);
    assert!(matches!(long.parse::<Receipt>(), Err(Malformed::TooLong { .. })));
}

#[test]
fn a_store_that_someone_else_serves_can_be_read_up_to_what_was_signed() {
    let world = grown(300);
    let read = |key: &str| LedgerReader::over(world.store.clone(), &*world.state, &name(OWNER), NETWORK, &public(key));
    let reader = read(OWNER).unwrap();
    assert_eq!(*reader.published(), *world.ledger.reader().published());
    assert!(read("b.example").is_err());
    let nothing = MemoryState::default();
    assert!(LedgerReader::over(world.store.clone(), &nothing, &name(OWNER), NETWORK, &public(OWNER)).is_err());
}
