//! The files of a ledger's read API as they are sent. Full ones never change: those asked for lately are kept, since what one
//! follower fetches the others fetch, too.

use std::{io::Write, sync::Arc};

use ostrakon_ledger::{
    LedgerReader,
    tile::{TILE_WIDTH, TilePath},
};
use quick_cache::{Weighter, sync::Cache};
use tokio::sync::Semaphore;
use warp::hyper::body::Bytes;

use crate::{
    error::Error,
    server::{
        api::{answering::Uncounted, connections::Link},
        blocking::blocking,
    },
};

/// Bytes that are kept: the hashes of a million entries, or the packed bundles of some hundred thousand.
const KEPT_BYTES_MAX: u64 = 32 << 20;
/// About how many files that is, from which the cache finds out into how many parts it divides.
const KEPT_FILES: usize = 1024;
/// Files that are read and packed at a time, each of up to 4 MiB.
const READ_AT_ONCE: usize = 2;
/// Files that were read for strangers, and for others, until they are counted among the answers of the listener.
const UNCOUNTED_MAX: [usize; 2] = [4, 8];

/// A tile or a bundle.
#[derive(Clone)]
pub(super) struct File {
    pub(super) bytes: Bytes,
    /// Whether they are under gzip.
    pub(super) packed: bool,
    /// Kept until the bytes are counted among the answers.
    pub(super) uncounted: Option<Uncounted>,
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<(TilePath, bool), File> for ByBytes {
    fn weight(&self, _: &(TilePath, bool), file: &File) -> u64 {
        file.bytes.len() as u64
    }
}

/// Lets few large files be read and packed at a time, off the threads that take votes and messages.
#[derive(Clone)]
pub(super) struct FileReads {
    places: Arc<Semaphore>,
    uncounted: [Arc<Semaphore>; 2],
}

impl FileReads {
    pub(super) fn new() -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { places: places(READ_AT_ONCE), uncounted: UNCOUNTED_MAX.map(places) }
    }

    /// What `file` comes to, for `link`.
    pub(super) async fn read(
        &self,
        link: &Link,
        file: impl FnOnce() -> Result<File, Error> + Send + 'static,
    ) -> Result<File, Error> {
        let uncounted = self.uncounted[usize::from(link.is_known())].clone().acquire_owned().await;
        let uncounted = uncounted.expect("it is never closed");
        let _place = self.places.acquire().await;
        let file = blocking("reading a tile", file).await?;
        Ok(File { uncounted: Some(Uncounted::new(uncounted)), ..file })
    }
}

/// The files of one ledger.
pub(super) struct Files {
    reader: LedgerReader,
    kept: Cache<(TilePath, bool), File, ByBytes>,
}

impl Files {
    pub(super) fn of(reader: LedgerReader) -> Self {
        Self { reader, kept: Cache::with_weighter(KEPT_FILES, KEPT_BYTES_MAX, ByBytes) }
    }

    /// The file, if it is in memory.
    pub(super) fn kept(&self, path: TilePath, gzip: bool) -> Option<File> {
        let gzip = gzip && matches!(path, TilePath::Entries { .. });
        self.kept.get(&(path, gzip))
    }

    /// As [`read`], from memory if it can be.
    pub(super) fn get(&self, path: TilePath, gzip: bool) -> Result<File, Error> {
        // Hashes are the same bytes whoever asks.
        let gzip = gzip && matches!(path, TilePath::Entries { .. });
        let file = || read(&self.reader, path, gzip);
        if path.width() < TILE_WIDTH { file() } else { self.kept.get_or_insert_with(&(path, gzip), file) }
    }
}

/// A file of the published ledger; bundles are packed for those who take that, hashes never, since they do not shrink.
///
/// # Errors
/// [`Error::NoSuchTile`] when there is none yet, and the ledger's.
pub(super) fn read(reader: &LedgerReader, path: TilePath, gzip: bool) -> Result<File, Error> {
    let (bytes, packed) = match path {
        TilePath::Hashes { level, n, width } => (reader.tile(level, n, width)?, None),
        TilePath::Entries { n, width } => {
            let bytes = reader.entry_bundle(n, width)?;
            let packed = bytes.as_deref().filter(|_| gzip).and_then(pack);
            (bytes, packed)
        }
    };
    match packed {
        Some(packed) => Ok(File { bytes: packed.into(), packed: true, uncounted: None }),
        None => Ok(File { bytes: bytes.ok_or(Error::NoSuchTile)?.into(), packed: false, uncounted: None }),
    }
}

/// The bytes under gzip; `None` if that fails, which memory does not.
fn pack(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(bytes).ok()?;
    packer.finish().ok()
}

#[cfg(test)]
mod tests;
