//! Files that survive a crash as they were or as they are to be, whole.

use std::{fs::File, io::Write, path::Path};

use ostrakon_ledger::signed_state::replace_file;
pub(crate) use ostrakon_ledger::signed_state::{TEMPORARY, rename_durably, sync_folder};

use crate::error::Error;

/// Writes a file so that after a crash there is the old one or the new one, whole.
///
/// # Errors
/// [`Error::File`]
pub fn write_durably(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    replace_durably(path, mode, |file| file.write_all(bytes))
}

/// [`write_durably`] for what is too large to hold: `write` gets the new file, block by block.
///
/// # Errors
/// [`Error::File`]
pub fn replace_durably(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut File) -> std::io::Result<()>,
) -> Result<(), Error> {
    replace_file(path, mode, write).map_err(|error| file_error(path, error))
}

/// What a database needs to be opened: room for what its log had not written into tables yet, at least for a part of it …
const PROBE_BYTES: usize = 4 << 20;
/// … and descriptors.
const PROBE_FILES: usize = 16;

/// Whether the folder `dir` can take another few megabytes and the process a few descriptors. Leaves nothing behind.
///
/// # Errors
/// The system's.
pub(crate) fn probe_room(dir: &Path) -> std::io::Result<()> {
    let path = dir.join("room.probe");
    let probe = || {
        let _descriptors = (0..PROBE_FILES).map(|_| File::open(dir)).collect::<std::io::Result<Vec<_>>>()?;
        let mut file = File::create(&path)?;
        file.write_all(&vec![0; PROBE_BYTES])?;
        file.sync_all()
    };
    let probed = probe();
    match std::fs::remove_file(&path) {
        Err(error) if probed.is_ok() => Err(error),
        _ => probed,
    }
}

/// An [`Error::File`] about `path`.
pub fn file_error(path: &Path, reason: impl ToString) -> Error {
    Error::File { path: path.display().to_string(), reason: reason.to_string() }
}
