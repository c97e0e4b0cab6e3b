//! Putting a node together, and taking it apart again.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc, thread::JoinHandle, time::Duration};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use ostrakon_ledger::{LedgerReader, Quorum, Store};
use ostrakon_policies::Judge;
use ostrakon_reputation::{Experience, Parameters, Viewpoint};
use tokio::{
    runtime::Handle,
    sync::{Notify, watch},
    task::JoinSet,
};

use super::{
    Node, gauge,
    listening::{Listening, PublicRuntime},
    local_access::{LocalAccess, Socket},
    watch as policy_watch,
};
use crate::server::shutdown::stopped;
use crate::{
    config::{Config, StoreSection},
    error::Error,
    flow::{
        gate::{Gate, categories},
        journal::{Bounds, Journal},
    },
    message::Limits,
    server::{
        api::socket::SocketFile,
        clock,
        cosigning::{Cosigned, Cosigning},
        delivery::Delivery,
        evidence::EvidenceStore,
        follower::Follower,
        home::{Announced, Home, Running, Secrets},
        intake::Intake,
        journal::JournalHandle,
        metrics::{begin_routes, describe},
        mirrors::{Mirrors, OwnLedger},
        quotas::Quotas,
        scorebook::Outlook,
        sequencer::{self, Sequencer},
        witness::WitnessDesk,
    },
};

/// How long the owners of state may take to end once the listeners have.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How often samples of histograms are put into their buckets.
const UPKEEP: Duration = Duration::from_secs(1);
/// Upper bounds of the latency histogram's buckets, seconds.
const LATENCY_BUCKETS_S: &[f64] =
    &[0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5];
/// Upper bounds of the batch histograms' buckets.
const BATCH_BUCKETS: &[f64] = &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0];

/// A node that is being served.
pub struct Served {
    /// Where the public listener is bound.
    pub public: SocketAddr,
    /// Where the local listener is bound.
    pub local: SocketAddr,
    shutdown: watch::Sender<bool>,
    policy_due: Arc<Notify>,
    tasks: JoinSet<()>,
    threads: Vec<JoinHandle<()>>,
    _runtime: PublicRuntime,
    _announced: Announced,
    _socket: Option<SocketFile>,
}

/// Opens everything under `home` and serves it.
///
/// 1. Bind both listeners: a port in use costs nothing yet. Divide the file descriptors before the stores open theirs.
/// 2. Answer on both for a node that is being opened. Open the ledger, the messages store and the policy; each can refuse.
/// 3. Start the owners of state: the book, the sequencer, the journal, the mirrors.
/// 4. Start the listeners, the delivery worker and the policy watcher; say where.
///
/// # Errors
/// Whatever keeps a part from opening; nothing is left running then.
pub async fn serve(home: Home, config: Config) -> Result<Served, Error> {
    let listening = Listening::begin(&config.listen)?;
    let recorder = recorder()?;
    let secrets = home.secrets()?;
    let starting = listening.answer_while_opening(&home, &config, &secrets)?;
    let registrar = home.open_ledger(&config, secrets.key.clone())?;
    let local_access = LocalAccess::prepare(&home)?;
    let messages: Arc<dyn Store> = home.open_messages()?;
    let (policy, policy_file) = policy_watch::load(&home)?;
    let (reader, vkey) = (registrar.ledger().reader(), registrar.ledger().vkey());
    name_strange_seeds(&config, &reader)?;
    let evidence = Arc::new(home.open_evidence(&reader, &config)?);
    let (witness, witness_thread) = start_witness(&home, &config, &secrets)?;
    let quorum = home.quorum()?;
    let cosigned = quorum.as_ref().map(|quorum| Arc::new(Cosigned::new(quorum)));

    let journal = Journal::open(messages.clone(), bounds(&config), experience(&config, &secrets))?;
    clock::begin(newest_ms(&reader, &journal));
    let outlook = Outlook { categories: categories(&policy), ..outlook(&config) };
    let (follower, scores, book_thread) = Follower::start(outlook, home.book_file(), reader.clone())?;
    let (sequencer, sequencer_thread) = Sequencer::start(registrar, pool(&config), notifying(&follower))?;
    let in_flight_max = config.limits.decisions_in_flight_max;
    let decided = journal.published();
    let (journal, journal_thread) = JournalHandle::start(journal, in_flight_max, Handle::current())?;

    let gate = Arc::new(Gate::new(&secrets, Judge::new(policy, None), scores, decided));
    let intake =
        Intake::new(gate.clone(), messages.clone(), journal.clone(), config.failure.deadline.as_std(), in_flight_max);
    let wake = Arc::new(Notify::new());
    let (public, local) = listening.addresses()?;
    let _announced = announce(&home, public, local, local_access.socket.as_ref())?;
    let delivery = deliverer(&config, &messages, &journal, &wake)?;
    let mirrors = start_mirrors(&home, &config, &reader, &sequencer, &evidence, listening.mirrors_max())?;
    let node = Arc::new(Node {
        message_limits: Limits::from(&config.limits),
        pepper_fingerprint: secrets.pepper.fingerprint(),
        key: secrets.key.public(),
        vkey,
        reader,
        sequencer,
        follower,
        gate,
        intake,
        journal,
        wake,
        messages,
        policy: policy_file.state(),
        recorder,
        witness,
        mirrors: mirrors.clone(),
        cosigned: cosigned.clone(),
        evidence,
        quotas: Quotas::new(config.limits.peer.clone()),
        home,
        rotating: tokio::sync::Mutex::new(()),
        recalling: tokio::sync::Mutex::new(()),
        config,
    });

    say_started(&node, public, local);
    let (shutdown, stop) = watch::channel(false);
    let mut tasks = JoinSet::new();
    tasks.spawn(starting.end().await);
    let (_runtime, _socket) = listening.serve(&node, local_access, &mut tasks, &stop)?;
    tasks.spawn(delivery.run(stop.clone()));
    start_cosigning(quorum.zip(cosigned), &node, &mut tasks, &stop)?;
    tasks.spawn(drain_histograms(node.clone(), stop.clone()));
    tasks.spawn(end_mirrors(mirrors, stop.clone()));
    let policy_due = Arc::new(Notify::new());
    tasks.spawn(policy_file.run(node.clone(), policy_due.clone(), stop));
    let threads = [sequencer_thread, journal_thread, book_thread].into_iter().chain(witness_thread).collect();
    Ok(Served { public, local, shutdown, policy_due, tasks, threads, _runtime, _announced, _socket })
}

/// Seeds whose votes count for nothing, because they are not admitted: most often a mistake in a name.
fn name_strange_seeds(config: &Config, reader: &LedgerReader) -> Result<(), Error> {
    let others = config.reputation.viewpoints.iter().map(|(name, seeds)| (name.as_str(), seeds));
    for (viewpoint, seeds) in others.chain([(config.reputation.viewpoint.as_str(), &config.reputation.seeds)]) {
        for (seed, _) in seeds.iter() {
            if reader.author(seed)?.is_none_or(|head| head.expelled) {
                tracing::warn!(%seed, viewpoint, "this seed is not admitted here: it trusts nobody until `ostrakon peer admit`");
            }
        }
    }
    Ok(())
}

/// What the sequencer does after each commit: the book has something to read.
fn notifying(follower: &Follower) -> impl Fn() + Send + 'static {
    let follower = follower.clone();
    move || follower.notify()
}

/// The latest time on record, Unix milliseconds. The log comes first: a ledger that was once written ahead of time stays so.
fn newest_ms(reader: &LedgerReader, journal: &Journal) -> u64 {
    match journal.newest_ms() {
        Ok(newest_ms) if newest_ms > 0 => newest_ms,
        _ => reader.published().received_at_ms,
    }
}

fn announce(home: &Home, public: SocketAddr, local: SocketAddr, socket: Option<&Socket>) -> Result<Announced, Error> {
    let socket = socket.map(|socket| socket.path.clone());
    home.announce(&Running { public: public.to_string(), local: local.to_string(), socket, pid: std::process::id() })
}

fn deliverer(
    config: &Config,
    messages: &Arc<dyn Store>,
    journal: &JournalHandle,
    wake: &Arc<Notify>,
) -> Result<Delivery, Error> {
    begin_routes(config.routes.iter().map(|route| route.name.as_str()));
    let (store, journal, wake) = (messages.clone(), journal.clone(), wake.clone());
    Ok(Delivery::new(store, journal, config.routes.clone(), client()?, wake))
}

/// Nothing reported yet, under the operator's trusted reporters.
fn experience(config: &Config, secrets: &Secrets) -> Experience {
    let trusted = &config.experience.trusted_reporters;
    let trusted: BTreeSet<_> = trusted.iter().map(|address| address.subject(&secrets.pepper)).collect();
    Experience::new(parameters(config), trusted)
}

/// Where metrics are collected.
fn recorder() -> Result<PrometheusHandle, Error> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(metrics_exporter_prometheus::Matcher::Suffix("_seconds".into()), LATENCY_BUCKETS_S)
        .and_then(|builder| {
            let batches = metrics_exporter_prometheus::Matcher::Suffix("_batch_size".into());
            builder.set_buckets_for_metric(batches, BATCH_BUCKETS)
        })
        .and_then(PrometheusBuilder::install_recorder)
        .inspect(|_| {
            describe();
            metrics::gauge!("ostrakon_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
            metrics::gauge!("process_start_time_seconds").set(gauge(clock::now_ms() / 1000));
        })
        .map_err(|error| Error::System { what: "recorder of metrics", reason: error.to_string() })
}

/// The one line of the log that says what runs here.
fn say_started(node: &Node, public: SocketAddr, local: SocketAddr) {
    let (version, policy) = (env!("CARGO_PKG_VERSION"), &node.gate.bench().digest);
    let (domain, network, file) = (&node.config.node.domain, &node.config.node.network, node.home.config_path());
    let folder = file.parent().unwrap_or(&file).display();
    tracing::info!(version, node = %domain, network, %folder, policy, %public, %local, "serving");
}

/// Starts the task that asks the witnesses of this node's own ledger to cosign it, if there are any.
fn start_cosigning(
    parts: Option<(Quorum, Arc<Cosigned>)>,
    node: &Node,
    tasks: &mut JoinSet<()>,
    stop: &watch::Receiver<bool>,
) -> Result<(), Error> {
    if let Some((quorum, cosigned)) = parts {
        tasks.spawn(Cosigning::new(quorum, node.reader.clone(), client()?, cosigned).run(stop.clone()));
    }
    Ok(())
}

/// The witness's thread, if this node is a witness.
fn start_witness(
    home: &Home,
    config: &Config,
    secrets: &Secrets,
) -> Result<(Option<WitnessDesk>, Option<JoinHandle<()>>), Error> {
    let parts = home.open_witness(&config.node.domain, &secrets.key)?;
    let started = parts.map(|parts| WitnessDesk::start(parts.witness, parts.vkey, parts.logs, parts.store));
    Ok(started.transpose()?.unzip())
}

/// Goes on following whoever is followed.
fn start_mirrors(
    home: &Home,
    config: &Config,
    reader: &LedgerReader,
    sequencer: &Sequencer,
    evidence: &Arc<EvidenceStore>,
    followed_max: usize,
) -> Result<Arc<Mirrors>, Error> {
    let ours = OwnLedger {
        owner: config.node.domain.clone(),
        reader: reader.clone(),
        sequencer: sequencer.clone(),
        evidence: evidence.clone(),
        entries_max: config.limits.copy_entries_max as u64,
    };
    Ok(Arc::new(Mirrors::start(home.mirrors(config, reader.clone()), ours, followed_max)?))
}

/// The threads that follow others end in the middle of whatever they fetch.
async fn end_mirrors(mirrors: Arc<Mirrors>, mut shutdown: watch::Receiver<bool>) {
    stopped(&mut shutdown).await;
    if let Err(error) = tokio::task::spawn_blocking(move || mirrors.end()).await {
        tracing::error!(%error, "the mirrors did not end");
    }
}

impl Served {
    /// Reads the policy again now, also if its file looks the same.
    pub fn reload_policy(&self) {
        self.policy_due.notify_one();
    }

    /// Stops listening, finishes what is under way, and returns when everything is written.
    pub async fn drain(mut self) {
        let _ = self.shutdown.send(true);
        while self.tasks.join_next().await.is_some() {}
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        });
        // A connection that outlived its own time limit still holds the node; all that was answered is written anyway.
        if tokio::time::timeout(DRAIN_TIMEOUT, joined).await.is_err() {
            tracing::warn!("some part of the node did not end within {DRAIN_TIMEOUT:?}");
        }
    }
}

/// The engine's parameters under `config`.
fn parameters(config: &Config) -> Parameters {
    Parameters { half_life_ms: config.reputation.half_life.map(|span| span.ms()), ..Parameters::default() }
}

/// What the node's scores depend on besides its ledger; no categories, which are the policy's to ask for.
pub fn outlook(config: &Config) -> Outlook {
    let own = Viewpoint { name: config.reputation.viewpoint.clone(), seeds: config.reputation.seeds.clone() };
    let others = config.reputation.viewpoints.iter();
    let others = others.map(|(name, seeds)| Viewpoint { name: name.clone(), seeds: seeds.clone() }).collect();
    Outlook { parameters: parameters(config), own, others, categories: Vec::new() }
}

/// How much waits for the ledger, and how long for company.
fn pool(config: &Config) -> sequencer::BatchLimits {
    let StoreSection { batch_max, batch_window } = config.store;
    sequencer::BatchLimits { pool_max: config.limits.pool_max, batch_max, batch_window: batch_window.as_std() }
}

fn bounds(config: &Config) -> Bounds {
    Bounds {
        queue_max: config.limits.queue_max as u64,
        holds_max: config.limits.holds_max as u64,
        decisions_ms: config.retention.decisions.ms(),
        reports_ms: config.retention.reports.ms(),
        dead_ms: config.retention.dead.ms(),
    }
}

/// Histograms keep every sample until someone scrapes them or this is done; nobody has to scrape.
async fn drain_histograms(node: Arc<Node>, mut shutdown: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(UPKEEP) => node.drain_histograms(),
            () = stopped(&mut shutdown) => return,
        }
    }
}

fn client() -> Result<reqwest::Client, Error> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("ostrakon/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| Error::System { what: "HTTP client", reason: error.to_string() })
}
