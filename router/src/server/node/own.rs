//! What the node does in its own name beyond one record: evidence, erasure, rotation, the policy in the ledger.

use ostrakon_ledger::{Appended, Body, Digest, Equivocate, Evidence, PeerName, RecordId, note::Note};

use super::Node;
use crate::{
    error::Error,
    flow::registrar::Statement,
    server::{blocking::blocking, evidence::EvidenceStore},
};

impl Node {
    /// Keeps what a record commits to, or a body of this node's own before there is a record, off the threads that answer.
    ///
    /// # Errors
    /// [`EvidenceStore::put_claimed`]'s, [`EvidenceStore::put`]'s.
    pub async fn keep_evidence(&self, record: Option<RecordId>, evidence: Evidence) -> Result<(), Error> {
        let reader = self.reader.clone();
        self.with_evidence(move |store| match record {
            Some(record) => store.put_claimed(&reader, &record, &evidence),
            None => store.put(&evidence),
        })
        .await
    }

    /// Removes what an erased record committed to, if nothing keeps it, off the threads that answer.
    ///
    /// # Errors
    /// [`Error::File`], and the ledger's.
    pub async fn follow_erasure(&self, target: RecordId) -> Result<(), Error> {
        let reader = self.reader.clone();
        self.with_evidence(move |store| store.follow_erasure(&reader, &target)).await
    }

    async fn with_evidence(
        &self,
        work: impl FnOnce(&EvidenceStore) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let store = self.evidence.clone();
        blocking("work on evidence", move || work(&store)).await
    }

    /// The body behind a record's commitment.
    ///
    /// # Errors
    /// See [`EvidenceStore::of`](crate::server::evidence::EvidenceStore::of).
    pub fn evidence_of(&self, id: &RecordId) -> Result<Evidence, Error> {
        self.evidence.of(&self.reader, id)
    }

    /// Says in the ledger that a body is erased, then erases it. A crash in between is made good at the next start.
    ///
    /// # Errors
    /// What the ledger refuses, and the store's.
    pub async fn erase(&self, target: RecordId) -> Result<Appended, Error> {
        let appended = self.sequencer.say(Statement::Erase(target)).await?;
        self.follow_erasure(target).await?;
        Ok(appended)
    }

    /// Changes the key of this node's own records: new key on disk, into the ledger, in force.
    ///
    /// # Errors
    /// What the ledger refuses, and the files'.
    pub async fn rotate(&self) -> Result<Appended, Error> {
        let _one_at_a_time = self.rotating.lock().await;
        let new = self.home.prepare_rotation()?;
        let appended = self.sequencer.say(Statement::Rotate(new)).await?;
        self.home.finish_rotation()?;
        Ok(appended)
    }

    /// Convicts the peer whose ledger signed two trees of one size; not if it is no peer's, or convicted before.
    pub async fn convict_log(&self, first: &Note, second: &Note) {
        let origin = first.text().lines().next().unwrap_or_default();
        let peer = origin.strip_suffix("/ostrakon").and_then(|name| PeerName::parse(name).ok());
        let Some(peer) = peer else { return };
        let key = match self.reader.author(&peer) {
            // A ledger's key is the one its owner was admitted with: no rotation changes it.
            Ok(Some(head)) => self.reader.key_at(&peer, head.admitted_at_index),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let convicted = match key {
            Ok(Some(key)) => {
                let equivocate = Equivocate::of_checkpoints(peer.clone(), key, first, second, Vec::new());
                self.sequencer.say(Statement::Convict(Box::new(equivocate))).await.map(drop)
            }
            Ok(None) => return,
            Err(error) => Err(error.into()),
        };
        match convicted {
            Ok(()) => tracing::error!(%peer, "its ledger signed two trees of one size; convicted"),
            Err(Error::Refused(_)) => {}
            Err(error) => tracing::error!(%peer, %error, "its ledger signed two trees of one size; not convicted"),
        }
    }

    /// Records the digest of the policy in force, if the operator wants that and it is not what the ledger says.
    ///
    /// # Errors
    /// What the ledger refuses, and the ledger's.
    pub async fn announce_policy(&self) -> Result<(), Error> {
        if !self.config.node.announce_policy {
            return Ok(());
        }
        let digest: Digest = self.gate.bench().digest.parse()?;
        let announced = match self.reader.policy()? {
            Some(index) => self.reader.entry(index)?,
            None => None,
        };
        let same = |body: &Body| matches!(body, Body::Policy(policy) if policy.digest == digest);
        if !announced.is_some_and(|entry| same(&entry.record.record().body)) {
            self.sequencer.say(Statement::Policy(digest)).await?;
        }
        Ok(())
    }
}
