//! The checker made of the crates `signed_note` and `tlog_tiles`, by the same rules as `check.go` and `check.mjs`.

use std::{cell::RefCell, collections::BTreeMap};

use ostrakon_tests::node::try_get_bytes;
use signed_note::{Note, StandardVerifier, VerifierList};
use tlog_tiles::{
    Checkpoint, EMPTY_HASH, Error, Hash, HashReader, Tile, TileHashReader, TileReader, check_record, check_tree,
    prove_record, prove_tree, record_hash, stored_hash_index,
};

const HEIGHT: u8 = 8;
const WIDTH: u64 = 256;

/// A log at one size. Tiles are fetched once and only served from here, so that all proofs are about the same bytes.
pub(crate) struct Log {
    url: String,
    size: u64,
    root: Hash,
    tiles: RefCell<BTreeMap<String, Vec<u8>>>,
}

impl TileReader for Log {
    fn height(&self) -> u8 {
        HEIGHT
    }

    fn read_tiles(&self, tiles: &[Tile]) -> Result<Vec<Vec<u8>>, Error> {
        let read = |tile: &Tile| {
            // C2SP fixes the height at 8 and leaves it out of the path.
            let path = tile.path().replacen("tile/8/", "tile/", 1);
            if let Some(known) = self.tiles.borrow().get(&path) {
                return Ok(known.clone());
            }
            let bytes = try_get_bytes(&format!("{}/{path}", self.url)).map_err(Error::InvalidInput)?;
            if bytes.len() != tile.width() as usize * 32 {
                return Err(Error::InvalidTile);
            }
            self.tiles.borrow_mut().insert(path, bytes.clone());
            Ok(bytes)
        };
        tiles.iter().map(read).collect()
    }

    fn save_tiles(&self, _: &[Tile], _: &[Vec<u8>]) {}
}

fn reason(error: impl std::fmt::Display) -> String {
    error.to_string()
}

impl Log {
    fn open(url: &str, vkey: &str) -> Result<Self, String> {
        let note = try_get_bytes(&format!("{url}/checkpoint"))?;
        let note = Note::from_bytes(&note).map_err(reason)?;
        let verifier = StandardVerifier::new(vkey).map_err(reason)?;
        note.verify(&VerifierList::new(vec![Box::new(verifier)])).map_err(reason)?;
        let checkpoint = Checkpoint::from_bytes(note.text()).map_err(reason)?;
        if !checkpoint.extension().is_empty() || vkey.split('+').next() != Some(checkpoint.origin()) {
            return Err("not a checkpoint of this log".into());
        }
        Ok(Self { url: url.to_owned(), size: checkpoint.size(), root: *checkpoint.hash(), tiles: RefCell::default() })
    }

    /// Checks the entries of one bundle against the leaf hashes that the tiles hold.
    fn check_bundle(&self, first: u64, reader: &impl HashReader) -> Result<(), String> {
        let end = (first + WIDTH).min(self.size);
        let tile = Tile::from_index(HEIGHT, stored_hash_index(0, end - 1));
        let path = tile.path().replacen("tile/8/0/", "tile/entries/", 1);
        let bundle = try_get_bytes(&format!("{}/{path}", self.url))?;
        let indexes: Vec<_> = (first..end).map(|index| stored_hash_index(0, index)).collect();
        let mut rest = bundle.as_slice();
        for leaf in reader.read_hashes(&indexes).map_err(reason)? {
            let (length, after) = rest.split_first_chunk::<2>().ok_or("a bundle is cut short")?;
            let (entry, after) =
                after.split_at_checked(u16::from_be_bytes(*length).into()).ok_or("a bundle is cut short")?;
            if record_hash(entry) != leaf {
                return Err(format!("{path} holds another entry than the tree"));
            }
            rest = after;
        }
        if rest.is_empty() { Ok(()) } else { Err(format!("{path} holds more than its entries")) }
    }
}

/// All of a small log; of a large one the indexes near its ends and tile borders, and a sample.
fn sampled(index: u64, size: u64) -> bool {
    let near = index % WIDTH;
    let border = (near == 0 && index.is_multiple_of(7)) || (near == 255 && index.is_multiple_of(11));
    size <= 600 || index < 3 || index > size - 4 || border || index.is_multiple_of(397)
}

/// Checks one log; the line has the same form as those of the programs.
fn check(url: &str, vkey: &str, earlier: &[Log]) -> Result<(Log, String), String> {
    let log = Log::open(url, vkey)?;
    let (size, root) = (log.size, log.root);
    let reader = TileHashReader::new(size, root, &log);
    if size == 0 && root != EMPTY_HASH {
        return Err("the root of nothing is another one".into());
    }
    log.read_tiles(&Tile::new_tiles(HEIGHT, 0, size)).map_err(reason)?;
    for first in (0..size).step_by(WIDTH as usize) {
        log.check_bundle(first, &reader)?;
    }
    let (mut inclusions, mut consistencies) = (0, 0);
    for index in (0..size).filter(|index| sampled(*index, size)) {
        let leaf = reader.read_hashes(&[stored_hash_index(0, index)]).map_err(reason)?[0];
        let proof = prove_record(size, index, &reader).map_err(reason)?;
        check_record(&proof, size, root, index, leaf).map_err(reason)?;
        inclusions += 1;
    }
    for old in earlier.iter().filter(|old| old.size <= size) {
        if old.size > 0 {
            let proof = prove_tree(size, old.size, &reader).map_err(reason)?;
            check_tree(&proof, size, root, old.size, old.root).map_err(reason)?;
        }
        consistencies += 1;
    }
    let line = format!("ok {size} {} {size} {inclusions} {consistencies}", log.tiles.borrow().len());
    Ok((log, line))
}

/// One line for each URL, as the programs print them.
pub(crate) fn check_all(vkey: &str, urls: &[String]) -> Vec<String> {
    let mut accepted = Vec::new();
    let mut lines = Vec::new();
    for url in urls {
        lines.push(match check(url, vkey, &accepted) {
            Ok((log, line)) => {
                accepted.push(log);
                line
            }
            Err(reason) => format!("refused {reason}"),
        });
    }
    lines
}
