//! The witness of C2SP `tlog-witness`: cosigns a checkpoint if it extends the last one it cosigned of that log.
//!
//! ```text
//! bytes → AddCheckpoint::parse → check (known log, its signature) → Witness::cosign → one synced commit → answers
//! ```
//!
//! A value that is driven: it has one owner, and time is an argument. The state is in memory and in the store; what is
//! answered was committed before, together with all other answers of the same call, so that one sync serves many logs.

mod request;

use std::collections::BTreeMap;
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub use self::request::{AddCheckpoint, CheckedRequest, REQUEST_BYTES_MAX};
use crate::checkpoint::Checkpoint;
use crate::error::Unproven;
use crate::keys::SecretKey;
use crate::malformed::Malformed;
use crate::merkle::{Hash, empty_root, verify_consistency};
use crate::note::{Note, NoteKey, NoteSignature};
use crate::quorum::Quorum;
use crate::store::{Batch, Store, StoreError, Table};

/// SHA-256 of the origin → the last note that was cosigned of it, with the log's signature and the cosignature.
pub const WITNESSED: Table = Table("witnessed");
/// All tables of a witness, for whoever opens its store.
pub const WITNESS_TABLES: &[Table] = &[WITNESSED];

/// Why a checkpoint is not cosigned; each has its HTTP status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessRefusal {
    /// 400: the request cannot be read, or goes back.
    #[error("{0}")]
    BadRequest(String),
    /// 404: the log is not one that this witness looks at.
    #[error("this witness does not look at `{0}`")]
    UnknownLog(String),
    /// 403: the log did not sign it.
    #[error(transparent)]
    NotSigned(Unproven),
    /// 409: the request starts from another size than the last cosigned one.
    #[error("the last size cosigned is {0}")]
    OtherSize(u64),
    /// 422: the tree does not extend the last one.
    #[error("{0}")]
    Inconsistent(&'static str),
    /// 422: the log signed two trees of one size. The two notes prove it: the one that was cosigned, and this one.
    #[error("another tree of this size was cosigned")]
    Forked(Box<(Note, Note)>),
}

impl WitnessRefusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::BadRequest(_) => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownLog(_) => 404,
            Self::OtherSize(_) => 409,
            Self::Inconsistent(_) | Self::Forked(_) => 422,
        }
    }
}

impl From<Malformed> for WitnessRefusal {
    fn from(fault: Malformed) -> Self {
        Self::BadRequest(fault.to_string())
    }
}

/// The logs that a witness looks at, with the keys that they sign with.
#[derive(Debug, Clone, Default)]
pub struct WatchedLogs(BTreeMap<String, Vec<NoteKey>>);

impl WatchedLogs {
    /// The logs of a trust file.
    pub fn of(quorum: &Quorum) -> Self {
        let mut logs: BTreeMap<String, Vec<NoteKey>> = BTreeMap::new();
        for log in quorum.logs() {
            logs.entry(log.key.name().to_owned()).or_default().push(log.key.clone());
        }
        Self(logs)
    }

    fn keys(&self, origin: &str) -> Option<&[NoteKey]> {
        self.0.get(origin).map(Vec::as_slice)
    }
}

/// A witness.
pub struct Witness {
    name: String,
    key: SecretKey,
    store: Arc<dyn Store>,
    /// The last head cosigned of each log that was asked about.
    heads: BTreeMap<String, CosignedHead>,
}

/// Where a log stood when it was last cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct CosignedHead {
    tree_size: u64,
    root: Hash,
    /// As it was cosigned; `None` for the empty tree that every log begins with.
    note: Option<Note>,
}

impl Witness {
    /// A witness of this name and key, whose state is in `store`. The store must be nobody else's.
    ///
    /// # Errors
    /// [`Malformed`] when the name cannot name a key.
    pub fn new(name: &str, key: SecretKey, store: Arc<dyn Store>) -> Result<Self, Malformed> {
        NoteKey::cosigner(name, key.public())?;
        Ok(Self { name: name.to_owned(), key, store, heads: BTreeMap::new() })
    }

    /// Judges requests in order, each against what the ones before left, and answers with a signature line or a refusal.
    ///
    /// 1. the request must start from the last size cosigned, and prove that the new tree extends it
    /// 2. cosign at `now_s`
    /// 3. commit the new heads, all together
    ///
    /// A crash before 3 loses cosignatures that nobody saw; after it they can be asked for again. Since one owner judges all
    /// requests, two that race for one log are judged one after the other.
    ///
    /// # Errors
    /// [`StoreError`], after which it is unknown what the store holds: nothing may be answered, and the witness has to be
    /// made anew.
    pub fn cosign(
        &mut self,
        requests: &[CheckedRequest],
        now_s: u64,
    ) -> Result<Vec<Result<NoteSignature, WitnessRefusal>>, StoreError> {
        let mut batch = Batch::new();
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            let head = self.head(&request.checkpoint().origin)?;
            answers.push(match judge(request, &head) {
                Ok(()) => self.sign(request, now_s, &mut batch),
                Err(refusal) => Err(refusal),
            });
        }
        if !batch.puts.is_empty() {
            self.store.commit(batch)?;
        }
        Ok(answers)
    }

    /// Goes on after an error of the store: opens it again, and takes the heads from there. A cosignature that is there and was not
    /// answered is the last one cosigned, as after a crash.
    ///
    /// # Errors
    /// [`StoreError`]; the witness must not be used then.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        self.store.reopen()?;
        self.heads.clear();
        Ok(())
    }

    fn sign(
        &mut self,
        request: &CheckedRequest,
        now_s: u64,
        batch: &mut Batch,
    ) -> Result<NoteSignature, WitnessRefusal> {
        let Checkpoint { origin, tree_size, root } = request.checkpoint();
        let line = NoteSignature::cosign(request.note().text(), &self.name, &self.key, now_s)?;
        let note = request.note().signed_only_by(origin).with_signature(line.clone());
        batch.put(WITNESSED, log_id(origin), note.to_string());
        self.heads.insert(origin.clone(), CosignedHead { tree_size: *tree_size, root: *root, note: Some(note) });
        Ok(line)
    }

    /// The last head of a log; the empty tree for one that was never cosigned.
    fn head(&mut self, origin: &str) -> Result<CosignedHead, StoreError> {
        if let Some(head) = self.heads.get(origin) {
            return Ok(head.clone());
        }
        let head = match last_cosigned(&*self.store, &log_id(origin))? {
            None => CosignedHead { tree_size: 0, root: empty_root(), note: None },
            Some(note) => {
                let damaged = || StoreError::Corrupt(format!("the state of `{origin}` is unreadable"));
                let note = Note::parse(&note).map_err(|_| damaged())?;
                let Checkpoint { tree_size, root, .. } = note.text().parse().map_err(|_| damaged())?;
                CosignedHead { tree_size, root, note: Some(note) }
            }
        };
        self.heads.insert(origin.to_owned(), head.clone());
        Ok(head)
    }
}

/// The last note cosigned of a log, by SHA-256 of its origin: what monitors read.
///
/// # Errors
/// [`StoreError`]
pub fn last_cosigned(store: &dyn Store, log: &[u8; 32]) -> Result<Option<String>, StoreError> {
    let unreadable = |_| StoreError::Corrupt("a cosigned note is no text".into());
    store.get(WITNESSED, log)?.map(|row| String::from_utf8(row).map_err(unreadable)).transpose()
}

/// What stands for a log in addresses and in the store: SHA-256 of its origin.
pub fn log_id(origin: &str) -> [u8; 32] {
    Sha256::digest(origin).into()
}

/// Whether a request, whose signature was checked, extends a head.
fn judge(request: &CheckedRequest, head: &CosignedHead) -> Result<(), WitnessRefusal> {
    let Checkpoint { tree_size, root, .. } = request.checkpoint();
    if request.old_size() != head.tree_size {
        return Err(WitnessRefusal::OtherSize(head.tree_size));
    }
    if *tree_size == 0 && *root != empty_root() {
        return Err(WitnessRefusal::Inconsistent("the empty tree has another root"));
    }
    if *tree_size == head.tree_size && *root != head.root {
        return Err(match &head.note {
            Some(note) => WitnessRefusal::Forked(Box::new((note.clone(), request.note().clone()))),
            None => WitnessRefusal::Inconsistent("the empty tree has another root"),
        });
    }
    if !verify_consistency(head.tree_size, *tree_size, &head.root, root, request.proof()) {
        return Err(WitnessRefusal::Inconsistent("the proof does not show that the tree extends the last one"));
    }
    Ok(())
}
