//! Whose the folder is. What another user makes in it, above all root, its owner cannot read: the node would not start again.

use std::{io::ErrorKind, os::unix::fs::MetadataExt, path::Path};

use ostrakon_ledger::{ReopeningStore, RocksStore, StoreError, Table};
use rustix::{
    io::Errno,
    process::{Pid, geteuid, test_kill_process},
};

use super::{Home, Running};
use crate::{
    error::Error,
    server::durable::{file_error, probe_room},
};

/// Who has accounts here. Users of a directory service are called by their number.
const USERS: &str = "/etc/passwd";
/// What the system says when a file is somebody else's, in RocksDB's words.
const DENIED: &str = "permission denied";

impl Home {
    /// That the folder is this user's, before anything is written into it. One that is not there yet is going to be.
    ///
    /// # Errors
    /// [`Error::ForeignFolder`], also for root; [`Error::File`].
    pub fn require_owner(&self) -> Result<(), Error> {
        let owner = match std::fs::metadata(&self.dir) {
            Ok(metadata) => metadata.uid(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(file_error(&self.dir, error)),
        };
        let you = geteuid().as_raw();
        if owner == you {
            return Ok(());
        }
        let (name, sudo) = match name_of(owner) {
            Some(name) => (name.clone(), name),
            None => ("its owner".to_owned(), format!("'#{owner}'")),
        };
        let owner = if sudo == name { format!("{name} (uid {owner})") } else { format!("uid {owner}") };
        let you = name_of(you).unwrap_or_else(|| format!("uid {you}"));
        Err(Error::ForeignFolder { dir: self.dir.display().to_string(), owner, name, you, sudo })
    }

    /// Opens a database of the folder for writing, which can be opened again after an error that has passed.
    pub(super) fn reopening(&self, name: &str, tables: &'static [Table]) -> Result<ReopeningStore<RocksStore>, Error> {
        self.require_owner()?;
        let dir = self.dir.join(name);
        let (probed, opened) = (dir.clone(), dir.clone());
        let probe =
            move || probe_room(&probed).map_err(|error| StoreError::Failed(format!("{}: {error}", probed.display())));
        let open = ReopeningStore::open(move || RocksStore::open(&opened, tables), probe);
        open.map_err(|error| self.not_opened(&dir, error))
    }

    /// Opens a database of the folder for writing, for a command.
    pub(super) fn writable(&self, name: &str, tables: &'static [Table]) -> Result<RocksStore, Error> {
        self.require_owner()?;
        let dir = self.dir.join(name);
        RocksStore::open(&dir, tables).map_err(|error| self.not_opened(&dir, error))
    }

    /// What to do when a database of the folder does not open.
    pub(super) fn not_opened(&self, dir: &Path, error: StoreError) -> Error {
        match error {
            StoreError::Locked { path } => Error::InUse { path, pid: self.running().and_then(pid) },
            StoreError::Failed(reason) if reason.to_ascii_lowercase().contains(DENIED) => {
                let owner = std::fs::metadata(&self.dir).map(|metadata| metadata.uid()).ok();
                let user =
                    owner.and_then(name_of).or(owner.map(|uid| uid.to_string())).unwrap_or_else(|| "USER".into());
                let reason = format!(
                    "permission denied: files in it belong to another user; as root, run: chown -R {user} {}",
                    self.dir.display()
                );
                file_error(dir, reason)
            }
            error => error.into(),
        }
    }
}

/// The process that a node's announcement names, if there still is one.
fn pid(running: Running) -> Option<u32> {
    let process = Pid::from_raw(i32::try_from(running.pid).ok()?)?;
    (test_kill_process(process) != Err(Errno::SRCH)).then_some(running.pid)
}

/// The name of a user with an account on this machine.
fn name_of(uid: u32) -> Option<String> {
    let users = std::fs::read_to_string(USERS).ok()?;
    let user = |line: &str| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(uid)).then(|| name.to_owned())
    };
    users.lines().find_map(user)
}
