//! The policy file: from a path to a policy that was tried, on the one way that `serve` and `policy check` share.

use std::{
    fs::{File, OpenOptions},
    io::Read,
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::Path,
};

use ostrakon_policies::{POLICY_LEN_BYTES_MAX, Policy, PolicyError, load_policy};

use crate::{error::Error, server::durable::file_error};

/// Stack of the thread on which a policy is parsed and tried: half of what the threads that serve have, so that what
/// passes here has room there.
const TRIAL_STACK_BYTES: usize = 1024 * 1024;

/// What stood in a file, and when it was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// The whole file.
    pub bytes: Vec<u8>,
    /// Seconds and nanoseconds of its last change.
    modified: (i64, i64),
}

/// A policy and the bytes it was read from.
pub struct Loaded {
    /// The file.
    pub bytes: Vec<u8>,
    /// What it says.
    pub policy: Policy,
}

/// Reads the file at `path`, which has to be a regular one of bounded size that stands still.
///
/// # Errors
/// [`Error::File`] from the system, [`PolicyError::NotWhole`] and [`PolicyError::TooLarge`].
pub fn look(path: &Path) -> Result<Look, Error> {
    let name = path.display().to_string();
    let refuse = |problem: &str| {
        Error::Policy(PolicyError::NotWhole { file: path.display().to_string(), problem: problem.to_owned() })
    };
    // Opening a FIFO waits for its other end, unless told not to.
    let nonblocking = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or_default();
    let opened = OpenOptions::new().read(true).custom_flags(nonblocking).open(path);
    let mut file: File = opened.map_err(|error| file_error(path, error))?;
    let before = file.metadata().map_err(|error| file_error(path, error))?;
    if !before.is_file() {
        return Err(refuse("a policy is a regular file, and this is none"));
    }
    let len_bytes = usize::try_from(before.len()).unwrap_or(usize::MAX);
    if len_bytes > POLICY_LEN_BYTES_MAX {
        return Err(PolicyError::TooLarge { file: name, len_bytes, max_bytes: POLICY_LEN_BYTES_MAX }.into());
    }
    let mut bytes = Vec::with_capacity(len_bytes);
    let limit = POLICY_LEN_BYTES_MAX as u64 + 1;
    file.by_ref().take(limit).read_to_end(&mut bytes).map_err(|error| file_error(path, error))?;
    let after = file.metadata().map_err(|error| file_error(path, error))?;
    let modified = (before.mtime(), before.mtime_nsec());
    if bytes.len() != len_bytes || modified != (after.mtime(), after.mtime_nsec()) {
        return Err(refuse("the file changed while it was read"));
    }
    Ok(Look { bytes, modified })
}

/// Parses and tries `bytes`, which stood at `path`, on a thread of its own with a known stack.
///
/// # Errors
/// [`Error::Policy`]
pub fn load(path: &Path, bytes: Vec<u8>) -> Result<Loaded, Error> {
    let name = path.display().to_string();
    let trial = {
        let (name, bytes) = (name.clone(), bytes.clone());
        std::thread::Builder::new()
            .name("policy".to_owned())
            .stack_size(TRIAL_STACK_BYTES)
            .spawn(move || load_policy(&name, &bytes))
            .map_err(|error| file_error(path, error))?
    };
    match trial.join() {
        Ok(policy) => Ok(Loaded { bytes, policy: policy? }),
        Err(_) => {
            let problem = "the parser of conditions failed on it; please report the file".to_owned();
            Err(PolicyError::NotWhole { file: name, problem }.into())
        }
    }
}

/// Reads, parses and tries the policy at `path`.
///
/// # Errors
/// As [`look`] and [`load`].
pub fn read(path: &Path) -> Result<Loaded, Error> {
    load(path, look(path)?.bytes)
}

/// Refuses `new` if it is `old` without its end and has lost limits or rules with that. A copy that was cut off at a
/// line end is a policy by its form, and a laxer one.
///
/// # Errors
/// [`PolicyError::NotWhole`]
pub fn refuse_beginning(path: &Path, old: &Loaded, new: &Loaded) -> Result<(), Error> {
    let count = |policy: &Policy| (policy.limits().len(), policy.rules().len());
    let ((old_limits, old_rules), (limits, rules)) = (count(&old.policy), count(&new.policy));
    let beginning = new.bytes.len() < old.bytes.len() && old.bytes.starts_with(&new.bytes);
    if !beginning || (old_limits, old_rules) == (limits, rules) {
        return Ok(());
    }
    let problem = format!(
        "the file is the beginning of the policy in force without its last {} limits and {} rules; it may have been \
         cut off. If that is meant, change another line, too, or add a comment at the end",
        old_limits.saturating_sub(limits),
        old_rules.saturating_sub(rules)
    );
    Err(PolicyError::NotWhole { file: path.display().to_string(), problem }.into())
}

#[cfg(test)]
mod tests {
    use ostrakon_policies::DEFAULT_POLICY;

    use super::*;

    fn refused(outcome: Result<Loaded, Error>) -> String {
        match outcome {
            Ok(_) => panic!("this is no policy"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_is_no_regular_file_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        assert!(refused(read(dir.path())).contains("regular file"));
        let fifo = dir.path().join("fifo");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert!(refused(read(&fifo)).contains("regular file"), "and nobody waits for its other end");
        let large = dir.path().join("large");
        std::fs::File::create(&large).unwrap().set_len(1 << 40).unwrap();
        assert!(refused(read(&large)).contains("at most 262144"), "and is not read");
        assert!(matches!(read(&dir.path().join("none")), Err(Error::File { .. })));
    }

    #[test]
    fn every_beginning_of_the_default_policy_is_refused_or_has_all_its_limits_and_rules() {
        let path = Path::new("policy.toml");
        let whole = load(path, DEFAULT_POLICY.into()).ok().unwrap();
        let mut refusals = 0;
        // Every line end, and one place within each line.
        let ends = DEFAULT_POLICY.match_indices('\n').flat_map(|(at, _)| [at, at + 1]);
        for end in ends.chain([0, 1200]).filter(|end| *end < DEFAULT_POLICY.len()) {
            match load(path, DEFAULT_POLICY.as_bytes()[..end].to_vec()) {
                Ok(cut) if refuse_beginning(path, &whole, &cut).is_ok() => {
                    assert_eq!(cut.policy.limits().len(), whole.policy.limits().len(), "{end} bytes");
                    assert_eq!(cut.policy.rules().len(), whole.policy.rules().len(), "{end} bytes");
                }
                _ => refusals += 1,
            }
        }
        assert!(refusals > 100, "{refusals}");
    }

    #[test]
    fn a_rule_may_be_removed_from_the_middle_and_a_last_line_from_the_end() {
        let path = Path::new("policy.toml");
        let rule = |name: &str| format!("[[rule]]\nname = \"{name}\"\nwhen = \"size > 1\"\nverdict = \"reject\"\n");
        let of = |text: String| load(path, text.into_bytes()).ok().unwrap();
        let old = of(rule("a") + &rule("b") + "mode = \"shadow\"\n");
        assert!(refuse_beginning(path, &old, &of(rule("b") + "mode = \"shadow\"\n")).is_ok());
        assert!(refuse_beginning(path, &old, &of(rule("a") + &rule("b"))).is_ok());
        assert!(refuse_beginning(path, &old, &of(rule("a"))).is_err());
        assert!(refuse_beginning(path, &old, &of(rule("a") + "# b is gone\n")).is_ok());
    }
}
