//! Clients that do not behave: raw connections that are opened by the hundred and held.

use std::{
    io::{Error, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::AsyncWriteExt,
    net::{TcpSocket, TcpStream as AsyncStream},
    runtime::Runtime,
};

use crate::node::PATIENCE;

/// How often a connection that drips sends its next drop.
const DRIP: Duration = Duration::from_millis(20);
/// Closed connections that are opened again between two drops: 500 a second.
const REOPENED: usize = 10;

/// What the connections of an attack do.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub name: &'static str,
    /// What each sends first, so many times over.
    pub opening: (&'static str, usize),
    /// What each goes on sending, again and again.
    pub drop: &'static str,
    /// Whether it says that it sends nothing more.
    pub half_closes: bool,
    /// Whether it takes what it is answered.
    pub reads: bool,
}

const IDLE: Kind = Kind { name: "idle", opening: ("", 0), drop: "", half_closes: false, reads: true };

/// The ways to hold on to a connection.
pub const KINDS: [Kind; 7] = [
    IDLE,
    Kind { name: "slow head", opening: ("GET /checkpoint HTTP/1.1\r\nX: ", 1), drop: "a", ..IDLE },
    Kind {
        name: "slow body",
        opening: ("POST /v1/votes HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n", 1),
        ..IDLE
    },
    Kind {
        name: "one byte at a time",
        opening: ("POST /v1/messages HTTP/1.1\r\nHost: x\r\nContent-Length: 400000\r\n\r\n", 1),
        drop: "x",
        ..IDLE
    },
    Kind {
        name: "never reading",
        opening: ("GET /checkpoint HTTP/1.1\r\nHost: x\r\n\r\n", 500),
        drop: "GET /checkpoint HTTP/1.1\r\nHost: x\r\n\r\n",
        reads: false,
        ..IDLE
    },
    Kind {
        name: "half closed",
        opening: ("POST /v1/votes HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n", 1),
        half_closes: true,
        ..IDLE
    },
    Kind {
        name: "chunks",
        opening: ("POST /v1/messages HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 1),
        drop: "1\r\nx\r\n",
        ..IDLE
    },
];

/// Connections that are held, and opened again when they are closed, until this is dropped.
pub struct Attack {
    _runtime: Runtime,
    ended: Arc<AtomicBool>,
}

impl Attack {
    /// Opens `count` connections to `target`, `http://ADDR`, from `addresses` addresses beginning with 127.0.0.2.
    pub fn begin(target: &str, kind: Kind, count: usize, addresses: u8) -> Self {
        let target: SocketAddr = address(target);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let streams = runtime.block_on(async {
            let mut streams = Vec::new();
            for n in 0..count {
                let from = Ipv4Addr::new(127, 0, 0, 2 + u8::try_from(n % usize::from(addresses)).unwrap());
                streams.push((from, open(target, from, kind).await));
            }
            streams
        });
        let ended = Arc::new(AtomicBool::new(false));
        runtime.spawn(drip(streams, target, kind, ended.clone()));
        Self { _runtime: runtime, ended }
    }
}

impl Drop for Attack {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
    }
}

/// `None` when the node closes it before it has said what it has to say.
async fn open(target: SocketAddr, from: Ipv4Addr, kind: Kind) -> Option<AsyncStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let mut stream = socket.connect(target).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (opening, times) = kind.opening;
    // Not all of it: who never reads is not read from any more, either.
    let _ = stream.try_write(opening.repeat(times).as_bytes());
    if kind.half_closes {
        stream.shutdown().await.ok()?;
    }
    Some(stream)
}

/// At each tick the next drop on every connection, and some of those that were closed opened again.
async fn drip(
    mut streams: Vec<(Ipv4Addr, Option<AsyncStream>)>,
    target: SocketAddr,
    kind: Kind,
    ended: Arc<AtomicBool>,
) {
    let mut ticks = tokio::time::interval(DRIP);
    while !ended.load(Relaxed) {
        ticks.tick().await;
        let mut closed = Vec::new();
        for (from, stream) in &mut streams {
            if closed.len() < REOPENED && !stream.as_ref().is_some_and(|stream| is_open(stream, kind)) {
                closed.push((*from, stream));
            }
        }
        for (from, stream) in closed {
            *stream = open(target, from, kind).await;
        }
    }
}

/// Sends the next drop; whether the other side still has the connection.
fn is_open(stream: &AsyncStream, kind: Kind) -> bool {
    let waits = |error: &Error| error.kind() == ErrorKind::WouldBlock;
    let writes =
        kind.drop.is_empty() || stream.try_write(kind.drop.as_bytes()).map_or_else(|error| waits(&error), |_| true);
    writes && (!kind.reads || stream.try_read(&mut [0; 256]).map_or_else(|error| waits(&error), |count| count > 0))
}

/// The address in `http://ADDR`.
pub fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

/// One connection, byte by byte.
pub struct Raw {
    stream: TcpStream,
}

impl Raw {
    /// Connects to `http://ADDR`.
    pub fn connect(url: &str) -> Self {
        let stream = TcpStream::connect(address(url)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Sends; also if the other side has had enough.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The head of the next answer.
    pub fn head(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && matches!(self.stream.read(&mut byte), Ok(1)) {
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap()
    }

    /// The next answer, whose length its head says.
    pub fn answer(&mut self) -> (String, String) {
        let head = self.head();
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }

    /// What still comes until the other side closes.
    pub fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}
