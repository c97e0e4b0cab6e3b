//! Clients that do not behave: raw connections that are opened by the hundred and held.

use std::{
    io::{Read, Write},
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
}

/// Connections that are held until this is dropped.
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
                streams.extend(open(target, from, kind).await);
            }
            streams
        });
        let ended = Arc::new(AtomicBool::new(false));
        runtime.spawn(drip(streams, kind.drop.as_bytes(), ended.clone()));
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

async fn drip(streams: Vec<AsyncStream>, drop: &'static [u8], ended: Arc<AtomicBool>) {
    let mut ticks = tokio::time::interval(DRIP);
    while !ended.load(Relaxed) {
        ticks.tick().await;
        for stream in &streams {
            if !drop.is_empty() {
                let _ = stream.try_write(drop);
            }
        }
    }
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
