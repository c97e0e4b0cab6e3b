//! Replacing a file so that after a crash there is the old one or the new one, whole.
//!
//! The new file is written beside the old one, as `NAME.new`, synced, and renamed over it; then the folder is synced. A file
//! that a crash left behind has a fixed name, so the next replacement writes over it. Libraries for this take random names,
//! which nobody cleans up after a crash, or do not sync the folder.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// How the name ends of a file that is being written.
pub const TEMPORARY: &str = "new";

/// Replaces a file by what `write` puts into the new one. The file has exactly these permission bits afterwards, whatever
/// the umask is.
///
/// # Errors
/// Those of the file system and of `write`. The old file is untouched, unless only the sync of its folder failed.
pub fn replace_file(path: &Path, mode: u32, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    let beside = path.with_extension(TEMPORARY);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&beside)?;
    // Whatever the umask takes away, and whatever a crash left there.
    file.set_permissions(Permissions::from_mode(mode))?;
    write(&mut file)?;
    file.sync_all()?;
    rename_durably(&beside, path)
}

/// Renames a file or folder within its folder, and syncs that.
///
/// # Errors
/// Those of the file system.
pub fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    match to.parent() {
        Some(parent) if parent != Path::new("") => sync_folder(parent),
        _ => sync_folder(Path::new(".")),
    }
}

/// Makes what came into a folder, or left it, survive a crash.
///
/// # Errors
/// Those of the file system.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
