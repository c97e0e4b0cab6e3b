//! What an import says: warnings on standard error, results on standard output.

use std::collections::BTreeMap;

use ostrakon_ledger::{PeerName, Subject};

use crate::{
    err,
    flow::registrar::Imported,
    import::{Checked, Format, Role},
    out,
    output::{OutputError, counted},
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
        reasons.iter().for_each(|(reason, count)| err!("skipped in all: {}: {reason}", counted(*count as u64, "row")));
    }
    checked.notes.iter().for_each(|note| err!("note: {note}"));
    if format != Format::Otc && checked.servers > 0 {
        let servers = counted(checked.servers as u64, "domain");
        err!("note: a block covers what is below the domain: {servers} with all their subdomains");
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
    let count = |count: usize, thing| counted(count as u64, thing);
    let (records, votes, sources) =
        (count(it.added, "record"), count(it.rows, "vote"), count(it.sources, "new source"));
    out!("{records} {added} for {votes}, {sources}")?;
    out!(
        "{} were there already, {} outdated, {} withdraw nothing, {} skipped",
        it.present,
        it.outdated,
        it.void,
        count(it.skipped, "row")
    )?;
    if it.taken_back > 0 {
        out!("{} were cast before and taken back since; --refresh casts them again", it.taken_back)?;
    }
    if dry_run {
        out!("dry run: nothing was written")?;
    }
    Ok(())
}

/// Sources without a weight of their own in the configuration.
pub(super) fn weightless(sources: &[&PeerName]) -> Result<(), OutputError> {
    for source in sources.iter().take(SHOWN_MAX) {
        out!(
            "note: {source} has no weight yet, so its votes count for nothing unless somebody you trust vouches for it."
        )?;
        out!("      To trust it, add this line below [reputation.seeds] in ostrakon.toml (1 to 1000), and restart:")?;
        out!("      \"{source}\" = 300")?;
    }
    if sources.len() > SHOWN_MAX {
        out!("note: and {} more sources without a weight", sources.len() - SHOWN_MAX)?;
    }
    Ok(())
}

/// What left the list and stands.
pub(super) fn gone(subjects: &[Subject], complete: bool) -> Result<(), OutputError> {
    for subject in subjects.iter().take(SHOWN_MAX) {
        out!("gone: {subject}")?;
    }
    let (rows, verb, them) = match subjects.len() {
        1 => ("1 row".to_owned(), "is", "it"),
        rows => (format!("{rows} rows"), "are", "them"),
    };
    let ending = if complete { "--complete would withdraw" } else { "--complete withdraws" };
    out!("{rows} of the last export {verb} gone; {ending} {them}")
}

/// What left the list and was withdrawn.
pub(super) fn completed(withdrawn: usize) -> Result<(), OutputError> {
    out!("{} withdrawn whose rows are gone from the list", counted(withdrawn as u64, "vote"))
}
