//! Who else on this machine may look into the node's folder: nobody.
//!
//! The folder is 0700 and everything in it 0600 (folders 0700). That holds whatever umask the node was started with, because
//! [`close_new_files`] replaces it, RocksDB's files included. What was made wider, by an earlier build or by hand, is named when
//! the node is served; a secret that others can read or change is not used at all.

use std::{
    fs::{DirBuilder, File, Metadata, Permissions},
    io::{ErrorKind, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rustix::fs::Mode;

use super::Home;
use crate::{error::Error, server::durable::file_error};

/// Everything but what the owner may do.
const OTHERS: u32 = 0o077;
/// A folder of a node, and the folders in it.
const FOLDER_MODE: u32 = 0o700;
/// Most entries that are looked at: the databases of a node that is in use have some hundreds of files.
const ENTRIES_MAX: usize = 4_096;
/// Most entries that are named, one line of the log each.
const NAMED_MAX: usize = 8;
/// Largest secret in bytes: hexadecimal digits or a token, and the end of the line.
const SECRET_BYTES_MAX: u64 = 4_096;

/// From now on this process makes files and folders that only its own user can use.
pub fn close_new_files() {
    rustix::process::umask(Mode::from_raw_mode(OTHERS));
}

/// A file or folder of the node that others can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposed {
    /// Which.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
}

impl Exposed {
    /// What they can do, in words.
    pub fn what(&self) -> &'static str {
        if self.mode & 0o022 != 0 { "others can change it" } else { "others can read it" }
    }

    /// The command that ends it.
    pub fn mend(&self) -> String {
        format!("chmod go= {}", self.path.display())
    }

    /// Worst first: what others can write, then what everybody and not only the group can read, then the outermost.
    fn rank(&self) -> (bool, bool, bool, usize) {
        let is = |bits: u32| self.mode & bits != 0;
        (!is(0o002), !is(0o020), !is(0o007), self.path.components().count())
    }
}

impl Home {
    /// Makes the folder, for its owner alone. One that is there and empty is closed; one that holds something else stays as it is,
    /// because it may be more than a node's folder.
    pub(super) fn make_folder(&self) -> Result<(), Error> {
        let trouble = |error| file_error(&self.dir, error);
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(&self.dir).map_err(trouble)?;
        let is_empty = std::fs::read_dir(&self.dir).map_err(trouble)?.next().is_none();
        if is_empty {
            std::fs::set_permissions(&self.dir, Permissions::from_mode(FOLDER_MODE)).map_err(trouble)?;
        }
        Ok(())
    }

    /// What of the node others can use: the worst first, at most eight; and how many there are. What lies in a folder that is
    /// closed to others is out of their reach, except below the node's own: that may be copied as it is.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn exposed(&self) -> Result<(Vec<Exposed>, usize), Error> {
        let mut found = Vec::new();
        let mut folders = vec![self.dir.clone()];
        let mut looked_at = 0;
        found.extend(exposed(&self.dir, &metadata(&self.dir)?));
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(&folder).map_err(|error| file_error(&folder, error))?.flatten() {
                looked_at += 1;
                // RocksDB deletes files at any time.
                let path = entry.path();
                let Ok(metadata) = std::fs::metadata(&path) else { continue };
                let Some(wide) = exposed(&path, &metadata) else { continue };
                if metadata.is_dir() && looked_at < ENTRIES_MAX {
                    folders.push(path);
                }
                found.push(wide);
            }
        }
        found.sort_by_key(Exposed::rank);
        let count = found.len();
        found.truncate(NAMED_MAX);
        Ok((found, count))
    }

    /// Why the configuration is not there to be read, in words for whoever is not the node's user.
    pub(super) fn unreachable(&self, error: &std::io::Error) -> Error {
        match error.kind() {
            ErrorKind::NotFound => {
                file_error(&self.dir, "there is no node here; make one with `ostrakon init --dir DIR --domain NAME`")
            }
            ErrorKind::PermissionDenied => {
                let owner = std::fs::metadata(&self.dir).map(|metadata| metadata.uid());
                let user = owner.map_or_else(|_| "the node's user".to_owned(), |uid| format!("user id {uid}"));
                let reason = format!(
                    "this folder belongs to {user} alone. Run the command as that user, or name a running node with --node URL \
                     and put its token (the file local.token in its folder) into the environment as OSTRAKON_TOKEN"
                );
                file_error(&self.dir, reason)
            }
            _ => file_error(&self.config_path(), error),
        }
    }
}

/// Reads a secret that only its owner can read or change.
///
/// # Errors
/// [`Error::File`], also when others can read or change it: then it may not be a secret any more.
pub(super) fn read_secret(path: &Path) -> Result<String, Error> {
    let trouble = |error: std::io::Error| file_error(path, error);
    let file = File::open(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => file_error(path, missing(path)),
        _ => trouble(error),
    })?;
    let metadata = file.metadata().map_err(trouble)?;
    if !metadata.is_file() {
        return Err(file_error(path, "is not a regular file"));
    }
    if let Some(wide) = exposed(path, &metadata) {
        let (mode, what, mend) = (wide.mode, wide.what(), wide.mend());
        let reason = format!(
            "is a secret, and {what} (mode {mode:04o}). Close it with `{mend}`; if others had access, replace it"
        );
        return Err(file_error(path, reason));
    }
    let mut text = String::new();
    file.take(SECRET_BYTES_MAX).read_to_string(&mut text).map_err(trouble)?;
    Ok(text)
}

/// What to do without a secret.
fn missing(path: &Path) -> &'static str {
    match path.file_name().and_then(|name| name.to_str()) {
        Some("node.key") => {
            "is missing: put it back from your copy. Without it this server has to take a new name (docs/operating.md)"
        }
        Some("federation.pepper") => {
            "is missing: put it back from your copy, or take it from another member of the federation (docs/peers.md)"
        }
        Some("local.token") => "is missing: the node makes a new one when it is started",
        _ => "is missing",
    }
}

fn metadata(path: &Path) -> Result<Metadata, Error> {
    std::fs::metadata(path).map_err(|error| file_error(path, error))
}

/// `path`, if its mode lets others use it.
fn exposed(path: &Path, metadata: &Metadata) -> Option<Exposed> {
    let mode = metadata.mode() & 0o7777;
    (mode & OTHERS != 0).then(|| Exposed { path: path.to_owned(), mode })
}
