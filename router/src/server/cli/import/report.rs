//! What an import says: warnings on standard error, results on standard output.

use std::collections::BTreeMap;

use ostrakon_ledger::Subject;

use crate::{
    err,
    flow::registrar::Imported,
    import::{Checked, Format, Role},
    out,
    output::OutputError,
};

/// Skipped rows, rows against servers of ours, and rows that are gone, each shown one by one; the rest is counted.
const SHOWN_MAX: usize = 10;

/// What came of the rows.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Rows that passed the checks.
    pub(super) rows: usize,
    /// Rows that did not.
    pub(super) skipped: usize,
    added: usize,
    sources: usize,
    present: u64,
    outdated: u64,
    void: u64,
    taken_back: u64,
}

impl Outcome {
    /// Adds a chunk's.
    pub(super) fn count(&mut self, imported: &Imported, added: usize, sources: usize) {
        self.added += added;
        self.sources += sources;
        self.present += imported.present;
        self.outdated += imported.outdated;
        self.void += imported.void;
        self.taken_back += imported.taken_back;
    }
}

/// What is known of a file before anything is added.
pub(super) fn checked(checked: &Checked, format: Format) {
    for row in checked.skipped.iter().take(SHOWN_MAX) {
        err!("skipped line {}: {} `{}` {}", row.line, row.column, row.value, row.reason);
    }
    if checked.skipped.len() > SHOWN_MAX {
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        checked.skipped.iter().for_each(|row| *reasons.entry(row.reason).or_default() += 1);
        reasons.iter().for_each(|(reason, count)| err!("skipped in all: {count} rows: {reason}"));
    }
    checked.notes.iter().for_each(|note| err!("note: {note}"));
    if format != Format::Otc && checked.servers > 0 {
        err!("note: a block covers what is below the domain: {} domains with all their subdomains", checked.servers);
    }
    for it in checked.blocked.iter().take(SHOWN_MAX) {
        let who = if it.whom.role == Role::Node { "BLOCKS YOU" } else { "blocks servers that matter to you" };
        err!("WARNING: this list {who}: line {}: `{}` covers {}, {}", it.line, it.domain, it.whom.name, it.whom.role);
    }
    if checked.blocked.len() > SHOWN_MAX {
        err!("WARNING: and {} more such rows", checked.blocked.len() - SHOWN_MAX);
    }
}

/// What was, or would be, added.
pub(super) fn outcome(it: &Outcome, dry_run: bool) -> Result<(), OutputError> {
    let added = if dry_run { "would be added" } else { "added" };
    out!("{} records {added} for {} votes, {} new sources", it.added, it.rows, it.sources)?;
    out!(
        "{} were there already, {} outdated, {} withdraw nothing, {} rows skipped",
        it.present,
        it.outdated,
        it.void,
        it.skipped
    )?;
    if it.taken_back > 0 {
        out!("{} were cast before and taken back since; --refresh casts them again", it.taken_back)?;
    }
    if dry_run {
        out!("dry run: nothing was written")?;
    }
    Ok(())
}

/// What left the list and stands.
pub(super) fn gone(subjects: &[Subject], complete: bool) -> Result<(), OutputError> {
    for subject in subjects.iter().take(SHOWN_MAX) {
        out!("gone: {subject}")?;
    }
    let ending = if complete { "--complete would withdraw them" } else { "--complete withdraws them" };
    out!("{} rows of the last export are gone; {ending}", subjects.len())
}

/// What left the list and was withdrawn.
pub(super) fn completed(withdrawn: usize) -> Result<(), OutputError> {
    out!("{withdrawn} votes withdrawn whose rows are gone from the list")
}
