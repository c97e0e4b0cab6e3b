//! Files that a command is told to read: regular ones, whose size is looked at first.

use std::{
    fs::{File, Metadata, OpenOptions},
    io::Read,
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use rustix::fs::OFlags;

use crate::{error::Error, server::durable::file_error};

/// Opens a regular file. Anything else may block, never end, or do something when it is read.
///
/// # Errors
/// [`Error::File`]
pub(super) fn open(path: &Path) -> Result<File, Error> {
    let fault = |error: std::io::Error| file_error(path, error);
    be_regular(path, &std::fs::metadata(path).map_err(fault)?)?;
    // If it was replaced by a pipe in between, opening it does not wait for somebody who writes into it.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(fault)?;
    be_regular(path, &file.metadata().map_err(fault)?)?;
    Ok(file)
}

/// Reads a regular file of at most `bytes_max` bytes.
///
/// # Errors
/// [`Error::File`]
pub(super) fn bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Error> {
    let file = open(path)?;
    let too_long = |len_bytes| file_error(path, format!("has {len_bytes} bytes, at most {bytes_max} are read"));
    let len_bytes = file.metadata().map_err(|error| file_error(path, error))?.len();
    if len_bytes > bytes_max {
        return Err(too_long(len_bytes));
    }
    // What grows while it is read, or says that it is empty and is not, as under /proc.
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| file_error(path, error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(too_long(bytes.len() as u64));
    }
    Ok(bytes)
}

/// Reads a regular file of at most `bytes_max` bytes of UTF-8.
///
/// # Errors
/// [`Error::File`]
pub(super) fn text(path: &Path, bytes_max: u64) -> Result<String, Error> {
    String::from_utf8(bytes(path, bytes_max)?).map_err(|_| file_error(path, "is not UTF-8"))
}

fn be_regular(path: &Path, metadata: &Metadata) -> Result<(), Error> {
    let kind = metadata.file_type();
    let what = match () {
        () if kind.is_file() => return Ok(()),
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a pipe; save what comes through it first",
        () if kind.is_socket() => "a socket",
        () => "a device",
    };
    Err(file_error(path, format!("is no regular file but {what}")))
}
