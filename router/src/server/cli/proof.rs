//! `ledger proof`: makes receipts from the node's directory, and checks them anywhere.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use ostrakon_ledger::{Effect, Provenance, Receipt, RecordId, Unproven, Verified, checkpoint::origin, note::NoteKey};

use super::input;
use crate::{error::Error, out, output, server::home::Home};

/// Largest receipt or proof that is read; a proof of two stories has two records or checkpoints in base64.
pub(super) const PROOF_BYTES_MAX: u64 = 1 << 20;

/// Either a record to prove or a receipt to check.
#[derive(Debug, Args)]
pub(super) struct ProofOptions {
    /// The record's id; with --verify, the record that the receipt must be about
    #[arg(required_unless_present = "verify")]
    id: Option<RecordId>,
    /// Check this receipt instead
    #[arg(long, value_name = "FILE", requires = "vkey")]
    verify: Option<PathBuf>,
    /// The ledger's verifier key, from its /.well-known/ostrakon or its operator
    #[arg(long, value_name = "VKEY", requires = "verify")]
    vkey: Option<NoteKey>,
    /// The node's directory
    #[arg(long, default_value = "var", env = "OSTRAKON_DIR", value_name = "DIR")]
    dir: PathBuf,
}

pub(super) fn run(options: &ProofOptions) -> Result<ExitCode, Error> {
    match (&options.verify, &options.vkey, options.id) {
        (Some(file), Some(vkey), wanted) => {
            let text = input::text(file, PROOF_BYTES_MAX)?;
            check(&text, vkey, wanted)
        }
        (_, _, Some(id)) => {
            let home = Home::at(&options.dir);
            let reader = home.read_ledger(&home.config(std::env::vars_os())?)?;
            let receipt = reader.receipt(&id)?.ok_or_else(|| Error::NoSuchRecord(id.to_string()))?;
            output::raw(receipt.to_string().as_bytes())?;
            Ok(ExitCode::SUCCESS)
        }
        (_, _, None) => Err(Error::BadRequest("name a record, or a receipt with --verify and --vkey".into())),
    }
}

/// Signature, path, then what the proven entry itself says: its author's signature, and that it is the wanted record.
fn check(text: &str, vkey: &NoteKey, wanted: Option<RecordId>) -> Result<ExitCode, Error> {
    let receipt: Receipt = text.parse()?;
    let (checkpoint, entry) = receipt.verify_entry(std::slice::from_ref(vkey))?;
    let record = Verified::check(entry.record)?;
    if let Some(wanted) = wanted.filter(|wanted| *wanted != record.id()) {
        return Err(Unproven::OtherRecord { wanted, found: record.id() }.into());
    }
    out!("the receipt is valid")?;
    out!("record      {}", record.id())?;
    out!("author      {}", record.record().header.author)?;
    out!("stands at   index {} of {} in {}", entry.index, checkpoint.tree_size, checkpoint.origin)?;
    out!("received    {} ms", entry.received_at_ms)?;
    if let Some(Provenance { ledger, index }) = &entry.provenance {
        let effect = if entry.effect == Effect::Inert { ", without effect here" } else { "" };
        out!("copied from index {index} of {}{effect}", origin(ledger))?;
    }
    out!("{}", String::from_utf8_lossy(record.payload()))?;
    Ok(ExitCode::SUCCESS)
}
