//! Evidence: read from a file and kept beside the ledger, or fetched from where it is kept.

use std::{
    io::{IsTerminal, stdout},
    path::Path,
    process::ExitCode,
};

use ostrakon_ledger::{Digest, Evidence, RecordId, evidence::BODY_BYTES_MAX};

use super::{NodeArgs, client::NodeClient, input};
use crate::{error::Error, output, server::home::random};

/// Keeps a file under a fresh salt; the commitment to it, zero when there is none.
pub(super) fn keep(client: &mut NodeClient, file: Option<&Path>) -> Result<Digest, Error> {
    let Some(file) = file else { return Ok(Digest::ZERO) };
    let body = input::bytes(file, BODY_BYTES_MAX as u64)?;
    let evidence = Evidence::new(random()?, &body)?;
    client.keep(&evidence)?;
    Ok(evidence.commitment())
}

/// How a body is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EvidenceForm {
    /// As it is, but printable on a terminal.
    Shown,
    /// As it is.
    Raw,
}

/// Prints the body. Somebody else wrote it: a terminal shows it, line by line, and does not obey it.
pub(super) fn print(place: &NodeArgs, id: RecordId, form: EvidenceForm) -> Result<ExitCode, Error> {
    let evidence = NodeClient::open(place)?.evidence(&id)?;
    if form == EvidenceForm::Shown && stdout().is_terminal() {
        output::lines(&String::from_utf8_lossy(evidence.body()))?;
    } else {
        output::raw(evidence.body())?;
    }
    Ok(ExitCode::SUCCESS)
}
