//! What is remembered of a record for later records that name it.

use crate::name::PeerName;
use crate::record::{Digest, Record, RecordType};

/// A record that another one names.
#[derive(Debug, Clone)]
pub(crate) struct TargetRecord {
    pub(crate) author: PeerName,
    pub(crate) kind: RecordType,
    /// The peer or domain that a vote is about: who may answer it.
    pub(crate) about: Option<PeerName>,
    /// What a vote or rebuttal commits to; zero for nothing.
    pub(crate) commitment: Digest,
}

impl TargetRecord {
    pub(crate) fn of(record: &Record) -> Self {
        Self {
            author: record.header.author.clone(),
            kind: record.kind(),
            about: record.body.about().cloned(),
            commitment: record.body.commitment(),
        }
    }
}
