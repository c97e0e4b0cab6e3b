//! `import votes`: reads a list, checks whether it can be meant, and hands its rows to the node, or shows what it would.

mod ours;
mod report;
mod withdraw;

use std::{
    collections::{BTreeSet, HashSet},
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::UNIX_EPOCH,
};

use clap::Args;
use ostrakon_ledger::{LedgerReader, PeerName};

use self::report::Outcome;
pub(super) use self::withdraw::{Options as WithdrawOptions, withdraw};
use super::{Place, client::NodeClient, input, ledger::progress};
use crate::{
    error::Error,
    flow::registrar::{Imported, Receipt},
    import::{
        Again, Checked, Checks, Covered, FILE_BYTES_MAX, Format, Gone, ImportError, Input, Named, Sources, check,
        parse, pseudo_peers,
    },
    server::{clock::now_ms, durable::file_error, home::Home},
};

/// Rows sent at a time: each chunk is durable before the next one is sent.
const CHUNK_ROWS: usize = 500;

/// What to import and where to.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The file
    file: PathBuf,
    /// otc, fediverse or mastodon; mastodon also reads plain lists of domains, one a line
    #[arg(long)]
    format: Format,
    /// Whose export it is (mastodon only)
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// When it was exported, Unix milliseconds (mastodon only; the file's time by default)
    #[arg(long, value_name = "MS")]
    date: Option<u64>,
    /// Show what would be added, and whom it hits, and add nothing
    #[arg(long)]
    dry_run: bool,
    /// Withdraw what an earlier export of the source named and this one does not (mastodon only)
    #[arg(long)]
    complete: bool,
    /// With --complete, withdraw also more than a tenth of what stands of the source, and more than nine
    #[arg(long, requires = "complete")]
    even_many: bool,
    /// Cast again what the source said before, with the date of this file, also what was taken back
    #[arg(long)]
    refresh: bool,
    /// Import rows against this node itself, too
    #[arg(long)]
    even_us: bool,
    /// Import rows against whole public suffixes such as `com`, too
    #[arg(long)]
    even_suffixes: bool,
    /// Append `line id index` of every record that became durable to this file, synced chunk by chunk
    #[arg(long, value_name = "FILE")]
    receipts: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

impl Options {
    /// The format with what stands beside the file.
    fn input(&self) -> Result<Input, Error> {
        let date = match self.format {
            Format::Mastodon => self.date.or_else(|| modified_ms(&self.file)),
            Format::Otc | Format::Fediverse => self.date,
        };
        let input = Input::new(self.format, self.source.as_deref(), date)?;
        if self.complete && self.format != Format::Mastodon {
            let reason = "is not possible: the file says itself what is withdrawn";
            return Err(ImportError::Argument { argument: "complete", format: self.format, reason }.into());
        }
        Ok(input)
    }

    /// Reads the file and checks it against what matters to this node.
    fn rows(&self, input: &Input, client: &NodeClient) -> Result<Checked, Error> {
        let chosen = |word| if word { Covered::Import } else { Covered::Skip };
        let csv = input::bytes(&self.file, FILE_BYTES_MAX as u64)?;
        if self.complete && !csv.ends_with(b"\n") && !csv.ends_with(b"\r") {
            return Err(ImportError::Torn.into());
        }
        let ours = ours::of(&self.place, client)?;
        let checks = Checks { now_ms: now_ms(), ours, suffixes: chosen(self.even_suffixes), us: chosen(self.even_us) };
        let mut checked = check(input, parse(input, &csv, &client.domain()?)?, &checks)?;
        if self.refresh {
            checked.votes.iter_mut().for_each(|vote| vote.again = Again::Always);
        }
        Ok(checked)
    }
}

/// 1. Look at the arguments, read and check the whole file; say whom it hits.
/// 2. See what left the list; if much of it is to be withdrawn, refuse before anything is added.
/// 3. Add its rows chunk by chunk, or go through the same steps without adding.
/// 4. Name what left the list, or withdraw it if that is asked for.
pub(super) fn votes(options: &Options) -> Result<ExitCode, Error> {
    let input = options.input()?;
    let mut client = NodeClient::open(&options.place)?;
    let checked = options.rows(&input, &client)?;
    report::checked(&checked, options.format);
    let left = match &input {
        Input::Mastodon { source, exported_at_ms } => Left::find(source, *exported_at_ms, &checked, &client, options)?,
        Input::Otc | Input::Fediverse => Left::default(),
    };
    if !options.dry_run {
        left.permit(options)?;
    }
    let mut outcome = if options.dry_run {
        preview(&checked, &reader(&client, &options.place)?)?
    } else {
        add(&mut client, &checked, options.receipts.as_deref())?
    };
    outcome.rows = checked.votes.len();
    outcome.skipped = checked.skipped.len();
    report::outcome(&outcome, options.dry_run)?;
    left.handle(&mut client, options)?;
    report::weightless(&weightless(&checked, &client, &options.place))?;
    Ok(ExitCode::SUCCESS)
}

fn add(client: &mut NodeClient, checked: &Checked, receipts: Option<&Path>) -> Result<Outcome, Error> {
    let mut receipts = receipts.map(Receipts::open).transpose()?;
    let bar = progress("votes imported");
    bar.set_length(checked.votes.len() as u64);
    let mut outcome = Outcome::default();
    for chunk in checked.votes.chunks(CHUNK_ROWS) {
        let imported = client.import(chunk)?;
        if let Some(receipts) = &mut receipts {
            receipts.write(&imported.receipts)?;
        }
        let admissions = imported.receipts.iter().filter(|receipt| receipt.line == 0).count();
        outcome.count(&imported, imported.receipts.len() - admissions, admissions);
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    Ok(outcome)
}

/// The sources of these rows that the configuration gives no weight; none if that cannot be read from here.
fn weightless<'a>(checked: &'a Checked, client: &NodeClient, place: &Place) -> Vec<&'a PeerName> {
    let config = match client {
        NodeClient::Closed(here) => Ok(here.config.clone()),
        NodeClient::Served(_) if place.node.is_none() => Home::at(&place.dir).config(std::env::vars_os()),
        NodeClient::Served(_) => return Vec::new(),
    };
    let Ok(config) = config else { return Vec::new() };
    let sources: BTreeSet<_> = checked.votes.iter().map(|row| &row.source).collect();
    sources.into_iter().filter(|source| !config.reputation.seeds.contains_key(*source)).collect()
}

/// What [`add`] would do.
fn preview(checked: &Checked, reader: &LedgerReader) -> Result<Outcome, Error> {
    let (mut sources, mut new, mut added) = (Sources::new(), HashSet::new(), 0);
    let mut imported = Imported::default();
    for row in &checked.votes {
        if reader.author(&row.source)?.is_none() {
            new.insert(&row.source);
        }
        match sources.preview(reader, row)? {
            Ok(records) => added += records,
            Err(skip) => imported.count(skip),
        }
    }
    let mut outcome = Outcome::default();
    outcome.count(&imported, added, new.len());
    Ok(outcome)
}

/// The rows of earlier exports of a source that its latest one has no more, by pseudo-peer.
#[derive(Default)]
struct Left(Vec<(PeerName, Gone)>);

impl Left {
    fn find(
        source: &str,
        until_ms: u64,
        checked: &Checked,
        client: &NodeClient,
        options: &Options,
    ) -> Result<Self, Error> {
        let reader = match reader(client, &options.place) {
            Ok(reader) => reader,
            Err(error) if options.complete => return Err(error),
            Err(_) => return Ok(Self::default()),
        };
        let named = Named::of(checked);
        let mut left = Vec::new();
        for source in pseudo_peers(source, Some(Format::Mastodon), &client.domain()?)? {
            let gone = Sources::new().gone(&reader, &source, &named, until_ms)?;
            if !gone.subjects.is_empty() {
                left.push((source, gone));
            }
        }
        Ok(Self(left))
    }

    /// Refuses to withdraw much, unless that is meant.
    fn permit(&self, options: &Options) -> Result<(), ImportError> {
        match self.0.iter().find(|(_, gone)| gone.is_much()) {
            Some((from, gone)) if options.complete && !options.even_many => {
                Err(ImportError::ManyGone { from: from.clone(), gone: gone.subjects.len(), standing: gone.standing })
            }
            _ => Ok(()),
        }
    }

    /// Says how many there are; withdraws them if that is asked for.
    fn handle(&self, client: &mut NodeClient, options: &Options) -> Result<(), Error> {
        for (source, gone) in &self.0 {
            if options.complete && !options.dry_run {
                let withdrawn = withdraw::subjects(client, source, Some(&gone.subjects))?;
                report::completed(withdrawn)?;
            } else {
                report::gone(&gone.subjects, options.complete)?;
            }
        }
        Ok(self.permit(options)?)
    }
}

/// The ledger to read, also while the node is served.
fn reader(client: &NodeClient, place: &Place) -> Result<LedgerReader, Error> {
    match client {
        NodeClient::Closed(here) => Ok(here.registrar.ledger().reader()),
        NodeClient::Served(_) if place.node.is_none() => {
            let home = Home::at(&place.dir);
            home.read_ledger(&home.config(std::env::vars_os())?)
        }
        NodeClient::Served(_) => {
            Err(Error::BadRequest("this reads the ledger: name the node's directory in place of its address".into()))
        }
    }
}

fn modified_ms(path: &Path) -> Option<u64> {
    let modified = std::fs::metadata(path).ok()?.modified().ok()?;
    u64::try_from(modified.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// The list of what became durable, itself durable.
struct Receipts {
    file: File,
    path: PathBuf,
}

impl Receipts {
    fn open(path: &Path) -> Result<Self, Error> {
        let file = OpenOptions::new().create(true).append(true).open(path).map_err(|error| file_error(path, error))?;
        Ok(Self { file, path: path.to_owned() })
    }

    fn write(&mut self, receipts: &[Receipt]) -> Result<(), Error> {
        let lines: String = receipts.iter().map(|it| format!("{} {} {}\n", it.line, it.id, it.index)).collect();
        let written = self.file.write_all(lines.as_bytes()).and_then(|()| self.file.sync_data());
        written.map_err(|error| file_error(&self.path, error))
    }
}
