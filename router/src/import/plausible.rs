//! Whether what a file says can be meant, before it becomes records that stay: its dates, how much a row covers, and whom
//! it hits.

use std::{cmp::Reverse, collections::BTreeSet, fmt};

use ostrakon_ledger::{PeerName, Subject};

use super::{Action, ImportError, Input, Names, Parsed, SkippedRow, SourceVote};

/// The earliest time that a vote of a list can have, unix ms: 2000-01-01. No list that is imported is older; what has an
/// earlier time was written in another unit, or under a clock that was not set.
const TIME_MIN_MS: u64 = 946_684_800_000;

/// How far in the future a time may be, milliseconds: a day, for clocks and time zones.
const FUTURE_MAX_MS: u64 = 86_400_000;

/// What a file's rows are compared with.
#[derive(Debug, Clone, Default)]
pub struct Checks {
    /// The present, unix ms.
    pub now_ms: u64,
    /// Servers that matter to this node.
    pub ours: Vec<OwnNames>,
    /// What becomes of rows that name a whole public suffix, such as `com` or `co.uk`.
    pub suffixes: Covered,
    /// What becomes of rows against this node itself.
    pub us: Covered,
}

/// What becomes of rows that cover what is hardly meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Covered {
    /// They are skipped and reported.
    #[default]
    Skip,
    /// They are imported: the operator says so.
    Import,
}

/// A server that matters to this node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OwnNames {
    /// Its domain.
    pub name: PeerName,
    /// What it is to this node.
    pub role: Role,
}

/// What a server is to this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// This node itself.
    Node,
    /// A seed, whose word counts here.
    Seed,
    /// A peer that was admitted.
    Peer,
    /// Where a copy of a ledger is read.
    Mirror,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Node => "this node",
            Self::Seed => "a seed of this node",
            Self::Peer => "a peer that was admitted here",
            Self::Mirror => "where this node reads a ledger",
        })
    }
}

/// A row against a server that matters to this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// The line of the file, from 1.
    pub line: u64,
    /// The domain in the row: the server's own, or one above it.
    pub domain: PeerName,
    /// Whom it hits.
    pub whom: OwnNames,
}

/// A file whose rows passed the checks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// See [`Parsed::votes`].
    pub votes: Vec<SourceVote>,
    /// See [`Parsed::skipped`].
    pub skipped: Vec<SkippedRow>,
    /// See [`Parsed::notes`].
    pub notes: Vec<&'static str>,
    /// Rows against servers that matter to this node, the worst first.
    pub blocked: Vec<Blocked>,
    /// How many different servers are voted against. What is below their domains is covered, too.
    pub servers: usize,
}

/// Checks what was read from a file.
///
/// # Errors
/// [`ImportError`] for a time that cannot be meant: the whole file is then in doubt.
pub fn check(input: &Input, parsed: Parsed, checks: &Checks) -> Result<Checked, ImportError> {
    if let Input::Mastodon { exported_at_ms, .. } = input
        && let Some(reason) = time_fault(*exported_at_ms, checks.now_ms, Unit::Milliseconds)
    {
        return Err(ImportError::Argument { argument: "date", format: input.format(), reason });
    }
    let Parsed { votes, mut skipped, notes } = parsed;
    let mut checked = Checked { notes, ..Checked::default() };
    let mut servers = BTreeSet::new();
    for vote in votes {
        let at_ms = vote.action.at_ms();
        if let Some(reason) = time_fault(at_ms, checks.now_ms, Unit::Seconds) {
            let value = (at_ms / 1_000).to_string();
            return Err(ImportError::Field { line: vote.line, column: "time", value, reason });
        }
        let against = matches!(vote.action, Action::Cast { value, .. } if value < 0);
        // Formats name servers; what else a row may be about covers nothing.
        if against && let Subject::Peer(domain) = &vote.subject {
            if let Some(reason) = doubt(domain, vote.line, checks, &mut checked.blocked) {
                let (value, names) = (domain.to_string(), Names::Subject(vote.subject.clone()));
                skipped.push(SkippedRow { line: vote.line, column: "domain", value, reason, names });
                continue;
            }
            servers.insert(domain.clone());
        }
        checked.votes.push(vote);
    }
    skipped.sort_by_key(|row| row.line);
    checked.blocked.sort_by_key(|it| (it.whom.role, Reverse(it.domain.as_str().len()), it.line));
    Ok(Checked { skipped, servers: servers.len(), ..checked })
}

/// Why a row against a domain is skipped; whom it hits is noted in any case.
fn doubt(domain: &PeerName, line: u64, checks: &Checks, blocked: &mut Vec<Blocked>) -> Option<&'static str> {
    if is_suffix(domain) && checks.suffixes == Covered::Skip {
        return Some("is a public suffix, under which everybody registers: --even-suffixes imports it");
    }
    let hit = checks.ours.iter().filter(|ours| covers(domain, &ours.name));
    let mut hits_node = false;
    for whom in hit {
        hits_node |= whom.role == Role::Node;
        blocked.push(Blocked { line, domain: domain.clone(), whom: whom.clone() });
    }
    (hits_node && checks.us == Covered::Skip).then_some("covers this node itself: --even-us imports it")
}

/// Whether a block of `domain` reaches `name`.
fn covers(domain: &PeerName, name: &PeerName) -> bool {
    let above = name.as_str().strip_suffix(domain.as_str());
    above.is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

/// Whether a domain is a suffix of the Public Suffix List under which registries sell names, or a single label. Domains that
/// their owners entered there, such as those of hosters with a subdomain per customer, are blocked as a whole for good reasons.
fn is_suffix(domain: &PeerName) -> bool {
    let name = domain.as_str();
    let whole = psl::suffix(name.as_bytes()).filter(|suffix| suffix.as_bytes() == name.as_bytes());
    !name.contains('.') || whole.is_some_and(|suffix| suffix.typ() == Some(psl::Type::Icann))
}

/// What the writer of a time was to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
}

/// What is wrong with the time of a vote in a row that came over HTTP.
pub fn time_fault_in_row(at_ms: u64, now_ms: u64) -> Option<&'static str> {
    time_fault(at_ms, now_ms, Unit::Milliseconds)
}

/// What is wrong with a time, with a guess at what happened.
fn time_fault(at_ms: u64, now_ms: u64, unit: Unit) -> Option<&'static str> {
    let latest_ms = now_ms.saturating_add(FUTURE_MAX_MS);
    let plausible = TIME_MIN_MS..=latest_ms;
    match unit {
        _ if plausible.contains(&at_ms) => None,
        Unit::Milliseconds if plausible.contains(&at_ms.saturating_mul(1_000)) => {
            Some("is before 2000-01-01: were seconds given in place of milliseconds?")
        }
        Unit::Seconds if plausible.contains(&(at_ms / 1_000)) => {
            Some("is in the future: were milliseconds given in place of seconds?")
        }
        _ if at_ms < TIME_MIN_MS => Some("is before 2000-01-01"),
        _ => Some("is more than a day in the future"),
    }
}
