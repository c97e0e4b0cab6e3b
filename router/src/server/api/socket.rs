//! The local listener as a UNIX socket: whoever can open its file is the node's user, and needs no token.

use std::{
    fs::Permissions,
    io::ErrorKind,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

use crate::{error::Error, server::durable::file_error};

/// Takes the socket's file away when the node is no longer served.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens at `path`, for the node's user alone. A socket that a killed node left there is replaced: who calls this is the only
/// process that serves the folder.
///
/// # Errors
/// [`Error::File`], also when something other than a socket is in the way.
pub fn bind(path: &Path) -> Result<(UnixListener, SocketFile), Error> {
    let trouble = |error: std::io::Error| file_error(path, error);
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.file_type().is_socket() => std::fs::remove_file(path).map_err(trouble)?,
        Ok(_) => return Err(file_error(path, "is in the way of the UNIX socket and is not one; move it away")),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(trouble(error)),
    }
    let listener = UnixListener::bind(path).map_err(trouble)?;
    let file = SocketFile(path.to_owned());
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(trouble)?;
    Ok((listener, file))
}
