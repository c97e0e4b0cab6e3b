//! The proof that a followed peer signed two histories, kept beside its copy: from then on it is not asked any more, whatever it
//! shows, until the operator takes the folder away.

use std::{io::ErrorKind, path::Path};

use ostrakon_ledger::{Contradiction, Equivocate, Malformed, PeerName, PublicKey, note::Note};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    server::durable::{file_error, write_durably},
};

/// The name of the file.
const FILE: &str = "forked";

/// Two checkpoints as in an `equivocate` record.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForkProof {
    first: String,
    second: String,
    /// Hexadecimal, empty for two trees of one size.
    hashes: String,
}

/// The proof that lies in the folder of a peer's copy, if one does.
///
/// # Errors
/// [`Error::File`], also when it proves nothing.
pub(super) fn load(dir: &Path, peer: &PeerName, key: PublicKey) -> Result<Option<Equivocate>, Error> {
    let path = dir.join(FILE);
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file_error(&path, error)),
    };
    let proof: ForkProof = serde_json::from_slice(&text).map_err(|error| file_error(&path, error))?;
    let equivocate = proof.parse(peer, key).map_err(|fault| file_error(&path, fault))?;
    equivocate.check().map_err(|fault| file_error(&path, fault))?;
    Ok(Some(equivocate))
}

/// Puts a proof there, unless there is one already.
///
/// # Errors
/// [`Error::File`]
pub(super) fn save(dir: &Path, proof: &Equivocate) -> Result<(), Error> {
    let path = dir.join(FILE);
    let Contradiction::Checkpoints(first, second, hashes) = &proof.contradiction else { return Ok(()) };
    if path.exists() {
        return Ok(());
    }
    let proof =
        ForkProof { first: first.to_string(), second: second.to_string(), hashes: hex::encode(hashes.as_flattened()) };
    let text = serde_json::to_vec_pretty(&proof).map_err(|error| file_error(&path, error))?;
    write_durably(&path, &text, 0o600)
}

impl ForkProof {
    fn parse(&self, peer: &PeerName, key: PublicKey) -> Result<Equivocate, Malformed> {
        let malformed = || Malformed::NotCanonical { what: "proof" };
        let bytes = hex::decode(&self.hashes).map_err(|_| malformed())?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(malformed());
        }
        let (first, second) = (Note::parse(&self.first)?, Note::parse(&self.second)?);
        Ok(Equivocate::of_checkpoints(peer.clone(), key, &first, &second, hashes.to_vec()))
    }
}
