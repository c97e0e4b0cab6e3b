//! The peers that were admitted: who they are, whether they may still speak, and how one is expelled.

use ostrakon_ledger::{Appended, AuthorHead, Header, PeerName, Reason, Refusal};
use serde::Serialize;

use super::Node;
use crate::{error::Error, flow::registrar::Statement, server::mirrors::FollowView};

/// A peer as operators see it.
#[derive(Debug, Serialize)]
pub struct PeerView {
    peer: String,
    key: String,
    /// Number of its records in this ledger: its next one has `seq` one higher and names `prev`.
    seq: u64,
    prev: String,
    imported: bool,
    /// In a word.
    state: Standing,
    admitted_at_index: u64,
    /// Where it was convicted of telling two stories, if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    convicted_at_index: Option<u64>,
    /// Where it was expelled, if it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    expelled_at_index: Option<u64>,
    /// How following its ledger goes, if it is followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    follows: Option<FollowView>,
}

/// Whether a peer may speak here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It may.
    Admitted,
    /// The owner of the ledger has expelled it.
    Expelled,
    /// It told two stories.
    Convicted,
}

impl Standing {
    /// Of a peer with this head, and where it was convicted.
    pub fn of(head: &AuthorHead, convicted_at_index: Option<u64>) -> Self {
        match convicted_at_index {
            Some(_) => Self::Convicted,
            None if head.expelled => Self::Expelled,
            None => Self::Admitted,
        }
    }
}

impl Node {
    /// Everyone who was admitted.
    ///
    /// # Errors
    /// The ledger's.
    pub fn list_peers(&self) -> Result<Vec<PeerView>, Error> {
        self.reader.authors()?.iter().map(|(peer, head)| self.peer_view(peer, head)).collect()
    }

    /// One peer.
    ///
    /// # Errors
    /// [`Error::NoSuchPeer`], and the ledger's.
    pub fn show_peer(&self, peer: &PeerName) -> Result<PeerView, Error> {
        let head = self.reader.author(peer)?.ok_or_else(|| Error::NoSuchPeer(peer.to_string()))?;
        self.peer_view(peer, &head)
    }

    fn peer_view(&self, peer: &PeerName, head: &AuthorHead) -> Result<PeerView, Error> {
        let (convicted_at_index, expelled_at_index) =
            (self.reader.conviction_of(peer)?, self.reader.expulsion_of(peer)?.filter(|_| head.expelled));
        Ok(PeerView {
            state: Standing::of(head, convicted_at_index),
            peer: peer.to_string(),
            key: head.key.to_string(),
            seq: head.seq,
            prev: head.id.to_string(),
            imported: head.imported,
            admitted_at_index: head.admitted_at_index,
            convicted_at_index,
            expelled_at_index,
            follows: self.mirrors.view(peer),
        })
    }

    /// A peer that may speak here: vote, send, read evidence. `None`: it was never admitted.
    ///
    /// # Errors
    /// [`Refusal::Expelled`], [`Refusal::Convicted`], and the ledger's.
    pub fn active_peer(&self, peer: &PeerName) -> Result<Option<AuthorHead>, Error> {
        let Some(head) = self.reader.author(peer)? else { return Ok(None) };
        if head.expelled {
            return Err(Refusal::Expelled(peer.clone()).into());
        }
        // The node itself has to go on, whatever was proven about it.
        if *peer != self.config.node.domain && self.reader.conviction_of(peer)?.is_some() {
            return Err(Refusal::Convicted(peer.clone()).into());
        }
        Ok(Some(head))
    }

    /// Whether a record under `header` can be its author's: signed with the key it has now, or with the one it had when it
    /// wrote the record that stands in the same place.
    ///
    /// # Errors
    /// The ledger's.
    pub fn is_key_of(&self, head: &AuthorHead, header: &Header) -> Result<bool, Error> {
        if head.key == header.key {
            return Ok(true);
        }
        let Some(index) = self.reader.by_author(&header.author, header.seq)? else { return Ok(false) };
        let entry = self.reader.entry(index)?;
        Ok(entry.is_some_and(|entry| entry.record.record().header.key == header.key))
    }

    /// Ends a peer's admission: it may not vote, send or read evidence any more, and its ledger is not followed.
    ///
    /// # Errors
    /// What the ledger refuses; [`Error::File`], after which it is expelled and its ledger still followed until the next try.
    pub async fn expel(&self, peer: PeerName, reason: Reason) -> Result<Appended, Error> {
        let appended = self.sequencer.say(Statement::Expel(peer.clone(), reason)).await?;
        tracing::warn!(%peer, %reason, index = appended.index, "expelled");
        let mirrors = self.mirrors.clone();
        let ended = tokio::task::spawn_blocking(move || mirrors.unfollow(&peer)).await;
        match ended.unwrap_or_else(|error| Err(Error::Stopped { part: "mirrors", reason: error.to_string() })) {
            Ok(()) | Err(Error::NotFollowed(_)) => Ok(appended),
            Err(error) => Err(error),
        }
    }
}
