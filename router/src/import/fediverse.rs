//! `unix_time,voter,domain,action,severity,public_comment` with a header: blocks and un-blocks of servers by servers.
//!
//! `add` and `change` cast a vote about the domain, `remove` withdraws it, and so does the severity `noop`.

use ostrakon_ledger::{Category, PeerName};

use super::rows::each_named;
use super::{Action, Again, Format, ImportError, Parsed, SourceVote};

const COLUMNS: [&str; 5] = ["unix_time", "voter", "domain", "action", "severity"];
const TIME: usize = 0;
const VOTER: usize = 1;
const DOMAIN: usize = 2;
const ACTION: usize = 3;
const SEVERITY: usize = 4;

/// What a row of this severity says at a moment, in the words of Mastodon and its relatives. A `noop` limits nothing: it is
/// how a list takes back what it said before.
pub(super) fn action_of(severity: &str, at_ms: u64) -> Option<Action> {
    let value = match severity.to_ascii_lowercase().as_str() {
        "suspend" => -100,
        "silence" | "limit" => -50,
        "none" | "noop" => return Some(Action::Withdraw { at_ms }),
        _ => return None,
    };
    Some(Action::Cast { value, category: Category::Abuse, cast_at_ms: at_ms, expires_at_ms: 0 })
}

/// What is wrong with a severity that says nothing.
pub(super) const SEVERITY_FAULT: &str = "is not a severity: suspend, silence, limit, none or noop";

pub(super) fn parse(csv: &[u8], own: &PeerName) -> Result<Parsed, ImportError> {
    let mut parsed = Parsed::default();
    each_named(csv, COLUMNS, |row| {
        let at_ms = row.unix_seconds(TIME)?;
        let severity = row.text(SEVERITY)?;
        let action = match row.text(ACTION)? {
            "add" | "change" => {
                action_of(severity, at_ms).ok_or_else(|| row.fault(SEVERITY, severity, SEVERITY_FAULT))?
            }
            "remove" => Action::Withdraw { at_ms },
            other => return Err(row.fault(ACTION, other, "is not an action: add, change or remove")),
        };
        let source = row.server_source(VOTER, Format::Fediverse.as_str(), own)?;
        match row.server(DOMAIN)? {
            Ok(subject) => {
                let again = Again::Later;
                parsed.votes.push(SourceVote { source, subject, action, line: row.line, again });
            }
            Err(skipped) => parsed.skipped.push(skipped),
        }
        Ok(())
    })?;
    Ok(parsed)
}
