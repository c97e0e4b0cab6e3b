//! C2SP signed notes: a text and lines of signatures under names.
//!
//! ```text
//! This is an example message.
//!
//! — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
//! ```

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::cosignature;
use crate::error::Unproven;
use crate::keys::{PublicKey, SecretKey, Signature};
use crate::malformed::Malformed;
use crate::text::parse_hex;

/// Longest note. Post-quantum signatures take about 5 kB each, hence not 1 kB.
pub const NOTE_BYTES_MAX: usize = 64 << 10;
/// Most signature lines. The specification asks for at least 16.
pub const NOTE_SIGNATURES_MAX: usize = 64;
const KEY_ID_BYTES: usize = 4;

/// What a key signs; its value is the type byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyKind {
    /// The text of the note.
    Log = 1,
    /// The text and a time: `cosignature/v1`, see [`crate::cosignature`].
    Cosigner = 4,
}

/// A name with its Ed25519 key, as a verifier knows it. Text form: the vkey `name+hex8(key id)+base64(type ‖ key)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    key: PublicKey,
    kind: KeyKind,
}

impl NoteKey {
    /// Binds a name to the key of a log.
    ///
    /// # Errors
    /// [`Malformed::Value`] when the name is empty or holds white space or `+`.
    pub fn new(name: &str, key: PublicKey) -> Result<Self, Malformed> {
        Self::of_kind(name, key, KeyKind::Log)
    }

    /// Binds a name to the key of a witness or mirror.
    ///
    /// # Errors
    /// As [`NoteKey::new`].
    pub fn cosigner(name: &str, key: PublicKey) -> Result<Self, Malformed> {
        Self::of_kind(name, key, KeyKind::Cosigner)
    }

    fn of_kind(name: &str, key: PublicKey, kind: KeyKind) -> Result<Self, Malformed> {
        if !is_key_name(name) {
            return Err(Malformed::value("key name", name, "must not be empty or hold white space or `+`"));
        }
        Ok(Self { name: name.to_owned(), key, kind })
    }

    /// The key.
    pub fn public(&self) -> PublicKey {
        self.key
    }

    /// What it signs.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// Whether this key made the signature under this text.
    fn signed(&self, text: &str, signature: &NoteSignature) -> bool {
        match self.kind {
            KeyKind::Log => {
                let bytes = signature.bytes.as_slice().try_into().map(Signature);
                bytes.is_ok_and(|bytes| self.key.verifies(text.as_bytes(), &bytes))
            }
            KeyKind::Cosigner => cosignature::verifies(&self.key, text, &signature.bytes),
        }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// First four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key).
    pub fn id(&self) -> [u8; KEY_ID_BYTES] {
        let hash = Sha256::new()
            .chain_update(self.name.as_bytes())
            .chain_update([b'\n', self.kind as u8])
            .chain_update(self.key.as_bytes())
            .finalize();
        [hash[0], hash[1], hash[2], hash[3]]
    }
}

fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

impl fmt::Display for NoteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut typed = vec![self.kind as u8];
        typed.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), BASE64_STANDARD.encode(typed))
    }
}

impl FromStr for NoteKey {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let fault = |reason| Malformed::value("verifier key", text, reason);
        // Base64 can contain `+`, names cannot: the first two count.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(fault("must be name+id+key"));
        };
        let bytes = BASE64_STANDARD.decode(key).map_err(|_| fault("has a key that is not base64"))?;
        let (kind, key) = match bytes.split_first() {
            Some((1, key)) => (KeyKind::Log, key),
            Some((4, key)) => (KeyKind::Cosigner, key),
            _ => return Err(fault("is neither an Ed25519 key nor an Ed25519 cosigner's")),
        };
        let key = key.try_into().map_err(|_| fault("has a key of the wrong length"))?;
        let this = Self::of_kind(name, PublicKey::from_bytes(&key)?, kind)?;
        if parse_hex::<KEY_ID_BYTES>("key id", id)? != this.id() {
            return Err(fault("has an id that does not belong to its key"));
        }
        Ok(this)
    }
}

/// One line under a note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Who is said to have signed.
    pub name: String,
    /// Which of the name's keys.
    pub key_id: [u8; KEY_ID_BYTES],
    /// The signature, of any length and type.
    pub bytes: Vec<u8>,
}

impl NoteSignature {
    /// A witness's line under the text of a checkpoint, at `time_s` in POSIX seconds: `cosignature/v1`, see
    /// [`crate::cosignature`].
    ///
    /// # Errors
    /// [`Malformed`] when `name` cannot name a key or the time is beyond 2^63 − 1.
    pub fn cosign(text: &str, name: &str, key: &SecretKey, time_s: u64) -> Result<Self, Malformed> {
        let cosigner = NoteKey::cosigner(name, key.public())?;
        let bytes = cosignature::sign(text, key, time_s)?;
        Ok(Self { name: name.to_owned(), key_id: cosigner.id(), bytes })
    }
}

/// A text with its signature lines, not checked unless it comes from [`Note::open`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Signs a text that ends with a newline.
    ///
    /// # Errors
    /// [`Malformed`] when the text or the name cannot stand in a note.
    pub fn sign(text: &str, name: &str, key: &SecretKey) -> Result<Self, Malformed> {
        let verifier = NoteKey::new(name, key.public())?;
        if !text.ends_with('\n') || text.chars().any(|c| c < ' ' && c != '\n') {
            return Err(Malformed::value("note", text, "must end with a newline and hold no other control characters"));
        }
        let bytes = key.sign(text.as_bytes()).0.to_vec();
        let signature = NoteSignature { name: name.to_owned(), key_id: verifier.id(), bytes };
        Ok(Self { text: text.to_owned(), signatures: vec![signature] })
    }

    /// Decodes a note without checking its signatures.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn parse(note: &str) -> Result<Self, Malformed> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(Malformed::TooLong { what: "note", len_bytes: note.len(), max_bytes: NOTE_BYTES_MAX });
        }
        let fault = |reason| Malformed::value("note", note, reason);
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(fault("holds control characters"));
        }
        // The text may hold blank lines: the last one separates.
        let at = note.rfind("\n\n").ok_or_else(|| fault("has no blank line before its signatures"))?;
        let (text, lines) = (&note[..=at], &note[at + 2..]);
        let lines = lines.strip_suffix('\n').ok_or_else(|| fault("does not end with a newline"))?;
        if lines.split('\n').count() > NOTE_SIGNATURES_MAX {
            return Err(fault("has too many signatures"));
        }
        let signatures = lines.split('\n').map(|line| signature_line(line).ok_or_else(|| fault("has a bad line")));
        Ok(Self { text: text.to_owned(), signatures: signatures.collect::<Result<_, _>>()? })
    }

    /// Decodes a note and checks it: no known key's signature may fail and at least one must be there. Signatures
    /// by unknown keys are ignored.
    ///
    /// # Errors
    /// [`Malformed`]
    pub fn open(note: &str, known: &[NoteKey]) -> Result<Self, Malformed> {
        let this = Self::parse(note)?;
        match this.signers(known) {
            Ok(signers) if !signers.is_empty() => Ok(this),
            Ok(_) => Err(Malformed::value("note", note, "has no signature by a known key")),
            Err(_) => Err(Malformed::value("note", note, "has a signature by a known key that does not verify")),
        }
    }

    /// The known keys that signed. Signatures by unknown keys are ignored.
    ///
    /// # Errors
    /// [`Unproven::BadSignature`] when the signature of a known key does not verify.
    pub fn signers<'a>(&self, known: &'a [NoteKey]) -> Result<Vec<&'a NoteKey>, Unproven> {
        let mut signers = Vec::new();
        for signature in &self.signatures {
            let key = known.iter().find(|key| key.name == signature.name && key.id() == signature.key_id);
            let Some(key) = key else { continue };
            if !key.signed(&self.text, signature) {
                return Err(Unproven::BadSignature { name: key.name.clone() });
            }
            signers.push(key);
        }
        Ok(signers)
    }

    /// The same text with one more signature. Of two by one name and key the newer is kept.
    #[must_use]
    pub fn with_signature(mut self, signature: NoteSignature) -> Self {
        let key = |signature: &NoteSignature| (signature.name.clone(), signature.key_id);
        self.signatures.retain(|old| key(old) != key(&signature));
        self.signatures.push(signature);
        self
    }

    /// The same text with no other signatures than those under this name.
    #[must_use]
    pub fn signed_only_by(&self, name: &str) -> Self {
        let signatures = self.signatures.iter().filter(|signature| signature.name == name).cloned().collect();
        Self { text: self.text.clone(), signatures }
    }

    /// The same text with at most one signature: the first under this key's name and id.
    #[must_use]
    pub fn signed_only_with(&self, key: &NoteKey) -> Self {
        let own = |signature: &&NoteSignature| signature.name == key.name && signature.key_id == key.id();
        Self { text: self.text.clone(), signatures: self.signatures.iter().find(own).cloned().into_iter().collect() }
    }

    /// The text, with its final newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }
}

fn signature_line(line: &str) -> Option<NoteSignature> {
    let (name, blob) = line.strip_prefix("— ")?.split_once(' ')?;
    let blob = BASE64_STANDARD.decode(blob).ok()?;
    let (key_id, bytes) = blob.split_first_chunk::<KEY_ID_BYTES>()?;
    (is_key_name(name) && !bytes.is_empty()).then(|| NoteSignature {
        name: name.to_owned(),
        key_id: *key_id,
        bytes: bytes.to_vec(),
    })
}

impl FromStr for NoteSignature {
    type Err = Malformed;
    fn from_str(line: &str) -> Result<Self, Malformed> {
        signature_line(line).ok_or_else(|| Malformed::value("signature line", line, "must be `— name base64`"))
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blob = [self.key_id.as_slice(), &self.bytes].concat();
        write!(f, "— {} {}", self.name, BASE64_STANDARD.encode(blob))
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            writeln!(f, "{signature}")?;
        }
        Ok(())
    }
}
