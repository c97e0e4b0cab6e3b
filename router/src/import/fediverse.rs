//! `unix_time,voter,domain,action,severity,public_comment` with a header: blocks and un-blocks of servers by servers.
//!
//! `add` and `change` cast a vote about the domain, `remove` withdraws it.

use ostrakon_ledger::{Category, PeerName};

use super::rows::each_named;
use super::{Action, Format, ImportError, Parsed, SourceVote};

const COLUMNS: [&str; 5] = ["unix_time", "voter", "domain", "action", "severity"];
const TIME: usize = 0;
const VOTER: usize = 1;
const DOMAIN: usize = 2;
const ACTION: usize = 3;
const SEVERITY: usize = 4;

/// The value of a vote of this severity, in the words of Mastodon and its relatives.
pub(super) fn value_of(severity: &str) -> Option<i8> {
    match severity {
        "suspend" => Some(-100),
        "silence" | "limit" => Some(-50),
        "none" | "noop" => Some(-10),
        _ => None,
    }
}

/// What is wrong with a severity that has no value.
pub(super) const SEVERITY_FAULT: &str = "is not a severity: suspend, silence, limit, none or noop";

pub(super) fn parse(csv: &[u8], own: &PeerName) -> Result<Parsed, ImportError> {
    let mut parsed = Parsed::default();
    each_named(csv, COLUMNS, |row| {
        let at_ms = row.unix_seconds(TIME)?;
        let severity = row.text(SEVERITY)?;
        let value = value_of(severity).ok_or_else(|| row.fault(SEVERITY, severity, SEVERITY_FAULT));
        let action = match row.text(ACTION)? {
            "add" | "change" => {
                Action::Cast { value: value?, category: Category::Abuse, cast_at_ms: at_ms, expires_at_ms: 0 }
            }
            "remove" => Action::Withdraw { at_ms },
            other => return Err(row.fault(ACTION, other, "is not an action: add, change or remove")),
        };
        let source = row.server_source(VOTER, Format::Fediverse.as_str(), own)?;
        match row.server(DOMAIN)? {
            Ok(subject) => parsed.votes.push(SourceVote { source, subject, action, line: row.line }),
            Err(skipped) => parsed.skipped.push(skipped),
        }
        Ok(())
    })?;
    Ok(parsed)
}
