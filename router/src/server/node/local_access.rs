//! What a served node does in its folder for the local listener: the token, the UNIX socket, and a look at who else can read it.

use std::path::PathBuf;

use tokio::net::UnixListener;

use crate::{
    config::Token,
    error::Error,
    server::{
        api::socket::{self, SocketFile},
        home::Home,
    },
};

/// The two ways to prove that one is the node's user.
pub(super) struct LocalAccess {
    /// What requests over TCP carry.
    pub(super) token: Token,
    /// Where requests need no token, if the system allows a socket there.
    pub(super) socket: Option<Socket>,
}

/// The UNIX socket.
pub(super) struct Socket {
    pub(super) listener: UnixListener,
    pub(super) file: SocketFile,
    pub(super) path: PathBuf,
}

impl LocalAccess {
    /// Done as soon as no other process can serve the folder.
    ///
    /// 1. Forget where a node that was killed was served.
    /// 2. Name what others on this machine can use.
    /// 3. Make the token, if the folder is of an earlier build, and read it.
    /// 4. Listen on the socket. A node without one can still be asked over TCP.
    ///
    /// # Errors
    /// [`Error::File`], also when others can read the token.
    pub(super) fn prepare(home: &Home) -> Result<Self, Error> {
        home.retract_announcement()?;
        name_exposed(home)?;
        if home.ensure_local_token()? {
            let path = home.local_token_path();
            tracing::info!(path = %path.display(), "made the token that requests to the local listener carry");
        }
        let token = home.local_token()?;
        let socket = bind(home)
            .inspect_err(|error| tracing::warn!(%error, "no UNIX socket; programs need the token in local.token"))
            .ok();
        Ok(Self { token, socket })
    }
}

fn bind(home: &Home) -> Result<Socket, Error> {
    let path = home.local_socket_path()?;
    let (listener, file) = socket::bind(&path)?;
    Ok(Socket { listener, file, path: std::path::absolute(&path).unwrap_or(path) })
}

/// Names in the log what of the folder others on this machine can use.
fn name_exposed(home: &Home) -> Result<(), Error> {
    let (worst, count) = home.exposed()?;
    for it in &worst {
        let mode = format!("{:04o}", it.mode);
        tracing::warn!(path = %it.path.display(), mode, mend = it.mend(), "{}", it.what());
    }
    if count > worst.len() {
        tracing::warn!(count, "files and folders of the node that others can use; only the worst are named");
    }
    Ok(())
}
