//! `init` and `serve`.

mod signals;

use std::{net::SocketAddr, process::ExitCode};

use ostrakon_ledger::PeerName;
use tracing_subscriber::filter::LevelFilter;

use self::signals::{Signal, Signals};
use super::exit_code;
use crate::{
    config::{Config, LogFormat, LogSection},
    error::Error,
    out,
    output::{LogWriter, is_closed},
    server::{
        home::Home,
        node::{self, Served},
    },
};

pub(super) fn init(home: &Home, domain: &PeerName, network: &str) -> Result<ExitCode, Error> {
    home.init(domain, network)?;
    let key = home.secrets()?.key.public();
    out!("{domain} is a node now")?;
    out!("  key            {key}")?;
    out!("  configuration  {}", home.config_path().display())?;
    out!("  policy         {}", home.policy_path().display())?;
    out!("  local token    {}", home.local_token_path().display())?;
    for wide in home.exposed()?.0 {
        out!("  note           {}: {}; `{}` ends that", wide.path.display(), wide.what(), wide.mend())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Serves a node until a signal ends it. SIGHUP reloads and never ends; a second signal to end does not wait for the rest.
pub(super) fn serve(home: Home, public: Option<SocketAddr>, local: Option<SocketAddr>) -> Result<ExitCode, Error> {
    let read =
        |home: &Home| -> Result<Config, Error> { Ok(home.config(std::env::vars_os())?.listening_on(public, local)?) };
    let config = read(&home)?;
    start_logging(&config.log);
    let ended = run(home, config.clone(), read);
    match ended {
        // Whoever reads the log as JSON finds the last line as JSON, too.
        Err(error) if config.log.format == LogFormat::Json && !is_closed(&error) => {
            tracing::error!(code = error.code(), %error, "the node is not served any more");
            Ok(exit_code(&error))
        }
        ended => ended,
    }
}

fn run(home: Home, config: Config, read: impl Fn(&Home) -> Result<Config, Error>) -> Result<ExitCode, Error> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::System { what: "runtime", reason: error.to_string() })?;
    let code = runtime.block_on(async {
        let mut signals = Signals::new()?;
        let served = node::serve(home.clone(), config.clone()).await?;
        if let Err(error) = out!("ready public={} local={}", served.public, served.local) {
            tracing::warn!(%error, "nobody was told that this node is ready");
        }
        loop {
            match signals.next().await {
                Signal::Reload => reload(&served, &config, read(&home)),
                Signal::End(kind) => break signals.note_end(kind),
                Signal::Meaningless(name) => tracing::info!(name, "this signal means nothing to a node"),
            }
        }
        tracing::info!("draining");
        let ended_by = tokio::select! {
            () = served.drain() => None,
            signal = signals.end() => Some(signal),
        };
        match ended_by {
            None => tracing::info!("everything is written"),
            Some(_) => tracing::warn!("a second signal: ended without waiting; all that was answered is written"),
        }
        Ok::<_, Error>(ended_by.map_or(ExitCode::SUCCESS, signals::exit_code))
    })?;
    // What outlived its time limit is left behind.
    runtime.shutdown_background();
    Ok(code)
}

/// Takes up the policy at once, and says whether the configuration waits for a restart.
fn reload(served: &Served, running: &Config, now: Result<Config, Error>) {
    served.reload_policy();
    match now {
        Ok(now) if now == *running => {
            tracing::info!("SIGHUP: the policy is read again; the configuration has not changed")
        }
        Ok(_) => tracing::warn!("SIGHUP: the policy is read again; the changed configuration takes a restart"),
        Err(error) => {
            tracing::error!(%error, "SIGHUP: the policy is read again; the changed configuration does not load");
        }
    }
}

/// Logs go to standard error; standard output has the one line that scripts wait for. There are no colours: an escape
/// sequence in a log is always somebody else's, and is spelled out.
fn start_logging(log: &LogSection) {
    let builder = tracing_subscriber::fmt().with_max_level(LevelFilter::from_level(log.level.into())).with_ansi(false);
    match log.format {
        LogFormat::Human => builder.with_writer(|| LogWriter::Human).init(),
        LogFormat::Json => builder.json().with_writer(|| LogWriter::Json).init(),
    }
}
