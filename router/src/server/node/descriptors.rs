//! File descriptors: how many there are, and who may have how many. What stores need is never given to connections.

use ostrakon_ledger::store::{OPEN_FILES_MAX, SMALL_OPEN_FILES_MAX};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::server::{
    api::{
        connections::{LOCAL_MAX, PUBLIC_MAX},
        serve::ENDING_MAX,
    },
    mirrors::{FOLLOWED_MAX, MIRROR_SHARE},
};

/// Files that a database has open beside its tables: logs, its lock, its manifest, one that is being written.
const FILES_BESIDE_TABLES: usize = 10;
/// Databases of full size: the ledger, the messages, the witness.
const DATABASES: usize = 3;
/// Connections to routes and to other nodes, evidence, archives, and whatever the system's libraries open for a moment.
const ELSEWHERE: usize = 96;
/// Mirrors that there is room for however few descriptors there are.
const MIRRORS_MIN: usize = 2;
/// What a listener has even if there are too few descriptors: without it nobody could ask what is wrong.
const CONNECTIONS_MIN: usize = 16;

/// As many as are enough for all connections and all stores, with some copies of others' ledgers; a test compares.
const WANTED: usize = 4096;

/// How descriptors are divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// How many there are.
    pub(super) limit: usize,
    /// Kept for stores, deliveries and the like.
    pub(super) reserved: usize,
    /// The most connections of the public listener.
    pub(super) public: usize,
    /// The most connections of the local listener.
    pub(super) local: usize,
    /// The most copies of others' ledgers.
    pub(super) mirrors: usize,
}

impl Plan {
    /// Raises the soft limit to the hard one and divides what there is.
    pub(super) fn make() -> Self {
        let plan = Self::of(raise());
        let Self { limit, reserved, public, local, .. } = plan;
        tracing::info!(limit, reserved, public, local, "file descriptors: for stores and deliveries, for connections");
        if reserved + public + local + 2 * ENDING_MAX > limit {
            tracing::warn!(
                limit,
                wanted = WANTED,
                "too few file descriptors (ulimit -Hn, LimitNOFILE=): stores may fail when there are many connections"
            );
        }
        plan
    }

    fn of(limit: usize) -> Self {
        let mirrors = (limit / MIRROR_SHARE).clamp(MIRRORS_MIN, FOLLOWED_MAX);
        let databases = DATABASES * (OPEN_FILES_MAX + FILES_BESIDE_TABLES);
        let reserved = databases + mirrors * (SMALL_OPEN_FILES_MAX + FILES_BESIDE_TABLES) + ELSEWHERE;
        let half = limit.saturating_sub(reserved + 2 * ENDING_MAX) / 2;
        let (public, local) = (half.clamp(CONNECTIONS_MIN, PUBLIC_MAX), half.clamp(CONNECTIONS_MIN, LOCAL_MAX));
        Self { limit, reserved, public, local, mirrors }
    }
}

/// The soft limit, now as high as the hard one.
fn raise() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let limit = match raised {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "the soft limit of file descriptors stays as it is");
            current
        }
    };
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_what_stores_leave() {
        for limit in [1024, 2048, 4096, 20_000, 1 << 20, usize::MAX] {
            let plan = Plan::of(limit);
            let all = plan.reserved + plan.public + plan.local + 2 * ENDING_MAX;
            assert!(all <= limit, "{plan:?} needs {all}");
            assert!(plan.public >= 32, "{plan:?}");
        }
        assert_eq!((Plan::of(20_000).public, Plan::of(20_000).local), (PUBLIC_MAX, LOCAL_MAX));
        assert_eq!((Plan::of(WANTED).public, Plan::of(WANTED).local), (PUBLIC_MAX, LOCAL_MAX), "what the log asks for");
        assert_eq!(Plan::of(100).local, CONNECTIONS_MIN);
    }
}
