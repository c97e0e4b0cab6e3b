//! `local.token` and `local.sock`: how this machine's programs prove that they may give this node orders.
//!
//! Both prove the same: that the caller can open a file which only the node's user can open.

use std::path::PathBuf;

use super::{Home, privacy::read_secret, random};
use crate::{
    config::Token,
    error::Error,
    server::durable::{file_error, write_durably},
};

const TOKEN: &str = "local.token";
const SOCKET: &str = "local.sock";
/// Longest path of a UNIX socket in bytes (`sun_path` of Linux's unix(7), without the zero behind it).
const SOCKET_PATH_BYTES_MAX: usize = 107;

impl Home {
    /// Where the token is.
    pub fn local_token_path(&self) -> PathBuf {
        self.dir.join(TOKEN)
    }

    /// Where the UNIX socket is, while the node is served.
    ///
    /// # Errors
    /// [`Error::File`] when the system does not take a path of that length.
    pub fn local_socket_path(&self) -> Result<PathBuf, Error> {
        let path = self.dir.join(SOCKET);
        match path.as_os_str().len() {
            0..=SOCKET_PATH_BYTES_MAX => Ok(path),
            len_bytes => {
                let reason = format!(
                    "{len_bytes} bytes are too long for the path of a UNIX socket, {SOCKET_PATH_BYTES_MAX} are possible"
                );
                Err(file_error(&path, reason))
            }
        }
    }

    /// The token that requests to the local listener carry.
    ///
    /// # Errors
    /// [`Error::File`], also when others can read it.
    pub fn local_token(&self) -> Result<Token, Error> {
        let path = self.local_token_path();
        Token::parse(read_secret(&path)?.trim()).map_err(|fault| file_error(&path, fault))
    }

    /// Makes a token where there is none: 256 random bits in hexadecimal digits. Says whether it made one.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn ensure_local_token(&self) -> Result<bool, Error> {
        let path = self.local_token_path();
        if path.exists() {
            return Ok(false);
        }
        write_durably(&path, format!("{}\n", hex::encode(random()?)).as_bytes(), 0o600)?;
        Ok(true)
    }
}
