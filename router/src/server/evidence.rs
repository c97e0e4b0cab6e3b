//! Detached bodies of votes and rebuttals: one file each, so that erasing one really removes it.
//!
//! ```text
//! evidence/<holder>/<commitment>
//! ```
//!
//! A commitment is salted, so that only who has salt and body could have made it first. It therefore belongs to the author of
//! the first record in the ledger that commits to it, its **holder**. Records of others with the same commitment are copies: it
//! can be read and stored by them, it counts in the holder's share, and they neither erase it nor keep it. It goes when every
//! record of the holder that commits to it is erased, by the holder or by the owner of the ledger.
//!
//! Whoever has the body of a record that this ledger holds may store it: a body that fits the commitment can only come from
//! who made it. Reading is for the operator, and for peers who sign that they ask ([`read`]).

pub mod read;
mod shares;

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
};

use ostrakon_ledger::{Body, Digest, Evidence, LedgerReader, PeerName, RecordId};

use self::shares::Shares;
use crate::{
    error::Error,
    server::durable::{TEMPORARY, file_error, sync_folder, write_durably},
};

/// A folder of bodies.
pub struct EvidenceStore {
    dir: PathBuf,
    /// The owner of the ledger, who holds what was stored before a record commits to it.
    owner: PeerName,
    /// What is kept; held while files come and go.
    shares: Mutex<Shares>,
}

/// A body's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Who holds the commitment.
    pub holder: PeerName,
    /// The commitment.
    pub commitment: Digest,
}

impl EvidenceStore {
    /// Opens the folder, which need not exist yet, and finishes what a crash left undone: files half written are removed, and
    /// bodies whose erasure `reader` has. A peer keeps at most `peer_bytes_max` bytes.
    ///
    /// # Errors
    /// [`Error::File`], and the ledger's.
    pub fn open(dir: PathBuf, reader: &LedgerReader, peer_bytes_max: u64) -> Result<Self, Error> {
        let first = reader.entry(0)?.ok_or(ostrakon_ledger::LedgerError::Missing)?;
        let owner = first.record.record().header.author.clone();
        let this = Self { dir, shares: Mutex::new(Shares::new(owner.clone(), peer_bytes_max)), owner };
        let fault = |error| file_error(&this.dir, error);
        std::fs::create_dir_all(&this.dir).map_err(fault)?;
        for file in std::fs::read_dir(&this.dir).map_err(fault)? {
            let file = file.map_err(fault)?;
            let kind = file.file_type().map_err(fault)?;
            let name = file.file_name();
            let name = name.to_str().unwrap_or_default();
            match (name.parse::<Digest>(), PeerName::parse(name)) {
                (Ok(commitment), _) if kind.is_file() => this.take_over(&file.path(), commitment, reader)?,
                (_, Ok(holder)) if kind.is_dir() => this.open_share(&file.path(), &holder, reader)?,
                _ => remove_if_half_written(&file)?,
            }
        }
        Ok(this)
    }

    /// Counts what a holder keeps.
    fn open_share(&self, dir: &Path, holder: &PeerName, reader: &LedgerReader) -> Result<(), Error> {
        let fault = |error| file_error(dir, error);
        for file in std::fs::read_dir(dir).map_err(fault)? {
            let file = file.map_err(fault)?;
            let commitment = file.file_name().to_str().and_then(|name| name.parse::<Digest>().ok());
            let Some(commitment) = commitment.filter(|_| file.file_type().is_ok_and(|kind| kind.is_file())) else {
                remove_if_half_written(&file)?;
                continue;
            };
            if reader.unerased(&commitment, holder)? == Some(0) {
                std::fs::remove_file(file.path()).map_err(fault)?;
            } else {
                self.shares().add(Some(holder), file.metadata().map_err(fault)?.len());
            }
        }
        remove_if_empty(dir);
        Ok(())
    }

    /// Moves a body that an older version kept by its commitment alone to its holder. While nothing commits to it, it stays
    /// where it is, in nobody's share.
    fn take_over(&self, path: &Path, commitment: Digest, reader: &LedgerReader) -> Result<(), Error> {
        let fault = |error| file_error(path, error);
        let len_bytes = std::fs::metadata(path).map_err(fault)?.len();
        let Some(holder) = holder(reader, &commitment)? else {
            self.shares().add(None, len_bytes);
            return Ok(());
        };
        if reader.unerased(&commitment, &holder)? == Some(0) {
            return std::fs::remove_file(path).map_err(fault);
        }
        let new = self.path(&holder, &commitment);
        self.make_folder(&holder)?;
        std::fs::rename(path, &new).map_err(fault)?;
        self.shares().add(Some(&holder), len_bytes);
        Ok(())
    }

    /// Keeps a body of this node's own, synced to disk, before there is a record that commits to it. Keeping it twice is no
    /// error.
    ///
    /// # Errors
    /// [`Error::EvidenceFull`], [`Error::File`]
    pub fn put(&self, evidence: &Evidence) -> Result<(), Error> {
        self.write(self.shares(), &self.owner, evidence)
    }

    /// Keeps what a published record commits to in the share of its holder, synced to disk. Whether it was erased meanwhile is
    /// looked at while nothing can be erased. Keeping it twice is no error.
    ///
    /// # Errors
    /// [`Error::OtherEvidence`], [`Error::EvidenceFull`], [`Error::ShareFull`], [`Error::File`]; as [`live_claim`].
    pub fn put_claimed(&self, reader: &LedgerReader, id: &RecordId, evidence: &Evidence) -> Result<(), Error> {
        let shares = self.shares();
        let Claim { holder, commitment } = live_claim(reader, id)?;
        if evidence.commitment() != commitment {
            return Err(Error::OtherEvidence(id.to_string()));
        }
        self.write(shares, &holder, evidence)
    }

    fn write(&self, mut shares: MutexGuard<'_, Shares>, holder: &PeerName, evidence: &Evidence) -> Result<(), Error> {
        let path = self.path(holder, &evidence.commitment());
        if path.exists() {
            return Ok(());
        }
        let len_bytes = evidence.as_bytes().len() as u64;
        shares.check(holder, len_bytes)?;
        self.make_folder(holder)?;
        write_durably(&path, evidence.as_bytes(), 0o600)?;
        shares.add(Some(holder), len_bytes);
        Ok(())
    }

    /// Whether a holder's body is kept.
    pub fn keeps(&self, holder: &PeerName, commitment: &Digest) -> bool {
        self.path(holder, commitment).exists()
    }

    /// A holder's body, if it is kept.
    ///
    /// # Errors
    /// [`Error::File`], also when the file is not what its name says.
    pub fn get(&self, holder: &PeerName, commitment: &Digest) -> Result<Option<Evidence>, Error> {
        let path = self.path(holder, commitment);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(file_error(&path, error)),
        };
        let evidence = Evidence::from_bytes(bytes).map_err(|error| file_error(&path, error))?;
        if evidence.commitment() != *commitment {
            return Err(file_error(&path, "is not the body that its name commits to"));
        }
        Ok(Some(evidence))
    }

    /// Removes a holder's body, if it is kept.
    fn erase(&self, holder: &PeerName, commitment: &Digest) -> Result<(), Error> {
        let mut shares = self.shares();
        let path = self.path(holder, commitment);
        let len_bytes = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(file_error(&path, error)),
        };
        let folder = self.dir.join(holder.as_str());
        let removed = std::fs::remove_file(&path).and_then(|()| sync_folder(&folder));
        removed.map_err(|error| file_error(&path, error))?;
        shares.remove(holder, len_bytes);
        remove_if_empty(&folder);
        Ok(())
    }

    /// Removes the body behind a record that was erased, if none of its holder's records keeps it.
    ///
    /// # Errors
    /// [`Error::File`], and the ledger's.
    pub fn follow_erasure(&self, reader: &LedgerReader, target: &RecordId) -> Result<(), Error> {
        let Some(Claim { holder, commitment }) = claim(reader, target)? else { return Ok(()) };
        if reader.unerased(&commitment, &holder)? == Some(0) { self.erase(&holder, &commitment) } else { Ok(()) }
    }

    /// The body behind a record's commitment.
    ///
    /// # Errors
    /// [`Error::NoEvidence`] when the record commits to nothing or its body was never kept here, [`Error::Erased`]; the files',
    /// and the ledger's.
    pub fn of(&self, reader: &LedgerReader, id: &RecordId) -> Result<Evidence, Error> {
        let Claim { holder, commitment } = live_claim(reader, id)?;
        self.get(&holder, &commitment)?.ok_or_else(|| Error::NoEvidence(id.to_string()))
    }

    fn make_folder(&self, holder: &PeerName) -> Result<(), Error> {
        let dir = self.dir.join(holder.as_str());
        if dir.is_dir() {
            return Ok(());
        }
        let made = std::fs::create_dir(&dir).and_then(|()| sync_folder(&self.dir));
        made.map_err(|error| file_error(&dir, error))
    }

    fn path(&self, holder: &PeerName, commitment: &Digest) -> PathBuf {
        self.dir.join(holder.as_str()).join(commitment.to_string())
    }

    fn shares(&self) -> MutexGuard<'_, Shares> {
        self.shares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes a file that a crash left half-written. Whatever else is not ours stays where it is.
fn remove_if_half_written(file: &std::fs::DirEntry) -> Result<(), Error> {
    let (path, kind) = (file.path(), file.file_type());
    let made_here = path.file_stem().and_then(|stem| stem.to_str()).is_some_and(|stem| stem.parse::<Digest>().is_ok());
    if kind.is_ok_and(|kind| kind.is_file()) && made_here && path.extension().is_some_and(|it| it == TEMPORARY) {
        return std::fs::remove_file(&path).map_err(|error| file_error(&path, error));
    }
    tracing::warn!(path = %path.display(), "no evidence of this node; it is left alone");
    Ok(())
}

/// Takes away a holder's folder when nothing is in it. One that is not empty stays, which is no error.
fn remove_if_empty(folder: &Path) {
    let _ = std::fs::remove_dir(folder);
}

/// The author of the first record that commits to a body; `None`: no record does.
fn holder(reader: &LedgerReader, commitment: &Digest) -> Result<Option<PeerName>, Error> {
    let Some(index) = reader.first_commitment(commitment)? else { return Ok(None) };
    Ok(reader.entry(index)?.map(|entry| entry.record.record().header.author.clone()))
}

/// What a published record commits to, and who holds that; `None` when there is no such record or it commits to nothing.
fn claim(reader: &LedgerReader, id: &RecordId) -> Result<Option<Claim>, Error> {
    let Some(index) = reader.record(id)? else { return Ok(None) };
    let Some(entry) = reader.entry(index)? else { return Ok(None) };
    let commitment = match &entry.record.record().body {
        Body::Vote(vote) => vote.commitment,
        Body::Rebut(rebut) => rebut.commitment,
        _ => Digest::ZERO,
    };
    if commitment.is_zero() {
        return Ok(None);
    }
    let holder = holder(reader, &commitment)?.unwrap_or_else(|| entry.record.record().header.author.clone());
    Ok(Some(Claim { holder, commitment }))
}

/// What a published record commits to, as long as neither it nor all of the holder's records are erased.
///
/// # Errors
/// [`Error::NoEvidence`], [`Error::Erased`], and the ledger's.
pub fn live_claim(reader: &LedgerReader, id: &RecordId) -> Result<Claim, Error> {
    let claim = claim(reader, id)?.ok_or_else(|| Error::NoEvidence(id.to_string()))?;
    let gone = reader.unerased(&claim.commitment, &claim.holder)? == Some(0);
    if gone || reader.erasure_of(id)?.is_some() { Err(Error::Erased(id.to_string())) } else { Ok(claim) }
}
