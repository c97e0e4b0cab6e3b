//! `ledger fork`: prints the proof that a peer told two stories, and checks one without any node.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use ostrakon_ledger::{Body, Contradiction, Equivocate, PeerName, SignedRecord, Verified};

use super::{input, proof::PROOF_BYTES_MAX};
use crate::{error::Error, out, output, server::home::Home};

/// Either a convicted peer or a proof to check.
#[derive(Debug, Args)]
pub(super) struct ForkOptions {
    /// The peer that was convicted here
    #[arg(value_parser = PeerName::parse, required_unless_present = "check", conflicts_with = "check")]
    peer: Option<PeerName>,
    /// Check this proof instead
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// The node's directory
    #[arg(long, default_value = "var", env = "OSTRAKON_DIR", value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(options: &ForkOptions) -> Result<ExitCode, Error> {
    match (&options.peer, &options.check) {
        (_, Some(file)) => check(&input::bytes(file, PROOF_BYTES_MAX)?),
        (Some(peer), None) => print(&Home::at(&options.dir), peer),
        (None, None) => Err(Error::BadRequest("name a peer, or a proof with --check".into())),
    }
}

/// The envelope of the record that convicts a peer.
fn print(home: &Home, peer: &PeerName) -> Result<ExitCode, Error> {
    let reader = home.read_ledger(&home.config(std::env::vars_os())?)?;
    let none = || Error::NotConvicted(peer.to_string());
    let index = reader.conviction_of(peer)?.ok_or_else(none)?;
    let entry = reader.entry(index)?.ok_or_else(none)?;
    let mut envelope = entry.record.to_envelope();
    envelope.push(b'\n');
    output::raw(&envelope)?;
    Ok(ExitCode::SUCCESS)
}

/// All signatures within, and that the two statements contradict each other.
fn check(envelope: &[u8]) -> Result<ExitCode, Error> {
    let record = Verified::check(SignedRecord::parse_envelope(envelope.trim_ascii_end())?)?;
    let Body::Equivocate(equivocate) = &record.record().body else {
        return Err(Error::BadRequest(format!("this is a `{}`, not a proof of two stories", record.kind().as_str())));
    };
    let Equivocate { accused, accused_key, contradiction } = equivocate.as_ref();
    out!("{accused} told two stories")?;
    out!("  both signed by {accused_key}; compare it with the key that you know {accused} by")?;
    match contradiction {
        Contradiction::Records(first, second) => {
            out!("  two records with seq {}:", first.record().header.seq)?;
            out!("  {} {}", first.id(), String::from_utf8_lossy(first.payload()))?;
            out!("  {} {}", second.id(), String::from_utf8_lossy(second.payload()))?;
        }
        Contradiction::Checkpoints(first, second, _) => {
            out!("  two checkpoints of which the first is no prefix of the second:")?;
            output::lines(&format!("{first}\n{second}"))?;
        }
    }
    out!("  reported by {}", record.record().header.author)?;
    Ok(ExitCode::SUCCESS)
}
