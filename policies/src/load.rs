//! Loads a policy from the bytes of a file. This is the only way to a policy that takes force.

use crate::error::PolicyError;
use crate::facts::Facts;
use crate::judge::Judge;
use crate::policy::{POLICY_LEN_BYTES_MAX, Policy};

/// The longest text of a fact, in bytes: an address.
const TEXT_BYTES_MAX: usize = 320;
/// The times at which a policy is tried: the first, one in our time, and the last.
const TRIAL_TIMES_MS: [u64; 3] = [0, 1_800_000_000_000, u64::MAX];

/// Reads a policy file and tries it.
///
/// 1. The file must be whole: text without byte order mark and NUL, which ends with a line end. Most files that were
///    cut off do not.
/// 2. [`Policy::parse`], which refuses a policy without limits and rules.
/// 3. Every condition, key and text is evaluated with usual and with extreme facts. Call this on a thread with no more
///    stack than the threads that serve.
///
/// `file_name` is only used in errors and warnings.
///
/// # Errors
/// The first thing that is wrong with the file.
pub fn load_policy(file_name: &str, bytes: &[u8]) -> Result<Policy, PolicyError> {
    // 1.
    let problem = |problem: &str| PolicyError::NotWhole { file: file_name.to_owned(), problem: problem.to_owned() };
    let (len_bytes, max_bytes) = (bytes.len(), POLICY_LEN_BYTES_MAX);
    if len_bytes > max_bytes {
        return Err(PolicyError::TooLarge { file: file_name.to_owned(), len_bytes, max_bytes });
    }
    if bytes.is_empty() {
        return Err(problem("the file is empty; if every message is to pass, say `accept_everything = true`"));
    }
    if bytes.starts_with(&[0xef, 0xbb, 0xbf]) {
        return Err(problem("the file begins with a byte order mark; save it as UTF-8 without one"));
    }
    if bytes.contains(&0) {
        return Err(problem("there are NUL bytes in the file; it was not written to its end, or is no text in UTF-8"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| problem(&format!("the file is not UTF-8 after its first {} bytes", error.valid_up_to())))?;
    if !text.ends_with('\n') {
        return Err(problem("the last line has no line end; the file may have been cut off. If it is whole, add one"));
    }
    // 2.
    let policy = Policy::parse(file_name, text)?;
    // 3.
    try_out(&policy);
    Ok(policy)
}

/// Evaluates all of `policy`. A failure, such as a division by zero, is an opinion like others. A stack overflow would
/// end the process here, before the policy is kept or takes force; the limits on conditions prevent it.
fn try_out(policy: &Policy) {
    let judge = Judge::new(policy.clone(), None);
    let long = "x".repeat(TEXT_BYTES_MAX);
    let cases = [
        Facts::default(),
        Facts::example(|(lo, hi)| 1.clamp(lo, hi), false, "a.example"),
        Facts::example(|(lo, _)| lo, false, ""),
        Facts::example(|(_, hi)| hi, true, &long),
    ];
    for facts in &cases {
        for now_ms in TRIAL_TIMES_MS {
            judge.decide(facts, now_ms);
        }
    }
}
