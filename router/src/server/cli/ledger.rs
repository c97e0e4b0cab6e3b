//! `ledger verify`, `export`, `import` and `heal`.

use std::{
    fs::OpenOptions,
    io::{BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use ostrakon_ledger::{
    Damage, Disagreement, FetchError, LedgerError, PeerName, archive, archive::Archive, note::NoteKey, verify,
};

use super::input;
use crate::{
    err,
    error::Error,
    out,
    server::{durable::file_error, home::Home, remote::RemoteLog},
};

/// What `--help` documents for damage.
const DAMAGED: u8 = 4;
/// The file that every log has.
const CHECKPOINT: &str = "checkpoint";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Recompute chain, tree and signatures; exit with 4 at the first disagreement and say where
    #[command(after_help = "Examples:\n  ostrakon ledger verify --dir var\n  \
                            ostrakon ledger verify --url https://log.example --vkey 'log.example+0a1b2c3d+AQ…'")]
    Verify(Box<Verify>),
    /// Write the whole ledger into one file, also while the node is served
    #[command(after_help = "Example:\n  ostrakon ledger export ledger.archive --dir var")]
    Export {
        /// The file, which must not exist
        file: PathBuf,
        #[command(flatten)]
        dir: Dir,
    },
    /// Put the ledger of such a file where none is, checking every entry
    #[command(after_help = "Example:\n  ostrakon ledger import ledger.archive --dir var")]
    Import {
        /// The file
        file: PathBuf,
        /// The signed state is lost for good, and nothing was signed after this file was written
        #[arg(long)]
        newest: bool,
        #[command(flatten)]
        dir: Dir,
    },
    /// Fetch entries that this ledger lost from a server that keeps a copy of it
    #[command(after_help = "Examples:\n  ostrakon ledger heal --from mirror.example --dir var\n  \
                            ostrakon ledger heal --from https://mirror.example/mirror/node.example --dir var")]
    Heal {
        /// A peer that follows this ledger, or the address below which the checkpoint and tiles of a copy are read
        #[arg(long, value_name = "PEER|URL")]
        from: String,
        #[command(flatten)]
        dir: Dir,
    },
}

#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    dir: Dir,
    /// Verify the log below this address instead: ours or any other C2SP tiled log
    #[arg(long, value_name = "URL", requires = "vkey")]
    url: Option<String>,
    /// The key of the log at that address, as in /.well-known/ostrakon
    #[arg(long, value_name = "VKEY", requires = "url")]
    vkey: Option<NoteKey>,
}

#[derive(Debug, Args)]
pub(super) struct Dir {
    /// The node's directory
    #[arg(long, default_value = "var", env = "OSTRAKON_DIR", value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Verify(options) => match (&options.url, &options.vkey) {
            (Some(url), Some(vkey)) => verify_log(url, vkey),
            _ => verify_home(&Home::at(&options.dir.dir)),
        },
        Command::Export { file, dir } => export(&Home::at(dir.dir), &file),
        Command::Import { file, newest, dir } => import(&Home::at(dir.dir), &file, newest),
        Command::Heal { from, dir } => heal(&Home::at(dir.dir), &from),
    }
}

fn verify_home(home: &Home) -> Result<ExitCode, Error> {
    let config = home.config(std::env::vars_os())?;
    let key = home.secrets()?.key;
    let (signed, store) = home.inspect_ledger()?;
    let bar = progress("entries verified");
    let (domain, network) = (&config.node.domain, &config.node.network);
    let outcome = verify::run(&store, &signed, domain, network, &key.public(), &mut shown(&bar));
    bar.finish_and_clear();
    Ok(match outcome {
        // It was there from the beginning, so that its loss is damage, too.
        Ok(report) if report.signed_size == 0 => {
            err!("error: {}; the {} entries agree among themselves", home.signed_state_missing(), report.tree_size);
            ExitCode::from(DAMAGED)
        }
        Ok(report) => {
            out!("tree size   {}", report.tree_size)?;
            out!("root        {}", hex::encode(report.root))?;
            out!("chain head  {}", report.chain_head)?;
            out!("chain, tree, tiles, times, signatures, rules and the signed state agree")?;
            ExitCode::SUCCESS
        }
        Err(damage) => damaged(&damage),
    })
}

fn verify_log(url: &str, vkey: &NoteKey) -> Result<ExitCode, Error> {
    let log = RemoteLog::new(url)?;
    let bar = progress("entries verified");
    let outcome = verify::run_files(&log, vkey, &mut shown(&bar));
    bar.finish_and_clear();
    Ok(match outcome {
        Ok(report) => {
            out!("origin      {}", report.origin)?;
            out!("tree size   {}", report.tree_size)?;
            out!("root        {}", hex::encode(report.root))?;
            match report.ledger {
                Some(ledger) => {
                    out!("network     {}", ledger.network)?;
                    out!("chain head  {}", ledger.chain_head)?;
                    out!("checkpoint, tree, tiles, entries, chain, times, signatures and rules agree")?;
                }
                None => out!(
                    "checkpoint, tree, tiles and entries agree; by its origin it is no Ostrakon ledger: what the entries mean, \
                     who signed them and by which rules was not checked"
                )?,
            }
            ExitCode::SUCCESS
        }
        Err(Damage { what: Disagreement::Fetch(error), .. }) if is_unreadable(&error) => {
            return Err(Error::Remote { url: url.to_owned(), reason: format!("cannot be read: {error}") });
        }
        Err(damage) => damaged(&damage),
    })
}

/// Whether a log could not be looked at. One that lacks a file which its checkpoint implies is damaged.
fn is_unreadable(error: &FetchError) -> bool {
    match error {
        FetchError::Failed { .. } | FetchError::TooMuch { .. } => true,
        FetchError::Missing(path) => path == CHECKPOINT,
    }
}

fn damaged(damage: &Damage) -> ExitCode {
    err!("error: {damage}");
    ExitCode::from(DAMAGED)
}

fn export(home: &Home, file: &Path) -> Result<ExitCode, Error> {
    let config = home.config(std::env::vars_os())?;
    let reader = home.read_ledger(&config)?;
    let trouble = |error: std::io::Error| file_error(file, error);
    let mut out = BufWriter::new(OpenOptions::new().write(true).create_new(true).open(file).map_err(trouble)?);
    let bar = progress("entries exported");
    let outcome = archive::export(&reader, &mut out, &mut shown(&bar)).map_err(Error::from).and_then(|entries| {
        out.flush().and_then(|()| out.get_ref().sync_all()).map_err(trouble)?;
        Ok(entries)
    });
    bar.finish_and_clear();
    match outcome {
        Ok(entries) => {
            out!("{entries} entries exported to {}", file.display())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            let _ = std::fs::remove_file(file);
            Err(error)
        }
    }
}

fn import(home: &Home, file: &Path, newest: bool) -> Result<ExitCode, Error> {
    let config = home.config(std::env::vars_os())?;
    let key = home.secrets()?.key.public();
    let archive = input::open(file)?;
    let bar = progress("entries imported");
    let outcome = Archive::open(BufReader::new(archive))
        .map_err(Error::from)
        .and_then(|archive| home.import_ledger(&config, &key, archive, newest, &mut shown(&bar)));
    bar.finish_and_clear();
    match outcome {
        Ok(restored) => {
            let (has, signed) = (restored.tree_size, restored.signed_size);
            out!("{has} entries imported, every one checked")?;
            if has < signed {
                out!("{signed} were signed: entries {has}..{signed} are missing; `ostrakon ledger heal` fetches them")?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(Error::Ledger(
            error @ (LedgerError::Damaged { .. } | LedgerError::Inconsistent(_) | LedgerError::Archive(_)),
        )) => {
            err!("error: {}: {error}; nothing was imported", file.display());
            Ok(ExitCode::from(DAMAGED))
        }
        Err(error) => Err(error),
    }
}

fn heal(home: &Home, from: &str) -> Result<ExitCode, Error> {
    let config = home.config(std::env::vars_os())?;
    let key = home.secrets()?.key.public();
    let from = copy_at(home, from, &config.node.domain)?;
    let bar = progress("entries fetched and written");
    let healed = home.heal_ledger(&config, &key, &RemoteLog::new(&from)?, &mut shown(&bar));
    bar.finish_and_clear();
    let healed = healed?;
    if healed.from == healed.to {
        out!("nothing is missing: {} entries, as signed", healed.to)?;
    } else {
        out!("entries {}..{} are back; they have the root that was signed", healed.from, healed.to)?;
    }
    if healed.newer {
        out!("the copy had a newer checkpoint of this ledger than the signed state, which now holds it")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the copy of this node's ledger is: an address as it is; of a peer, below the address where it is followed, or else below
/// `https://` and its name.
fn copy_at(home: &Home, from: &str, domain: &PeerName) -> Result<String, Error> {
    if from.contains("://") {
        return Ok(from.to_owned());
    }
    let peer = PeerName::parse(from)?;
    let url = home.followed_at(&peer)?.unwrap_or_else(|| format!("https://{peer}"));
    Ok(format!("{}/mirror/{domain}", url.trim_end_matches('/')))
}

/// Tells a bar how far the work is.
fn shown(bar: &ProgressBar) -> impl FnMut(u64, u64) {
    |done, all| {
        bar.set_length(all);
        bar.set_position(done);
    }
}

/// A bar that shows rate and time left, on a terminal only.
pub(super) fn progress(what: &'static str) -> ProgressBar {
    let bar = ProgressBar::no_length();
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {msg} [{bar:30}] {per_sec}, {eta} left") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
