//! Files that survive a crash as they were or as they are to be, whole.

use std::{
    fs::{File, OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

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
    let replace = || -> std::io::Result<()> {
        let temporary = path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
        // Whatever the umask takes away, and whatever a crash left there.
        file.set_permissions(Permissions::from_mode(mode))?;
        write(&mut file)?;
        file.sync_all()?;
        rename_durably(&temporary, path)
    };
    replace().map_err(|error| file_error(path, error))
}

/// Renames a file or folder within its folder, and syncs that.
pub(crate) fn rename_durably(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::rename(from, to)?;
    to.parent().map_or(Ok(()), sync_folder)
}

/// Makes what came into a folder, or left it, survive a crash.
pub(crate) fn sync_folder(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

/// An [`Error::File`] about `path`.
pub fn file_error(path: &Path, reason: impl ToString) -> Error {
    Error::File { path: path.display().to_string(), reason: reason.to_string() }
}
