//! Signed records in an append-only, hash-chained Merkle log.
//!
//! ```text
//! bytes → dsse::Signed / SignedRecord::parse_envelope → Verified::check → Ledger::append → Store::commit → LedgerReader
//! ```
//!
//! *In scope*: identities ([`PeerName`], [`PublicKey`]), subjects and their tags, signed records and their
//! envelopes, the entry frame and its BLAKE3 chain, the RFC 6962 tree with C2SP tiles, checkpoints and signed
//! notes, the signed state, the store (in memory, and in RocksDB with the feature `rocksdb`), recomputing all of it
//! ([`verify`]).
//!
//! *Out of scope*: what a vote is worth, messages, HTTP, clocks and randomness (time and seeds are arguments).
#![doc(test(attr(deny(warnings))))]

#[macro_use]
mod text;

pub mod archive;
pub mod author;
pub mod checkpoint;
pub mod cosignature;
pub mod dsse;
pub mod entry;
pub mod error;
pub mod evidence;
pub mod files;
pub mod keys;
pub mod ledger;
pub mod malformed;
pub mod merkle;
pub mod name;
pub mod note;
pub mod quorum;
pub mod receipt;
pub mod record;
mod rules;
pub mod signed_state;
pub mod store;
pub mod subject;
pub mod tables;
pub mod tile;
pub mod verify;
pub mod witness;

pub use author::AuthorHead;
pub use dsse::{Signed, SignedRecord, Verified};
pub use entry::{Effect, Entry, Provenance};
pub use error::{Blame, LedgerError, Refusal, Unproven};
pub use evidence::Evidence;
pub use files::{FetchError, LogFiles};
pub use keys::{PublicKey, SecretKey, Signature};
pub use ledger::{
    Appended, BATCH_RECORDS_MAX, Conflict, Followed, Healed, Ledger, LedgerReader, Mirror, MirrorError, Missing,
    Preview, PublishedHead, RESTORE_ENTRIES_MAX, Restorer, heal,
};
pub use malformed::Malformed;
pub use name::PeerName;
pub use quorum::Quorum;
pub use receipt::Receipt;
pub use record::*;
pub use rules::ROTATIONS_MAX;
pub use signed_state::{FileState, MemoryState, SignedState};
#[cfg(feature = "rocksdb")]
pub use store::RocksStore;
pub use store::{Batch, MemoryStore, ReopeningStore, Store, StoreError, Table};
pub use subject::{Pepper, Subject, SubjectKind, Tag};
pub use tables::TABLES;
pub use verify::{Damage, Disagreement, FilesReport, LedgerReport, StoreReport};
pub use witness::{AddCheckpoint, Witness, WitnessRefusal};
