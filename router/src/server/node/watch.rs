//! Hot reload of the policy: what loads is kept as the last good one and then takes force; what does not, changes
//! nothing.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use ostrakon_policies::{Judge, Policy};
use tokio::sync::{Notify, watch};

use super::{
    Node,
    policy_state::{PolicyState, measure},
};
use crate::{
    error::Error,
    flow::gate::categories,
    server::{
        backoff::Backoff,
        blocking::blocking,
        durable::write_durably,
        home::Home,
        metrics::begin_shadows,
        policy_file::{self, Loaded, Look},
        shutdown::stopped,
    },
};

/// How often the file is looked at. A change is read when two looks agree. Reading a few kilobytes costs nothing and
/// works on every file system.
const PERIOD: Duration = Duration::from_millis(500);

/// Rests between two tries to say in the ledger which policy is in force.
const ANNOUNCING: Backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(600));

/// Looks that are left out after a policy could not be kept, at most: 64 s.
const SKIPPED_MAX: u32 = 128;

/// What a look at the file found: the file, or why there is none. The same words mean the same state.
type Found = Result<Look, String>;

/// The operator's file, what stood in it when it was last acted on, and the policy in force.
///
/// The bytes are those that the policy in force was read from, so that an edit between the start and the first look
/// counts.
pub(super) struct Watch {
    path: PathBuf,
    last_good: PathBuf,
    in_force: Loaded,
    still: Still,
    state: PolicyState,
}

/// Waits until a change stands still: a file is mostly written in more than one step.
struct Still {
    /// What was acted on.
    done: Found,
    /// A change that was seen once.
    pending: Option<Found>,
    /// Looks to leave out before the next try, and how many to leave out after that.
    skip: u32,
    skip_next: u32,
    /// Whether the log says that it waits.
    waits: bool,
}

/// What became of a changed policy.
enum Outcome {
    /// It is in force.
    Loaded,
    /// Look again: the scores are not ready for it.
    Later(Error),
    /// The file is wrong, and why.
    Refused(String),
    /// It could not be kept, so it is not in force. Try again.
    NotKept(Error),
}

/// Loads the policy at start: the operator's file, or the last good one if that does not load or was cut off.
///
/// # Errors
/// The first file's error when there is no last good one either. That of keeping a new policy: one that would be gone
/// with the next mistake in the file does not take force.
pub(super) fn load(home: &Home) -> Result<(Policy, Watch), Error> {
    let (path, last_good) = (home.policy_path(), home.last_good_policy_path());
    let kept = policy_file::read(&last_good);
    let found = policy_file::look(&path);
    let done = found.as_ref().map(Look::clone).map_err(ToString::to_string);
    let loaded = found.and_then(|look| policy_file::load(&path, look.bytes)).and_then(|new| {
        if let Ok(old) = &kept {
            policy_file::refuse_beginning(&path, old, &new)?;
        }
        Ok(new)
    });
    let state = PolicyState::default();
    state.load();
    let in_force = match (loaded, kept) {
        (Ok(new), Ok(old)) if old.bytes == new.bytes => new,
        (Ok(new), _) => {
            write_durably(&last_good, &new.bytes, 0o600)?;
            new
        }
        (Err(error), Ok(old)) => {
            tracing::error!(%error, in_force = %last_good.display(), "the policy does not load; the last good one is in force");
            state.refuse(error.to_string());
            old
        }
        (Err(error), Err(other)) => {
            tracing::error!(error = %other, "there is no last good policy either");
            return Err(error);
        }
    };
    for warning in in_force.policy.warnings() {
        tracing::warn!(%warning, "policy");
    }
    let policy = in_force.policy.clone();
    begin_shadows(&policy);
    measure(&hex::encode(policy.digest()), None);
    Ok((policy, Watch { path, last_good, in_force, still: Still::new(done), state }))
}

impl Watch {
    /// Whether the file as it stands is in force.
    pub(super) fn state(&self) -> PolicyState {
        self.state.clone()
    }

    /// Follows the file, which is read again at once when that is `due`, until `shutdown` turns true, and says in the ledger what is in force.
    pub(super) async fn run(mut self, node: Arc<Node>, due: Arc<Notify>, mut shutdown: watch::Receiver<bool>) {
        let mut announcement = Announcement::due();
        loop {
            announcement.make(&node).await;
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                // The operator asks for it: what was refused before may load now.
                () = due.notified() => self.still.forget(),
                () = stopped(&mut shutdown) => return,
            }
            let path = self.path.clone();
            let found = blocking("looking at the policy", move || policy_file::look(&path)).await;
            if found.as_ref().is_ok_and(|look| look.bytes == self.in_force.bytes) {
                self.state.load();
            }
            let found = found.map_err(|error| error.to_string());
            if let Some(found) = self.still.settle(found)
                && self.act(found, &node).await
            {
                announcement = Announcement::due();
            }
        }
    }

    /// Does what a changed file asks for. True: another policy is in force.
    async fn act(&mut self, found: Found, node: &Node) -> bool {
        let outcome = match &found {
            Ok(look) => self.reload(look.bytes.clone(), node).await,
            Err(reason) => Outcome::Refused(reason.clone()),
        };
        let name = self.path.display();
        let count = |outcome: &'static str| {
            metrics::counter!("ostrakon_policy_reloads_total", "outcome" => outcome).increment(1);
        };
        match outcome {
            Outcome::Loaded => {
                self.still.settled(found);
                self.state.load();
                count("loaded");
                tracing::info!(digest = node.gate.bench().digest, "policy reloaded");
                return true;
            }
            Outcome::Later(error) => {
                self.state.refuse(format!("it waits: {error}"));
                count("later");
                if !self.still.waits {
                    tracing::warn!(%error, "the changed policy waits until scores for its categories can be kept");
                }
                self.still.waits = true;
            }
            Outcome::Refused(error) => {
                self.still.settled(found);
                self.state.refuse(error.clone());
                count("refused");
                tracing::error!(error, file = %name, "the changed policy is refused; the policy in force stays");
            }
            Outcome::NotKept(error) => {
                self.still.back_off();
                self.state.refuse(format!("it cannot be kept: {error}"));
                count("not_kept");
                tracing::error!(%error, "the changed policy cannot be kept; the policy in force stays; will try again");
            }
        }
        false
    }

    /// Puts the file's policy in force:
    ///
    /// 1. Parse and try it; refuse it if it is the policy in force, cut off.
    /// 2. Have scores kept for the categories that it asks for.
    /// 3. Keep it as the last good one, durably. Only what was kept takes force.
    /// 4. Let it judge.
    async fn reload(&mut self, bytes: Vec<u8>, node: &Node) -> Outcome {
        // 1.
        let path = self.path.clone();
        let new = match blocking("reading the policy", move || policy_file::load(&path, bytes)).await {
            Ok(new) => new,
            Err(error) => return Outcome::Refused(error.to_string()),
        };
        if let Err(error) = policy_file::refuse_beginning(&self.path, &self.in_force, &new) {
            return Outcome::Refused(error.to_string());
        }
        // 2.
        let asked = categories(&new.policy);
        if !asked.is_empty()
            && let Err(error) = node.follower.watch(asked).await
        {
            return Outcome::Later(error);
        }
        // 3.
        let (last_good, bytes) = (self.last_good.clone(), new.bytes.clone());
        let keep = move || write_durably(&last_good, &bytes, 0o600);
        if let Err(error) = blocking("keeping the policy", keep).await {
            return Outcome::NotKept(error);
        }
        // 4.
        for warning in new.policy.warnings() {
            tracing::warn!(%warning, "policy");
        }
        begin_shadows(&new.policy);
        let bench = node.gate.bench();
        node.gate.seat(Judge::new(new.policy.clone(), Some(&bench.judge)));
        measure(&node.gate.bench().digest, Some(&bench.digest));
        self.in_force = new;
        Outcome::Loaded
    }
}

impl Still {
    fn new(done: Found) -> Self {
        Self { done, pending: None, skip: 0, skip_next: 1, waits: false }
    }

    /// A change to act on, once two looks in a row found the same.
    fn settle(&mut self, found: Found) -> Option<Found> {
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        let content = |found: &Found| found.as_ref().map(|look| look.bytes.clone()).map_err(Clone::clone);
        if content(&found) == content(&self.done) {
            self.pending = None;
            return None;
        }
        if self.pending.as_ref() == Some(&found) {
            self.pending = None;
            return Some(found);
        }
        self.pending = Some(found);
        None
    }

    /// Whatever is found next is a change.
    fn forget(&mut self) {
        *self = Self::new(Err(String::new()));
    }

    /// `found` was acted on: it is no change any more.
    fn settled(&mut self, found: Found) {
        *self = Self::new(found);
    }

    fn back_off(&mut self) {
        self.skip = self.skip_next;
        self.skip_next = (self.skip_next * 2).min(SKIPPED_MAX);
    }
}

/// Says in the ledger which policy is in force: at once, and again while that fails.
struct Announcement {
    next: Option<Instant>,
    failures: u32,
}

impl Announcement {
    fn due() -> Self {
        Self { next: Some(Instant::now()), failures: 0 }
    }

    async fn make(&mut self, node: &Node) {
        if self.next.is_none_or(|next| next > Instant::now()) {
            return;
        }
        self.next = None;
        if let Err(error) = node.announce_policy().await {
            self.failures += 1;
            let pause = ANNOUNCING.pause(self.failures, u64::from(std::process::id()));
            self.next = Some(Instant::now() + pause);
            tracing::error!(%error, ?pause, "the policy in force could not be recorded in the ledger; will try again");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Found {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        std::fs::File::open(&path).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        policy_file::look(&path).map_err(|error| error.to_string())
    }

    #[test]
    fn a_change_counts_when_two_looks_agree() {
        let [old, torn, new, gone] = [found("old"), found("to"), found("new"), Err("no such file".to_owned())];
        let mut still = Still::new(old.clone());
        assert_eq!(still.settle(old.clone()), None);
        assert_eq!(still.settle(torn.clone()), None);
        assert_eq!(still.settle(new.clone()), None, "what was torn is never acted on");
        assert_eq!(still.settle(new.clone()), Some(new.clone()));
        still.settled(new.clone());
        assert_eq!(still.settle(new.clone()), None);
        assert_eq!(still.settle(gone.clone()), None);
        assert_eq!(still.settle(new.clone()), None, "it was away for a moment");
        assert_eq!(still.settle(gone.clone()), None);
        assert_eq!(still.settle(gone.clone()), Some(gone));
    }

    #[test]
    fn what_was_not_acted_on_is_found_again_with_longer_and_longer_pauses() {
        let (old, new) = (found("old"), found("new"));
        let mut still = Still::new(old);
        let mut acted = Vec::new();
        for look in 0..2_000 {
            if still.settle(new.clone()).is_some() {
                acted.push(look);
                still.back_off();
            }
        }
        let pauses: Vec<i32> = acted.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses[..8], [3, 4, 6, 10, 18, 34, 66, 130]);
        assert!(pauses[8..].iter().all(|pause| *pause == 130), "{pauses:?}");
    }

    proptest! {
        /// Whatever is written and how often it is looked at: what stands still for two looks is acted on.
        #[test]
        fn no_edit_is_lost(edits in prop::collection::vec((0..3usize, 1..4usize), 0..12)) {
            let texts = [found("a"), found("b"), found("c")];
            let mut still = Still::new(texts[0].clone());
            let mut in_force = texts[0].clone();
            for (text, looks) in edits.into_iter().chain([(1, 2)]) {
                for _ in 0..looks {
                    if let Some(found) = still.settle(texts[text].clone()) {
                        still.settled(found.clone());
                        in_force = found;
                    }
                }
                prop_assert!(looks < 2 || in_force == texts[text]);
            }
        }
    }
}
