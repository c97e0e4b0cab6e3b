//! `import withdraw`: takes back what an import wrote, in the name of the source that it was written in.

use std::{
    collections::{BTreeMap, HashSet},
    path::PathBuf,
    process::ExitCode,
};

use clap::Args;
use ostrakon_ledger::{PeerName, Subject};

use super::CHUNK_ROWS;
use crate::{
    error::Error,
    flow::registrar::Withdrawal,
    import::{FILE_BYTES_MAX, Format, ImportError, Input, parse, pseudo_peers},
    out,
    output::counted,
    server::cli::{Place, client::NodeClient, input, subject::Named},
};

/// What to take back.
#[derive(Debug, Args)]
pub(in crate::server::cli) struct Options {
    /// Whose votes: what `import votes --source` was given, what the file calls the source, or the pseudo-peer's full name
    #[arg(long, value_name = "NAME", required_unless_present = "file")]
    source: Option<String>,
    /// Only what was imported in this format: otc, fediverse or mastodon
    #[arg(long)]
    format: Option<Format>,
    /// Only votes about this subject
    #[arg(long, value_name = "SUBJECT", conflicts_with = "file")]
    row: Option<Named>,
    /// Only votes about what this file names, by the sources that it names; needs --format
    #[arg(long, value_name = "FILE", requires = "format")]
    file: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

/// Takes back a source, a row of it, or what a file names. Doing it twice takes back nothing more.
pub(in crate::server::cli) fn withdraw(options: &Options) -> Result<ExitCode, Error> {
    let mut client = NodeClient::open(&options.place)?;
    let own = client.domain()?;
    let mut withdrawn = 0;
    for (source, about) in wanted(options, &own)? {
        withdrawn += subjects(&mut client, &source, about.as_deref())?;
    }
    out!("{} withdrawn", counted(withdrawn as u64, "vote"))?;
    Ok(ExitCode::SUCCESS)
}

/// Pseudo-peers with the subjects of their votes that are meant; `None`: all of them.
type Wanted = Vec<(PeerName, Option<Vec<Subject>>)>;

fn wanted(options: &Options, own: &PeerName) -> Result<Wanted, Error> {
    let named = |format| options.source.as_deref().map(|source| pseudo_peers(source, format, own)).transpose();
    let (Some(file), Some(format)) = (&options.file, options.format) else {
        let row = options.row.clone().map(|row| row.resolve(&options.place)).transpose()?;
        let about = row.map(|row| vec![row]);
        return Ok(named(options.format)?.into_iter().flatten().map(|source| (source, about.clone())).collect());
    };
    let input = match (format, &options.source) {
        (Format::Mastodon, source) => Input::new(format, source.as_deref(), Some(0))?,
        (Format::Otc | Format::Fediverse, _) => Input::new(format, None, None)?,
    };
    let parsed = parse(&input, &input::bytes(file, FILE_BYTES_MAX as u64)?, own)?;
    let only = named(Some(format))?;
    let mut wanted: BTreeMap<PeerName, HashSet<Subject>> = BTreeMap::new();
    for vote in parsed.votes {
        if only.as_ref().is_none_or(|names| names.contains(&vote.source)) {
            wanted.entry(vote.source).or_default().insert(vote.subject);
        }
    }
    if wanted.is_empty() {
        let reason = "names a source that the file does not";
        return Err(ImportError::Argument { argument: "source", format, reason }.into());
    }
    Ok(wanted.into_iter().map(|(source, about)| (source, Some(about.into_iter().collect()))).collect())
}

/// Takes back a source's votes about subjects, or all of them; returns how many.
pub(super) fn subjects(client: &mut NodeClient, source: &PeerName, about: Option<&[Subject]>) -> Result<usize, Error> {
    let Some(about) = about else { return rest(client, &Withdrawal { source: source.clone(), subjects: None }) };
    let mut withdrawn = 0;
    for chunk in about.chunks(CHUNK_ROWS) {
        let subjects = Some(chunk.iter().cloned().collect());
        withdrawn += rest(client, &Withdrawal { source: source.clone(), subjects })?;
    }
    Ok(withdrawn)
}

/// Asks until nothing is left.
fn rest(client: &mut NodeClient, what: &Withdrawal) -> Result<usize, Error> {
    let mut withdrawn = 0;
    loop {
        let done = client.withdraw(what)?;
        withdrawn += done.receipts.len();
        if done.left == 0 || done.receipts.is_empty() {
            return Ok(withdrawn);
        }
    }
}
