//! Hot reload of the policy: what loads is put in office and kept as the last good one; what does not, changes nothing.

use std::{sync::Arc, time::Duration};

use ostrakon_policies::{Judge, Policy};
use tokio::sync::{Notify, watch};

use super::Node;
use crate::{
    durable::{file_error, write_durably},
    error::Error,
    gate::categories,
    home::Home,
    http::serve::stopped,
};

/// How often the file is looked at. Reading a few kilobytes a second costs nothing and works on every file system.
const PERIOD: Duration = Duration::from_secs(1);

/// The operator's file, and what stood in it when it was last looked at.
///
/// The bytes are those the policy in office was read from, so that an edit between the start and the first look counts.
pub(super) struct Watch {
    home: Home,
    seen: Option<Vec<u8>>,
}

/// Loads the policy at start: the operator's file, or the last good one if that does not load.
///
/// # Errors
/// The first file's error when there is no last good one either.
pub(super) fn load(home: Home) -> Result<(Policy, Watch), Error> {
    let seen = std::fs::read(home.policy_path()).ok();
    let policy = match read(&home) {
        Ok((text, policy)) => {
            write_durably(&home.last_good_policy_path(), text.as_bytes(), 0o644)?;
            policy
        }
        Err(error) => {
            let path = home.last_good_policy_path();
            let Ok(text) = std::fs::read_to_string(&path) else { return Err(error) };
            let policy = Policy::parse(&path.display().to_string(), &text)?;
            tracing::error!(%error, in_force = %path.display(), "the policy does not load; the last good one stays in force");
            policy
        }
    };
    Ok((policy, Watch { home, seen }))
}

impl Watch {
    /// Follows the file, which is read again at once when that is `due`, until `shutdown` turns true, and says in the ledger what is in force.
    pub(super) async fn run(mut self, node: Arc<Node>, due: Arc<Notify>, mut shutdown: watch::Receiver<bool>) {
        announce(&node).await;
        loop {
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                // The operator asks for it: what was refused before may load now.
                () = due.notified() => self.seen = None,
                () = stopped(&mut shutdown) => return,
            }
            let now = std::fs::read(self.home.policy_path()).ok();
            if now == self.seen {
                continue;
            }
            match reload(&self.home, &node).await {
                Ok(digest) => {
                    self.seen = now;
                    metrics::counter!("ostrakon_policy_reloads_total", "outcome" => "loaded").increment(1);
                    tracing::info!(digest, "policy reloaded");
                    announce(&node).await;
                }
                // The policy was not looked at: the next look will do.
                Err(error @ Error::CatchingUp) => tracing::debug!(%error, "the changed policy waits for the book"),
                Err(error) => {
                    self.seen = now;
                    metrics::counter!("ostrakon_policy_reloads_total", "outcome" => "refused").increment(1);
                    tracing::error!(%error, "the changed policy does not load; the one in force stays");
                }
            }
        }
    }
}

async fn announce(node: &Node) {
    if let Err(error) = node.announce_policy().await {
        tracing::error!(%error, "the policy in force could not be recorded in the ledger");
    }
}

/// Puts the file's policy in office, once scores are kept for the categories that it asks for.
async fn reload(home: &Home, node: &Node) -> Result<String, Error> {
    let (text, policy) = read(home)?;
    let asked = categories(&policy);
    if !asked.is_empty() {
        node.follower.watch(asked).await?;
    }
    let gate = &node.gate;
    for warning in policy.warnings() {
        tracing::warn!(%warning, "policy");
    }
    let bench = gate.bench();
    gate.seat(Judge::new(policy, Some(&bench.judge)));
    write_durably(&home.last_good_policy_path(), text.as_bytes(), 0o644)?;
    Ok(gate.bench().digest.clone())
}

fn read(home: &Home) -> Result<(String, Policy), Error> {
    let path = home.policy_path();
    let text = std::fs::read_to_string(&path).map_err(|error| file_error(&path, error))?;
    let policy = Policy::parse(&path.display().to_string(), &text)?;
    Ok((text, policy))
}
