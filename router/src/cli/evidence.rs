//! Evidence: read from a file and kept beside the ledger, or fetched from where it is kept.

use std::{io::Write, path::Path, process::ExitCode};

use ostrakon_ledger::{Digest, Evidence, RecordId};

use super::{Place, desk::Desk};
use crate::{durable::file_error, error::Error, home::random};

/// Keeps a file under a fresh salt; the commitment to it, zero when there is none.
pub(super) fn keep(desk: &mut Desk, file: Option<&Path>) -> Result<Digest, Error> {
    let Some(file) = file else { return Ok(Digest::ZERO) };
    let body = std::fs::read(file).map_err(|error| file_error(file, error))?;
    let evidence = Evidence::new(random()?, &body)?;
    desk.keep(&evidence)?;
    Ok(evidence.commitment())
}

/// Prints the body.
pub(super) fn print(place: &Place, id: RecordId) -> Result<ExitCode, Error> {
    let evidence = Desk::open(place)?.evidence(&id)?;
    std::io::stdout().write_all(evidence.body()).map_err(|error| file_error(Path::new("standard output"), error))?;
    Ok(ExitCode::SUCCESS)
}
