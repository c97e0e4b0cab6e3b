//! One server's domain blocks as Mastodon exports them, with a header:
//! `#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate`.
//!
//! The file says neither whose it is nor from when: both are arguments. Only domain and severity are used.

use ostrakon_ledger::{Category, PeerName};

use super::fediverse::{SEVERITY_FAULT, value_of};
use super::rows::each_named;
use super::{Action, Format, ImportError, Parsed, SourceVote, names};
use crate::units::UNIT_MAX;

const COLUMNS: [&str; 2] = ["domain", "severity"];
const DOMAIN: usize = 0;
const SEVERITY: usize = 1;

pub(super) fn parse(csv: &[u8], own: &PeerName, source: &str, exported_at_ms: u64) -> Result<Parsed, ImportError> {
    let format = Format::Mastodon;
    if exported_at_ms > UNIT_MAX {
        return Err(ImportError::Argument { argument: "date", format, reason: "is too far in the future" });
    }
    let source = names::pseudo_peer_of_server(source, format.as_str(), own)
        .map_err(|reason| ImportError::Argument { argument: "source", format, reason })?;
    let mut parsed = Parsed::default();
    each_named(csv, COLUMNS, |row| {
        let severity = row.text(SEVERITY)?;
        let value = value_of(severity).ok_or_else(|| row.fault(SEVERITY, severity, SEVERITY_FAULT))?;
        let action = Action::Cast { value, category: Category::Abuse, cast_at_ms: exported_at_ms, expires_at_ms: 0 };
        match row.server(DOMAIN)? {
            Ok(subject) => {
                parsed.votes.push(SourceVote { source: source.clone(), subject, action, line: row.line });
            }
            Err(skipped) => parsed.skipped.push(skipped),
        }
        Ok(())
    })?;
    Ok(parsed)
}
