//! Subjects as people name them: in clear, where the ledger has tags.

use ostrakon_ledger::{PeerName, Pepper, Subject, SubjectKind};

use super::{Address, error::ValueError, identity::network_key};

/// The subject of this kind that `text` names in clear, in the normal form that messages bring it into.
///
/// # Errors
/// [`ValueError`] when it names none.
pub fn named(kind: SubjectKind, text: &str, pepper: &Pepper) -> Result<Subject, ValueError> {
    let name = || PeerName::normalise(text).map_err(|error| ValueError(error.to_string()));
    Ok(match kind {
        SubjectKind::Peer => Subject::Peer(name()?),
        SubjectKind::Domain => Subject::Domain(name()?),
        SubjectKind::Account => text.parse::<Address>()?.subject(pepper),
        SubjectKind::Net => pepper.net(&network_key(text)),
        SubjectKind::Claim => {
            let reason = "a claim has no name but its tag, which the decision on record shows";
            return Err(ValueError(reason.to_owned()));
        }
        SubjectKind::Content => {
            let digest = text.to_ascii_lowercase();
            let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_digest {
                return Err(ValueError("a content is named by its SHA-256 in hexadecimal".to_owned()));
            }
            pepper.content(&digest)
        }
    })
}
