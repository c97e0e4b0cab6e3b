//! One server's domain blocks as Mastodon exports them, with a header:
//! `#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate`; or any list of blocked domains, with the
//! header `domain` or none, one a line. Without severities every domain of a list is blocked: it counts as `suspend`.
//!
//! The file says neither whose it is nor from when: both are arguments. Only domain and severity are used.

use ostrakon_ledger::PeerName;

use super::fediverse::{SEVERITY_FAULT, action_of};
use super::rows::{Listed, each_listed};
use super::{Again, Format, ImportError, Parsed, SourceVote, names};
use crate::units::UNIT_MAX;

const DOMAIN: usize = 0;
const SEVERITY: usize = 1;

/// What a list without severities says of each domain.
const BLOCKED: &str = "suspend";

pub(super) fn parse(csv: &[u8], own: &PeerName, source: &str, exported_at_ms: u64) -> Result<Parsed, ImportError> {
    let format = Format::Mastodon;
    if exported_at_ms > UNIT_MAX {
        return Err(ImportError::Argument { argument: "date", format, reason: "is too far in the future" });
    }
    let source = names::pseudo_peer_of_server(source, format.as_str(), own)
        .map_err(|reason| ImportError::Argument { argument: "source", format, reason })?;
    let mut parsed = Parsed::default();
    let listed = each_listed(csv, ["domain", "severity"], |row, listed| {
        let severity = match listed {
            Listed::WithSeverity => row.text(SEVERITY)?,
            Listed::DomainsOnly => BLOCKED,
        };
        let action =
            action_of(severity, exported_at_ms).ok_or_else(|| row.fault(SEVERITY, severity, SEVERITY_FAULT))?;
        match row.server(DOMAIN)? {
            Ok(subject) => {
                let (source, line) = (source.clone(), row.line);
                parsed.votes.push(SourceVote { source, subject, action, line, again: Again::Aged });
            }
            Err(skipped) => parsed.skipped.push(skipped),
        }
        Ok(())
    })?;
    if listed == Listed::DomainsOnly {
        parsed.notes.push("the list has no severities: each domain counts as `suspend`");
    }
    Ok(parsed)
}
