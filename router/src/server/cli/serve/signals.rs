//! What signals mean to a node that is served.
//!
//! | signal | meaning |
//! |---|---|
//! | SIGTERM, SIGINT, SIGQUIT | end: answer what is under way, write everything; a second one does not wait |
//! | SIGTERM again within a second | nothing: a supervisor and its container each send one |
//! | SIGHUP | read the policy again; never ends the node, also when its terminal goes away |
//! | SIGUSR1, SIGUSR2 | nothing, and the log says so |
//! | SIGXFSZ | nothing: a write beyond the limit of file sizes fails as one on a full disk does |
//! | SIGPIPE | nothing: a closed connection is an error of its write |

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

use crate::error::Error;

/// Two SIGTERMs that come within this time are one.
const TOGETHER: Duration = Duration::from_secs(1);

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    /// End the node.
    End(SignalKind),
    /// Read again what can be.
    Reload,
    /// Nothing; its name.
    Meaningless(&'static str),
}

/// The signals that a node takes in place of what the system would do.
pub(super) struct Signals {
    terminate: Stream,
    interrupt: Stream,
    quit: Stream,
    hangup: Stream,
    first_user: Stream,
    second_user: Stream,
    file_size: Stream,
    /// When the first SIGTERM came that ends the node.
    terminated: Option<Instant>,
}

impl Signals {
    /// From now on they are taken.
    pub(super) fn new() -> Result<Self, Error> {
        let take = |kind| signal(kind).map_err(|error| Error::System { what: "signals", reason: error.to_string() });
        Ok(Self {
            terminate: take(SignalKind::terminate())?,
            interrupt: take(SignalKind::interrupt())?,
            quit: take(SignalKind::quit())?,
            hangup: take(SignalKind::hangup())?,
            first_user: take(SignalKind::user_defined1())?,
            second_user: take(SignalKind::user_defined2())?,
            file_size: take(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
            terminated: None,
        })
    }

    /// The next one.
    pub(super) async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::End(SignalKind::terminate()),
            _ = self.interrupt.recv() => Signal::End(SignalKind::interrupt()),
            _ = self.quit.recv() => Signal::End(SignalKind::quit()),
            _ = self.hangup.recv() => Signal::Reload,
            _ = self.first_user.recv() => Signal::Meaningless("SIGUSR1"),
            _ = self.second_user.recv() => Signal::Meaningless("SIGUSR2"),
            _ = self.file_size.recv() => Signal::Meaningless("SIGXFSZ"),
        }
    }

    /// The node ends because of this one.
    pub(super) fn note_end(&mut self, kind: SignalKind) {
        self.terminated = (kind == SignalKind::terminate()).then(Instant::now);
    }

    /// The next one that ends the node without waiting.
    pub(super) async fn end(&mut self) -> SignalKind {
        loop {
            if let Signal::End(kind) = self.next().await
                && !self.is_repeated(kind)
            {
                return kind;
            }
        }
    }

    fn is_repeated(&self, kind: SignalKind) -> bool {
        kind == SignalKind::terminate() && self.terminated.is_some_and(|first| first.elapsed() < TOGETHER)
    }
}

/// What shells show for a process that this signal ended.
pub(super) fn exit_code(kind: SignalKind) -> ExitCode {
    ExitCode::from(u8::try_from(128 + kind.as_raw_value()).unwrap_or(u8::MAX))
}
