//! C2SP `cosignature/v1`: a witness says that, at a time, this was the largest consistent tree it had seen of a log.
//!
//! ```text
//! signature   = u64 big-endian POSIX seconds ‖ 64 B Ed25519
//! signed text = "cosignature/v1\n" ‖ "time <decimal seconds>\n" ‖ the whole checkpoint text
//! ```
//!
//! The signed text does not name the witness, so that one key must not serve two cosigners.

use crate::keys::{PublicKey, SecretKey, Signature};
use crate::malformed::Malformed;

/// Latest time that may be signed, 2^63 − 1.
const TIME_MAX: u64 = u64::MAX >> 1;

/// The cosignature of the text of a checkpoint at `time_s`, in POSIX seconds.
///
/// # Errors
/// [`Malformed`] when the time is beyond 2^63 − 1.
pub(crate) fn sign(text: &str, key: &SecretKey, time_s: u64) -> Result<Vec<u8>, Malformed> {
    if time_s > TIME_MAX {
        return Err(Malformed::value("time", &time_s.to_string(), "must be at most 2^63 - 1"));
    }
    let signature = key.sign(message(text, time_s).as_bytes());
    Ok([time_s.to_be_bytes().as_slice(), &signature.0].concat())
}

/// When a cosignature says it was made, in POSIX seconds; `None` when it has not the length of one.
pub fn time_s(bytes: &[u8]) -> Option<u64> {
    let (time_s, signature) = bytes.split_first_chunk::<8>()?;
    (signature.len() == 64).then_some(u64::from_be_bytes(*time_s))
}

/// Whether `bytes` are this key's cosignature of a text.
pub(crate) fn verifies(key: &PublicKey, text: &str, bytes: &[u8]) -> bool {
    let Some((time_s, signature)) = bytes.split_first_chunk::<8>() else { return false };
    let time_s = u64::from_be_bytes(*time_s);
    let Ok(signature) = signature.try_into().map(Signature) else { return false };
    time_s <= TIME_MAX && key.verifies(message(text, time_s).as_bytes(), &signature)
}

fn message(text: &str, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}
