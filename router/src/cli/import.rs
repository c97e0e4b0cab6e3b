//! `import votes`.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    time::UNIX_EPOCH,
};

use clap::Args;

use super::{Place, desk::Desk, ledger::progress};
use crate::{
    durable::file_error,
    error::Error,
    import::{FILE_BYTES_MAX, Format, Input, parse},
    registrar::Receipt,
};

/// Rows sent at a time: each chunk is durable before the next one is sent.
const CHUNK_ROWS: usize = 500;

/// Skipped rows shown; the rest is counted.
const SKIPPED_SHOWN_MAX: usize = 10;

/// What to import and where to.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// The file
    file: PathBuf,
    /// otc, fediverse or mastodon
    #[arg(long)]
    format: Format,
    /// Whose export it is (mastodon only)
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// When it was exported, Unix milliseconds (mastodon only; the file's time by default)
    #[arg(long, value_name = "MS")]
    date: Option<u64>,
    /// Append `line id index` of every record that became durable to this file, synced chunk by chunk
    #[arg(long, value_name = "FILE")]
    receipts: Option<PathBuf>,
    #[command(flatten)]
    place: Place,
}

pub(super) fn votes(options: &Options) -> Result<ExitCode, Error> {
    let date = match options.format {
        Format::Mastodon => options.date.or_else(|| modified_ms(&options.file)),
        Format::Otc | Format::Fediverse => options.date,
    };
    let input = Input::new(options.format, options.source.as_deref(), date)?;
    let csv = read(&options.file)?;
    let mut desk = Desk::open(&options.place)?;
    let parsed = parse(&input, &csv, &desk.domain()?)?;
    for row in parsed.skipped.iter().take(SKIPPED_SHOWN_MAX) {
        eprintln!("skipped line {}: {} `{}` {}", row.line, row.column, row.value, row.reason);
    }
    let mut receipts = options.receipts.as_deref().map(Receipts::open).transpose()?;
    let bar = progress("votes imported");
    bar.set_length(parsed.votes.len() as u64);
    let (mut added, mut sources, mut present, mut outdated, mut void) = (0, 0, 0, 0, 0);
    for chunk in parsed.votes.chunks(CHUNK_ROWS) {
        let imported = desk.import(chunk)?;
        if let Some(receipts) = &mut receipts {
            receipts.write(&imported.receipts)?;
        }
        let admissions = imported.receipts.iter().filter(|receipt| receipt.line == 0).count();
        sources += admissions;
        added += imported.receipts.len() - admissions;
        present += imported.present;
        outdated += imported.outdated;
        void += imported.void;
        bar.inc(chunk.len() as u64);
    }
    bar.finish_and_clear();
    println!("{added} records added for {} votes, {sources} new sources", parsed.votes.len());
    println!(
        "{present} were there already, {outdated} outdated, {void} withdraw nothing, {} rows skipped",
        parsed.skipped.len()
    );
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let fault = |error: std::io::Error| file_error(path, error);
    let len_bytes = std::fs::metadata(path).map_err(fault)?.len();
    if len_bytes > FILE_BYTES_MAX as u64 {
        return Err(file_error(path, format!("has {len_bytes} bytes, at most {FILE_BYTES_MAX} are read")));
    }
    std::fs::read(path).map_err(fault)
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
