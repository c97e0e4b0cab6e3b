//! The two listeners, and the threads that work for strangers: beside those that answer adapters, and behind them when the
//! processor is short.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::{Builder, Handle, Runtime},
    sync::watch,
    task::JoinSet,
};

use super::{
    Node,
    descriptors::Plan,
    local_access::{LocalAccess, Socket},
};
use crate::{
    config::{Config, ListenSection},
    error::Error,
    message::Limits,
    secrets::Secrets,
    server::{
        api::{
            self,
            access::{Access, Transport},
            connections::Connections,
            socket::SocketFile,
            starting::Starting,
        },
        home::Home,
    },
};

/// How much the public listener's threads yield to the others, of 19: an adapter's answer gets three times the processor of a
/// peer's …
const NICE: i32 = 5;
/// … and a peer's three times that of a stranger's.
const NICE_STRANGERS: i32 = 10;
/// Connections that the kernel keeps until they are accepted: what is dropped there comes back a second later.
const BACKLOG: u32 = 1024;
/// One in so many of the local listener's places is the UNIX socket's, so that other users of the machine cannot take it over TCP.
const SOCKET_SHARE: usize = 4;
/// One in so many of the places of both listeners is used while the stores open: both may have connections that end and
/// connections that begin for some seconds.
const STARTING_SHARE: usize = 4;
/// Files that are written, and tiles that are read and packed, at a time.
const BLOCKING_MAX: usize = 4;

/// Both listeners, bound and not served yet.
pub(super) struct Listening {
    descriptors: Plan,
    public: TcpListener,
    local: TcpListener,
}

/// The threads of the public listener.
pub(super) struct PublicRuntime {
    peers: Option<Runtime>,
    strangers: Option<Runtime>,
}

impl Listening {
    /// Divides the file descriptors and binds both addresses.
    ///
    /// # Errors
    /// [`Error::Listen`]
    pub(super) fn begin(listen: &ListenSection) -> Result<Self, Error> {
        let descriptors = Plan::make();
        let (public, local) = (bind(listen.public, "listen.public")?, bind(listen.local, "listen.local")?);
        Ok(Self { descriptors, public, local })
    }

    /// Where they are bound: the public one, the local one.
    pub(super) fn addresses(&self) -> Result<(SocketAddr, SocketAddr), Error> {
        Ok((self.public.local_addr().map_err(stopped)?, self.local.local_addr().map_err(stopped)?))
    }

    /// The most peers whose ledgers are followed.
    pub(super) fn mirrors_max(&self) -> usize {
        self.descriptors.mirrors
    }

    /// Answers on both until the stores are open.
    ///
    /// # Errors
    /// When the system gives no descriptors.
    pub(super) fn answer_while_opening(
        &self,
        home: &Home,
        config: &Config,
        secrets: &Secrets,
    ) -> Result<Starting, Error> {
        // The folder may be served by another process: no token is made here. Without one only open routes answer.
        let access = Access::new(Transport::Tcp, &config.listen, home.local_token().ok());
        let Plan { public, local, .. } = self.descriptors;
        let bytes_max = Limits::from(&config.limits).message_bytes_max();
        let strangers =
            Connections::public(public / STARTING_SHARE, bytes_max, config.listen.proxies.clone(), Handle::current());
        let adapters = Connections::local("local", local / STARTING_SHARE, bytes_max);
        Starting::begin(config, secrets, access, (&self.public, strangers), (&self.local, adapters))
    }

    /// Serves both, and the local one's socket, until `stop`. The public listener's threads start here and not before the
    /// stores have theirs, which end the process if the system gives them none.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub(super) fn serve(
        self,
        node: &Arc<Node>,
        local_access: LocalAccess,
        tasks: &mut JoinSet<()>,
        stop: &watch::Receiver<bool>,
    ) -> Result<(PublicRuntime, Option<SocketFile>), Error> {
        let Self { descriptors, public, local } = self;
        let runtime = PublicRuntime::start()?;
        let (threads, of_strangers) = runtime.handles();
        let public = {
            let _entered = threads.enter();
            public.into_std().and_then(TcpListener::from_std).map_err(stopped)?
        };
        let bytes_max = node.message_limits().message_bytes_max();
        let strangers =
            Connections::public(descriptors.public, bytes_max, node.config.listen.proxies.clone(), of_strangers);
        let of_socket = descriptors.local / SOCKET_SHARE;
        let adapters = Connections::local("local", descriptors.local - of_socket, bytes_max);
        let public = api::serve::serve(public, strangers, api::public::routes(node), stop.clone());
        tasks.spawn_on(public, &threads);
        let LocalAccess { token, socket } = local_access;
        let rules = |transport| Arc::new(Access::new(transport, &node.config.listen, token.clone()));
        let routes = api::local::routes(node, rules(Transport::Tcp));
        tasks.spawn(api::serve::serve(local, adapters, routes, stop.clone()));
        let file = socket.map(|Socket { listener, file, .. }| {
            let routes = api::local::routes(node, rules(Transport::Unix));
            let own = Connections::local("socket", of_socket, bytes_max);
            tasks.spawn(api::serve::serve(listener, own, routes, stop.clone()));
            file
        });
        Ok((runtime, file))
    }
}

impl PublicRuntime {
    fn start() -> Result<Self, Error> {
        let threads = |name: &str, nice: i32| {
            Builder::new_multi_thread()
                .thread_name(name)
                .max_blocking_threads(BLOCKING_MAX)
                .on_thread_start(move || yield_to_others(nice))
                .enable_all()
                .build()
                .map_err(stopped)
        };
        Ok(Self { peers: Some(threads("public", NICE)?), strangers: Some(threads("strangers", NICE_STRANGERS)?) })
    }

    /// For peers, and for strangers.
    fn handles(&self) -> (Handle, Handle) {
        let handle = |runtime: &Option<Runtime>| runtime.as_ref().expect("taken at the end only").handle().clone();
        (handle(&self.peers), handle(&self.strangers))
    }
}

impl Drop for PublicRuntime {
    /// What outlived its time limit is left behind.
    fn drop(&mut self) {
        for runtime in [self.strangers.take(), self.peers.take()].into_iter().flatten() {
            runtime.shutdown_background();
        }
    }
}

/// Listens.
fn bind(addr: SocketAddr, key: &'static str) -> Result<TcpListener, Error> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let listener = socket.and_then(|socket| {
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    });
    listener.map_err(|error| Error::Listen { key, addr, reason: error.to_string() })
}

fn stopped(error: std::io::Error) -> Error {
    Error::System { what: "socket or thread for a listener", reason: error.to_string() }
}

fn yield_to_others(nice: i32) {
    if let Err(error) = rustix::process::nice(nice) {
        tracing::debug!(%error, "the public listener's threads run like all others");
    }
}
