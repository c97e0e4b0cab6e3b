//! C2SP checkpoints: a tree head as the text of a signed note.
//!
//! ```text
//! a.example/ostrakon
//! 20852163
//! CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! ```

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::error::Unproven;
use crate::malformed::Malformed;
use crate::merkle::Hash;
use crate::name::PeerName;
use crate::note::{KeyKind, Note, NoteKey};

/// The origin, and the key name, of a peer's ledger.
pub fn origin(owner: &PeerName) -> String {
    format!("{owner}/ostrakon")
}

/// A tree head. Has no extension lines: the last leaf binds the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The ledger's name.
    pub origin: String,
    /// Number of leaves.
    pub tree_size: u64,
    /// The root.
    pub root: Hash,
}

impl Checkpoint {
    /// The checkpoint of a note that its own log signed: no known key's signature may fail, and one of `known` whose name
    /// is the origin must be among them.
    ///
    /// # Errors
    /// [`Unproven`]
    pub fn of(note: &Note, known: &[NoteKey]) -> Result<Self, Unproven> {
        let this: Self = note.text().parse()?;
        let signers = note.signers(known)?;
        if !signers.iter().any(|key| key.name() == this.origin && key.kind() == KeyKind::Log) {
            return Err(Unproven::NotSigned { origin: this.origin });
        }
        Ok(this)
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}\n{}\n{}", self.origin, self.tree_size, BASE64_STANDARD.encode(self.root))
    }
}

impl FromStr for Checkpoint {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let fault = || Malformed::value("checkpoint", text, "must be an origin, a decimal size and a base64 root");
        let body = text.strip_suffix('\n').ok_or_else(fault)?;
        let mut lines = body.split('\n');
        let (Some(origin), Some(size), Some(root), None) = (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(fault());
        };
        let tree_size: u64 = size.parse().map_err(|_| fault())?;
        let root = BASE64_STANDARD.decode(root).ok().and_then(|root| root.try_into().ok()).ok_or_else(fault)?;
        if origin.is_empty() || tree_size.to_string() != size {
            return Err(fault());
        }
        Ok(Self { origin: origin.to_owned(), tree_size, root })
    }
}
