//! `init` and `serve`.

use std::{io::IsTerminal, net::SocketAddr, process::ExitCode};

use ostrakon_ledger::PeerName;
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::filter::LevelFilter;

use crate::{
    config::{LogFormat, LogSection},
    error::Error,
    home::Home,
    node,
};

pub(super) fn init(home: &Home, domain: &PeerName, network: &str) -> Result<ExitCode, Error> {
    home.init(domain, network)?;
    let key = home.secrets()?.key.public();
    println!("{domain} is a node now");
    println!("  key            {key}");
    println!("  configuration  {}", home.config_path().display());
    println!("  policy         {}", home.policy_path().display());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn serve(home: Home, public: Option<SocketAddr>, local: Option<SocketAddr>) -> Result<ExitCode, Error> {
    let config = home.config(std::env::vars_os())?.listening_on(public, local)?;
    start_logging(&config.log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Stopped { part: "runtime", reason: error.to_string() })?;
    runtime.block_on(async {
        let trouble = |error: std::io::Error| Error::Stopped { part: "signals", reason: error.to_string() };
        let mut terminate = signal(SignalKind::terminate()).map_err(trouble)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(trouble)?;
        let served = node::serve(home, config).await?;
        println!("ready public={} local={}", served.public, served.local);
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("draining");
        served.drain().await;
        tracing::info!("everything is written");
        Ok::<_, Error>(())
    })?;
    // What outlived its time limit is left behind.
    runtime.shutdown_background();
    Ok(ExitCode::SUCCESS)
}

/// Logs go to standard error; standard output has the one line that scripts wait for.
fn start_logging(log: &LogSection) {
    let builder = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::from_level(log.level.into()))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match log.format {
        LogFormat::Human => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}
