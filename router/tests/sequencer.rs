//! What the sequencer promises, over a store whose commits wait until the test says what becomes of them. Nothing here looks at
//! the clock: a queue is as long as the test has made it.
#![cfg(feature = "server")]
#![allow(clippy::unwrap_used)]

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    task::{Context, Poll, Waker},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use ostrakon_ledger::{
    Appended, Batch, Body, Category, Header, Ledger, LedgerReader, MemoryState, MemoryStore, PeerName, Record,
    RecordId, Refusal, SecretKey, SignedRecord, Store, StoreError, Subject, Table, Verified, Vote, store::Row,
    tables::ENTRIES, verify,
};
use ostrakon_router::{
    error::{Blame, Error},
    flow::registrar::{Registrar, Statement},
    server::{
        api::problem::problem,
        sequencer::{BatchLimits, Sequencer},
    },
};

const NETWORK: &str = "test";
const NOW_MS: u64 = 1_750_000_000_000;
/// How long a test waits for what must come, before it fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(60);
/// A window that no test sees the end of.
const ENDLESS: Duration = Duration::from_secs(100_000);
/// Entries that a new ledger of these tests has: the owner's admission and those of the peers.
const PEERS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const FIRST: u64 = 1 + PEERS.len() as u64;

fn name(text: &str) -> PeerName {
    PeerName::parse(text).unwrap()
}

fn owner_key() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Done,
    /// It fails, and nothing is written.
    Lost,
    /// It fails, and everything is written.
    Kept,
}

/// A store in memory whose commits wait for their fate once it is gated.
#[derive(Default)]
struct GatedStore {
    rows: MemoryStore,
    gate: Mutex<Option<(Sender<usize>, Receiver<Fate>)>>,
    /// Whether there is room again, so that it can be opened.
    has_room: AtomicBool,
}

impl Store for GatedStore {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows.get(table, key)
    }
    fn scan(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.rows.scan(table, from, limit)
    }
    fn scan_back(&self, table: Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        self.rows.scan_back(table, from, limit)
    }
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let mut fate = Fate::Done;
        if let Some((arrived, fates)) = &*self.gate.lock().unwrap() {
            let _ = arrived.send(batch.puts.iter().filter(|(table, ..)| *table == ENTRIES).count());
            // A test that is over lets everything through.
            fate = fates.recv().unwrap_or(Fate::Done);
        }
        if fate != Fate::Lost {
            self.rows.commit(batch)?;
        }
        if fate == Fate::Done { Ok(()) } else { Err(full()) }
    }
    fn reopen(&self) -> Result<(), StoreError> {
        if self.has_room.load(Ordering::Relaxed) { Ok(()) } else { Err(full()) }
    }
}

fn full() -> StoreError {
    StoreError::Failed("no space left on device".into())
}

/// Says what becomes of commits.
struct Gate {
    arrived: Receiver<usize>,
    fates: Sender<Fate>,
}

impl Gate {
    /// Waits until a commit has come, and says how many entries it has. It is under way until it is told its fate.
    fn next(&self) -> usize {
        self.arrived.recv_timeout(PATIENCE).expect("no commit comes")
    }

    fn tell(&self, fate: Fate) {
        self.fates.send(fate).unwrap();
    }

    /// Lets commits of these sizes through, in this order.
    fn expect(&self, sizes: &[usize]) {
        for size in sizes {
            assert_eq!(self.next(), *size);
            self.tell(Fate::Done);
        }
    }
}

/// Someone with a key and a sequence of its own.
struct Author {
    name: PeerName,
    key: SecretKey,
    seq: u64,
    prev: RecordId,
}

impl Author {
    fn new(label: &str) -> Self {
        let key = SecretKey::from_seed(*blake3::hash(label.as_bytes()).as_bytes());
        Self { name: name(&format!("{label}.example")), key, seq: 0, prev: RecordId::ZERO }
    }

    fn vote(&mut self) -> Verified<SignedRecord> {
        let (author, key) = (self.name.clone(), self.key.public());
        let header = Header { network: NETWORK.into(), author, key, seq: self.seq + 1, prev: self.prev };
        let body = Body::Vote(Vote::plain(Subject::Peer(name("x.example")), -9, Category::Spam, NOW_MS));
        let record = SignedRecord::sign(Record { header, body }, &self.key).unwrap();
        (self.seq, self.prev) = (self.seq + 1, record.id());
        Verified::check(record).unwrap()
    }
}

struct World {
    store: Arc<GatedStore>,
    state: Arc<MemoryState>,
    reader: LedgerReader,
    sequencer: Sequencer,
    thread: JoinHandle<()>,
    gate: Gate,
    authors: Vec<Author>,
}

impl World {
    /// A ledger that has admitted all peers, and from now on a gate before its store.
    fn new(limits: BatchLimits) -> Self {
        let (store, state) = (Arc::new(GatedStore::default()), Arc::new(MemoryState::default()));
        let owner = name("node.example");
        let ledger =
            Ledger::create(store.clone(), Box::new(state.clone()), &owner, NETWORK, owner_key(), NOW_MS).unwrap();
        let reader = ledger.reader();
        let mut registrar = Registrar::new(ledger, NETWORK.into(), owner, owner_key());
        let authors: Vec<_> = PEERS.into_iter().map(Author::new).collect();
        for author in &authors {
            registrar.admit(author.name.clone(), author.key.public(), NOW_MS).unwrap();
        }
        let ((arrived, came), (fates, fate)) = (channel(), channel());
        *store.gate.lock().unwrap() = Some((arrived, fate));
        let gate = Gate { arrived: came, fates };
        let (sequencer, thread) = Sequencer::start(registrar, limits, || {}).unwrap();
        Self { store, state, reader, sequencer, thread, gate, authors }
    }

    /// Hands in the next vote of an author.
    fn vote(&mut self, author: usize) -> Asked<Appended> {
        let record = self.authors[author].vote();
        self.submit(record)
    }

    fn submit(&self, record: Verified<SignedRecord>) -> Asked<Appended> {
        let sequencer = self.sequencer.clone();
        Asked::new(async move { sequencer.submit(record).await })
    }

    fn admit(&self, author: &Author) -> Asked<Appended> {
        let (sequencer, name, key) = (self.sequencer.clone(), author.name.clone(), author.key.public());
        Asked::new(async move { sequencer.admit(name, key).await })
    }

    /// Every way to hand in work.
    fn errors_of_every_method(&mut self) -> Vec<Error> {
        let (sequencer, stranger) = (self.sequencer.clone(), Author::new("stranger"));
        let imports = Asked::new(async move { sequencer.import(Vec::new()).await });
        let sequencer = self.sequencer.clone();
        let says = Asked::new(async move { sequencer.say(Statement::Retract(RecordId::ZERO)).await });
        vec![
            self.vote(7).answer().unwrap_err(),
            self.admit(&stranger).answer().unwrap_err(),
            imports.answer().unwrap_err(),
            says.answer().unwrap_err(),
            self.sequencer.copy_blocking(Vec::new()).unwrap_err(),
            self.sequencer.say_blocking(Statement::Retract(RecordId::ZERO)).unwrap_err(),
        ]
    }

    /// There is room again: waits until the sequencer works.
    fn make_room(&self) {
        self.store.has_room.store(true, Ordering::Relaxed);
        let start = Instant::now();
        while self.sequencer.stopped().is_some() {
            assert!(start.elapsed() < PATIENCE, "it stays stopped: {:?}", self.sequencer.stopped());
            std::thread::yield_now();
        }
    }

    fn say(&self, statement: Statement) -> Asked<Appended> {
        let sequencer = self.sequencer.clone();
        Asked::new(async move { sequencer.say(statement).await })
    }

    /// Ends the sequencer, whatever is still under way in it, and opens its ledger again.
    fn reopen(self) -> Ledger {
        let Self { store, state, reader: _, sequencer, thread, gate, authors: _ } = self;
        drop((sequencer, gate));
        thread.join().unwrap();
        *store.gate.lock().unwrap() = None;
        let owner = name("node.example");
        let ledger = Ledger::open(store.clone(), Box::new(state.clone()), &owner, NETWORK, owner_key()).unwrap();
        let key = owner_key().public();
        let report = verify::run(&*store, &*state, &owner, NETWORK, &key, &mut |_, _| {}).unwrap();
        assert_eq!((report.tree_size, report.signed_size), (ledger.reader().tree_size(), report.tree_size));
        ledger
    }
}

/// Someone who has asked for something and may still wait for the answer.
struct Asked<T>(Pin<Box<dyn Future<Output = Result<T, Error>>>>, Option<Result<T, Error>>);

impl<T> Asked<T> {
    /// Has handed in the work, or been turned away, when this returns.
    fn new(asks: impl Future<Output = Result<T, Error>> + 'static) -> Self {
        let mut asked = Self(Box::pin(asks), None);
        asked.waits();
        asked
    }

    /// Whether there is no answer yet.
    fn waits(&mut self) -> bool {
        if self.1.is_none()
            && let Poll::Ready(answer) = self.0.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            self.1 = Some(answer);
        }
        self.1.is_none()
    }

    fn answer(self) -> Result<T, Error> {
        let Self(asks, None) = self else { return self.1.unwrap() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async { tokio::time::timeout(PATIENCE, asks).await }).expect("no answer comes")
    }
}

fn index(asked: Asked<Appended>) -> u64 {
    let appended = asked.answer().unwrap();
    assert!(appended.new);
    appended.index
}

const LIMITS: BatchLimits = BatchLimits { pool_max: 64, batch_max: 1024, batch_window: Duration::ZERO };

#[test]
fn what_waits_behind_a_commit_shares_the_next_one_in_the_order_in_which_it_came() {
    let mut world = World::new(LIMITS);
    let mut first = world.vote(0);
    assert_eq!(world.gate.next(), 1, "a lone vote waits for nobody");
    let behind: Vec<_> = [3, 1, 3, 0].map(|author| world.vote(author)).into();
    let mut misplaced = Author::new("e");
    (misplaced.seq, misplaced.prev) = (6, RecordId([6; 32]));
    let misplaced = world.submit(misplaced.vote());
    let last = world.vote(2);
    assert!(first.waits(), "nothing is answered before it is durable");
    assert_eq!(world.reader.tree_size(), FIRST);
    world.gate.tell(Fate::Done);
    assert_eq!(world.gate.next(), 5);
    assert_eq!(index(first), FIRST);
    assert_eq!(world.reader.tree_size(), FIRST + 1, "what was answered is published, and nothing else");
    world.gate.tell(Fate::Done);
    let indexes: Vec<_> = behind.into_iter().chain([last]).map(index).collect();
    assert_eq!(indexes, (FIRST + 1..FIRST + 6).collect::<Vec<_>>());
    let refused = misplaced.answer().unwrap_err();
    assert!(matches!(refused, Error::Refused(Refusal::OutOfSequence { expected_seq: 1, .. })), "{refused:?}");
    assert_eq!(world.reopen().reader().tree_size(), FIRST + 6);
}

#[test]
fn no_commit_takes_more_than_batch_max() {
    let mut world = World::new(BatchLimits { batch_max: 3, ..LIMITS });
    let first = world.vote(0);
    assert_eq!(world.gate.next(), 1);
    let behind: Vec<_> = (0..7).map(|author| world.vote(author)).collect();
    world.gate.tell(Fate::Done);
    world.gate.expect(&[3, 3, 1]);
    let indexes: Vec<_> = [first].into_iter().chain(behind).map(index).collect();
    assert_eq!(indexes, (FIRST..FIRST + 8).collect::<Vec<_>>());
}

#[test]
fn work_of_another_kind_keeps_its_place_in_the_queue() {
    let mut world = World::new(LIMITS);
    let mut newcomer = Author::new("newcomer");
    let first = world.vote(0);
    assert_eq!(world.gate.next(), 1);
    let early = world.submit(newcomer.vote());
    let (before, admitted) = (world.vote(1), world.admit(&newcomer));
    (newcomer.seq, newcomer.prev) = (0, RecordId::ZERO);
    let (after, last) = (world.submit(newcomer.vote()), world.vote(2));
    world.gate.tell(Fate::Done);
    world.gate.expect(&[1, 1, 2]);
    let refused = early.answer().unwrap_err();
    assert!(matches!(refused, Error::Refused(Refusal::UnknownPeer(_))), "{refused:?}");
    assert_eq!([first, before, admitted, after, last].map(index), [0, 1, 2, 3, 4].map(|n| FIRST + n));
}

#[test]
fn a_full_pool_turns_everyone_away_at_once_and_takes_again_when_there_is_room() {
    let mut world = World::new(BatchLimits { pool_max: 2, ..LIMITS });
    let under_way = world.vote(0);
    assert_eq!(world.gate.next(), 1);
    let waiting = [world.vote(1), world.vote(2)];
    let record = world.authors[3].vote();
    for error in
        [&world.submit(record.clone()).answer().unwrap_err()].into_iter().chain(&world.errors_of_every_method())
    {
        assert!(matches!(error, Error::PoolFull), "{error:?}");
        let answer = problem(error);
        assert_eq!(answer.status(), 503);
        let seconds = answer.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap();
        assert!(seconds > 0);
    }
    world.gate.tell(Fate::Done);
    // The two are out of the pool once their commit has come.
    assert_eq!(world.gate.next(), 2);
    let again = world.submit(record);
    world.gate.tell(Fate::Done);
    world.gate.expect(&[1]);
    let [second, third] = waiting;
    assert_eq!([under_way, second, third, again].map(index), [0, 1, 2, 3].map(|n| FIRST + n));
    assert_eq!(world.reopen().reader().tree_size(), FIRST + 4, "of what was turned away nothing is there");
}

#[test]
fn a_failed_commit_is_told_to_all_who_wait_and_nothing_more_is_taken() {
    for fate in [Fate::Lost, Fate::Kept] {
        let mut world = World::new(LIMITS);
        let acknowledged: Vec<_> = (0..3)
            .map(|author| {
                let asked = world.vote(author);
                world.gate.expect(&[1]);
                asked.answer().unwrap()
            })
            .collect();
        let failing = world.authors[3].vote();
        let (record, stranger) = (failing.clone(), Author::new("stranger"));
        let in_commit = world.submit(record);
        assert_eq!(world.gate.next(), 1);
        let (waiting, other) = ([world.vote(4), world.vote(0)], world.admit(&stranger));
        world.gate.tell(fate);
        let mut errors: Vec<_> = [in_commit].into_iter().chain(waiting).chain([other]).collect();
        let mut errors: Vec<_> = errors.drain(..).map(|asked| asked.answer().unwrap_err()).collect();
        errors.extend(world.errors_of_every_method());
        for error in errors {
            assert_eq!(error.blame(), Blame::Us);
            assert_eq!(problem(&error).status(), 503);
            let Error::Stopped { part: "ledger", reason } = &error else { panic!("{error:?}") };
            assert!(reason.contains("no space left on device"), "{reason}");
        }
        assert!(world.sequencer.stopped().unwrap().contains("no space left on device"));
        assert!(world.gate.arrived.try_recv().is_err(), "the store is not written again");
        assert_eq!(world.reader.tree_size(), FIRST + 3, "and nothing is shown that was not answered");

        let mut ledger = world.reopen();
        for Appended { index, id, .. } in acknowledged {
            assert_eq!(ledger.reader().record(&id).unwrap(), Some(index));
        }
        // Whoever was told of the error sends the record again.
        let again = ledger.append(vec![(failing, NOW_MS)]).unwrap().pop().unwrap().unwrap();
        assert_eq!((again.index, again.new), (FIRST + 3, fate == Fate::Lost));
        assert_eq!(ledger.reader().tree_size(), FIRST + 4);
    }
}

/// Nothing that was acknowledged is lost, and a record that was answered with an error gets one place, whether it was kept.
#[test]
fn a_ledger_whose_trouble_has_passed_goes_on_without_a_restart() {
    for fate in [Fate::Lost, Fate::Kept] {
        let mut world = World::new(LIMITS);
        let first = world.vote(0);
        world.gate.expect(&[1]);
        let first = first.answer().unwrap();
        let failing = world.authors[1].vote();
        let asked = world.submit(failing.clone());
        assert_eq!(world.gate.next(), 1);
        world.gate.tell(fate);
        assert!(matches!(asked.answer(), Err(Error::Stopped { part: "ledger", .. })));
        world.make_room();
        let kept = u64::from(fate == Fate::Kept);
        assert_eq!(world.reader.tree_size(), FIRST + 1 + kept, "readers go on with what is there");
        assert_eq!(world.reader.record(&first.id).unwrap(), Some(FIRST));
        let again = world.submit(failing);
        if fate == Fate::Lost {
            world.gate.expect(&[1]);
        }
        let again = again.answer().unwrap();
        assert_eq!((again.index, again.new), (FIRST + 1, fate == Fate::Lost));
        let other = world.vote(2);
        world.gate.expect(&[1]);
        assert_eq!(index(other), FIRST + 2);
        assert_eq!(world.reopen().reader().tree_size(), FIRST + 3);
    }
}

/// Whether the ledger has a rotation is unknown until it is open again; the node then signs with the key that it has there.
#[test]
fn a_rotation_that_failed_leaves_the_node_with_the_key_that_the_ledger_has() {
    for fate in [Fate::Lost, Fate::Kept] {
        let world = World::new(LIMITS);
        let new = SecretKey::from_seed([2; 32]);
        let rotated = world.say(Statement::Rotate(new.clone()));
        assert_eq!(world.gate.next(), 1);
        world.gate.tell(fate);
        rotated.answer().unwrap_err();
        world.make_room();
        let said = world.say(Statement::Policy("03".repeat(32).parse().unwrap()));
        world.gate.expect(&[1]);
        said.answer().unwrap();
        let key = if fate == Fate::Kept { new } else { owner_key() };
        assert_eq!(world.reader.author(&name("node.example")).unwrap().unwrap().key, key.public());
    }
}

/// The same when it is not a vote that fails.
#[test]
fn a_failed_admission_stops_it_as_well() {
    let mut world = World::new(LIMITS);
    let stranger = Author::new("stranger");
    let admitted = world.admit(&stranger);
    assert_eq!(world.gate.next(), 1);
    let waiting = world.vote(0);
    world.gate.tell(Fate::Lost);
    assert_eq!(problem(&admitted.answer().unwrap_err()).status(), 503);
    for error in [waiting.answer().unwrap_err()].iter().chain(&world.errors_of_every_method()) {
        assert!(matches!(error, Error::Stopped { part: "ledger", .. }), "{error:?}");
    }
    assert_eq!(world.reopen().reader().tree_size(), FIRST);
}

#[test]
fn what_waits_when_everyone_has_gone_is_done_before_the_end() {
    let mut world = World::new(LIMITS);
    let under_way = world.vote(0);
    assert_eq!(world.gate.next(), 1);
    let stranger = Author::new("stranger");
    let waiting = (world.vote(1), world.admit(&stranger), world.vote(2));
    // They hang up, and the node ends.
    drop((under_way, waiting));
    for _ in 0..4 {
        world.gate.tell(Fate::Done);
    }
    let ledger = world.reopen();
    assert_eq!(ledger.reader().tree_size(), FIRST + 4);
    assert_eq!(ledger.author(&stranger.name).unwrap().unwrap().admitted_at_index, FIRST + 2);
}

#[test]
fn a_commit_that_is_full_does_not_wait_for_its_window() {
    let mut world = World::new(BatchLimits { batch_max: 2, batch_window: ENDLESS, ..LIMITS });
    let first = world.vote(0);
    assert_eq!(world.gate.next(), 1, "nor does the first one");
    let behind = [world.vote(1), world.vote(2)];
    world.gate.tell(Fate::Done);
    world.gate.expect(&[2]);
    assert_eq!(index(first), FIRST);
    assert_eq!(behind.map(index), [FIRST + 1, FIRST + 2]);
}

#[test]
fn nothing_but_votes_waits_for_a_window() {
    let mut world = World::new(BatchLimits { batch_window: ENDLESS, ..LIMITS });
    let stranger = Author::new("stranger");
    let first = world.vote(0);
    assert_eq!(world.gate.next(), 1);
    let (vote, admitted) = (world.vote(1), world.admit(&stranger));
    world.gate.tell(Fate::Done);
    world.gate.expect(&[1, 1]);
    assert_eq!([first, vote, admitted].map(index), [FIRST, FIRST + 1, FIRST + 2]);
}

#[test]
fn a_commit_begins_no_sooner_than_its_window_after_the_one_before() {
    let window = Duration::from_millis(50);
    let mut world = World::new(BatchLimits { batch_window: window, ..LIMITS });
    let before = Instant::now();
    let first = world.vote(0);
    world.gate.expect(&[1]);
    let second = world.vote(1);
    world.gate.expect(&[1]);
    assert!(before.elapsed() >= window);
    assert_eq!([first, second].map(index), [FIRST, FIRST + 1]);
}
