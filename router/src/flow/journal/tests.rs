//! The journal as a value that is driven: no thread, no clock, no disk.

mod clocks;
pub(crate) mod faults;

use std::{collections::BTreeSet, sync::Arc};

use ostrakon_ledger::{Batch, MemoryStore, Store, StoreError, Tag, store::Row};
use ostrakon_policies::Verdict;
use ostrakon_reputation::{Experience, Memory, Parameters};
use proptest::prelude::*;

use super::{
    tables::{DEAD, DeadRow, HOLDS, HoldRow, LOG, MESSAGES, QUEUE, QueueRow, REPORTS, SIGHTINGS, parse_row},
    *,
};
use crate::message::{Host, Kind, Proof};

const DAY_MS: u64 = 86_400_000;
/// How much longer than its retention a decision is kept.
const LONGER_MS: u64 = 11 * 60_000;

fn bounds() -> Bounds {
    Bounds { queue_max: 2, holds_max: 1, decisions_ms: DAY_MS, reports_ms: 10 * DAY_MS, dead_ms: 2 * DAY_MS }
}

fn open(store: &Arc<MemoryStore>) -> Journal {
    Journal::open(store.clone(), bounds(), Experience::new(Parameters::default(), BTreeSet::new())).unwrap()
}

fn decision(n: u8, at_ms: u64) -> Arc<Decision> {
    Arc::new(Decision {
        decision_id: DecisionId::from_bytes([n; 16]),
        at_ms,
        peer: Host::parse("a.example"),
        peer_proof: Proof::None,
        sender_proof: Proof::None,
        claims: None,
        subjects: vec![format!("peer:p{}.example", n % 5).parse().unwrap()],
        kind: Kind::Mail,
        size: 1,
        recipients: 1,
        links: 0,
        known_contact: false,
        signed: true,
        verdict: Verdict::Accept,
        retry_after_ms: None,
        reasons: Vec::new(),
        score: 0,
        confidence: 0,
        standing: 0,
        newcomer: true,
        policy: String::new(),
        ledger_index: 0,
        content: None,
    })
}

pub(crate) fn decide(n: u8, placement: Option<Placement>) -> Command {
    Command::decide(decision(n, 0), placement.map(|placement| (vec![n], placement))).unwrap()
}

pub(crate) fn queue() -> Option<Placement> {
    let row =
        QueueRow { route: "r".into(), attempts: 0, queued_at_ms: 5, expires_at_ms: DAY_MS, last_error: String::new() };
    Some(Placement::Queue(row))
}

fn hold() -> Option<Placement> {
    Some(Placement::Hold(HoldRow { route: "r".into(), held_at_ms: 0, expires_at_ms: DAY_MS }))
}

fn report(n: u8, value: i8, at_ms: u64) -> Command {
    let Decision { decision_id, subjects, .. } = (*decision(n, 0)).clone();
    Command::Report(Report { decision_id, reporter: "peer:user.example".parse().unwrap(), subjects, value, at_ms })
}

fn rows(store: &MemoryStore, table: ostrakon_ledger::Table) -> usize {
    store.scan(table, &[], 1000).unwrap().len()
}

fn found(journal: &Journal, n: u8) -> Option<u64> {
    journal.published.decisions.find(DecisionId::from_bytes([n; 16])).unwrap()
}

#[test]
fn a_full_queue_refuses_the_decision_and_its_message_together() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    let outcomes = journal.handle(vec![decide(1, queue()), decide(2, queue()), decide(3, queue())]).unwrap();
    assert!(matches!(outcomes[..], [Ok(()), Ok(()), Err(Error::QueueFull)]), "{outcomes:?}");
    assert_eq!([LOG, MESSAGES, QUEUE].map(|table| rows(&store, table)), [2; 3]);
    assert_eq!([1, 2, 3].map(|n| found(&journal, n)), [Some(0), Some(1), None]);
    let outcomes = journal.handle(vec![decide(4, hold()), decide(5, hold())]).unwrap();
    assert!(matches!(outcomes[..], [Ok(()), Err(Error::HoldsFull)]), "{outcomes:?}");
}

/// The decision is gone, the message still waits, and the same id comes again.
#[test]
fn a_message_waits_in_one_place_whenever_it_comes_again() {
    let queued = |queued_at_ms| {
        Placement::Queue(QueueRow {
            route: "r".into(),
            attempts: 0,
            queued_at_ms,
            expires_at_ms: DAY_MS,
            last_error: String::new(),
        })
    };
    let held = || hold().expect("a hold");
    for (before, after) in
        [(queued(5), queued(5)), (queued(5), queued(9)), (queued(5), held()), (held(), held()), (held(), queued(9))]
    {
        let store = Arc::new(MemoryStore::new());
        let bounds = Bounds { holds_max: 2, ..bounds() };
        let experience = Experience::new(Parameters::default(), BTreeSet::new());
        let mut journal = Journal::open(store.clone(), bounds, experience).unwrap();
        let case = format!("{before:?} {after:?}");
        let last = matches!(after, Placement::Queue(_)).then_some(DecisionId::from_bytes([1; 16]));
        journal.handle(vec![decide(1, Some(before))]).unwrap();
        journal.handle(vec![decide(1, Some(after))]).unwrap().remove(0).unwrap();
        let fresh = open(&store);
        let counts = |journal: &Journal| {
            let published = journal.published();
            let places = published.waiting.due("r", DAY_MS, 0, 9, |_| false);
            let load = |of: &AtomicU64| of.load(Ordering::Relaxed);
            (load(&published.queued), load(&published.held), places)
        };
        assert_eq!(counts(&journal), counts(&fresh), "{case}");
        assert_eq!(rows(&store, QUEUE) + rows(&store, HOLDS), 1, "{case}");
        assert_eq!(counts(&journal).2.first().map(|(_, id)| *id), last, "{case}");
    }
}

/// A dead letter whose id comes again does not take the new message with it when its own time is over.
#[test]
fn a_dead_letter_leaves_the_message_that_came_again() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    let id = DecisionId::from_bytes([1; 16]);
    let rule = Command::Rule { id, ruling: Ruling::Reject, at_ms: 7, expires_after_ms: 100 };
    journal.handle(vec![decide(1, hold()), rule, decide(1, queue())]).unwrap();
    journal.expire(3 * DAY_MS).unwrap();
    assert_eq!([QUEUE, MESSAGES, DEAD].map(|table| rows(&store, table)), [1, 1, 0]);
}

/// Back in the queue, once, and there after a restart; while the queue is full it stays a dead letter.
#[test]
fn a_dead_letter_goes_back_into_the_queue() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    let id = DecisionId::from_bytes([1; 16]);
    let reject = Command::Rule { id, ruling: Ruling::Reject, at_ms: 7, expires_after_ms: 100 };
    let retry = || Command::Retry { id, route: "s".into(), at_ms: 9, expires_after_ms: 100 };
    journal.handle(vec![decide(1, hold()), reject, decide(2, queue()), decide(3, queue())]).unwrap();
    assert!(matches!(journal.handle(vec![retry()]).unwrap()[..], [Err(Error::QueueFull)]));
    let delivered = Command::Attempted { id: DecisionId::from_bytes([2; 16]), due_ms: 5, attempt: Attempt::Delivered };
    let outcomes = journal.handle(vec![delivered, retry(), retry()]).unwrap();
    assert!(matches!(outcomes[..], [Ok(()), Ok(()), Err(Error::NoSuchDeadLetter)]), "{outcomes:?}");
    assert_eq!([DEAD, QUEUE, MESSAGES].map(|table| rows(&store, table)), [0, 2, 2]);
    for journal in [&journal, &open(&store)] {
        let waiting = &journal.published().waiting;
        assert_eq!((waiting.due("s", 9, 0, 9, |_| false), waiting.oldest_ms("s")), (vec![(9, id)], Some(9)));
        assert_eq!((waiting.oldest_ms("r"), waiting.oldest_ms("none")), (Some(5), None));
    }
}

#[test]
fn a_hold_is_ruled_on_once_also_within_one_batch() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    let id = DecisionId::from_bytes([1; 16]);
    let rule = |ruling| Command::Rule { id, ruling, at_ms: 7, expires_after_ms: 100 };
    let outcomes = journal.handle(vec![decide(1, hold()), rule(Ruling::Release), rule(Ruling::Reject)]).unwrap();
    assert!(matches!(outcomes[..], [Ok(()), Ok(()), Err(Error::NoSuchHold)]), "{outcomes:?}");
    assert_eq!([HOLDS, QUEUE, DEAD].map(|table| rows(&store, table)), [0, 1, 0]);
}

#[test]
fn an_attempt_moves_the_message_on_and_the_counters_with_it() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    let id = DecisionId::from_bytes([1; 16]);
    journal.handle(vec![decide(1, queue())]).unwrap();
    let row =
        QueueRow { route: "r".into(), attempts: 1, queued_at_ms: 5, expires_at_ms: DAY_MS, last_error: "no".into() };
    let attempted = |due_ms, attempt| Command::Attempted { id, due_ms, attempt };
    journal.handle(vec![attempted(5, Attempt::Retry { due_ms: 50, row })]).unwrap();
    let (due_ms, _) = tables::parse_queue_key(&store.scan(QUEUE, &[], 1).unwrap()[0].0).unwrap();
    assert_eq!((due_ms, journal.published().queued.load(Ordering::Relaxed)), (50, 1));
    journal.handle(vec![attempted(50, Attempt::Delivered)]).unwrap();
    assert_eq!([QUEUE, MESSAGES].map(|table| rows(&store, table)), [0, 0]);
    assert_eq!(open(&store).published().queued.load(Ordering::Relaxed), 0);
}

#[test]
fn what_is_past_its_time_goes_and_what_is_not_stays() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    journal.handle(vec![decide(1, hold()), report(1, -100, 0), decide(2, None)]).unwrap();
    journal.expire(DAY_MS - 1).unwrap();
    assert_eq!([LOG, HOLDS].map(|table| rows(&store, table)), [3, 1]);
    journal.expire(DAY_MS).unwrap();
    assert_eq!([LOG, REPORTS, HOLDS, DEAD, MESSAGES].map(|table| rows(&store, table)), [3, 1, 0, 1, 1]);
    // Decisions stay for as long as their messages would be taken again: a clock's skew, and what is under way, longer.
    journal.expire(DAY_MS + LONGER_MS - 1).unwrap();
    assert_eq!([1, 2].map(|n| found(&journal, n)), [Some(0), Some(2)]);
    journal.expire(DAY_MS + LONGER_MS).unwrap();
    assert_eq!([LOG, REPORTS].map(|table| rows(&store, table)), [1, 1]);
    assert_eq!([1, 2].map(|n| found(&journal, n)), [None; 2]);
    let dead: DeadRow = parse_row(DEAD, &store.scan(DEAD, &[], 1).unwrap()[0].1).unwrap();
    assert_eq!(dead.reason, "nobody ruled on it in time");
    journal.expire(3 * DAY_MS).unwrap();
    assert_eq!([DEAD, MESSAGES].map(|table| rows(&store, table)), [0, 0]);
    journal.expire(10 * DAY_MS).unwrap();
    assert_eq!([LOG, REPORTS].map(|table| rows(&store, table)), [0, 0]);
}

/// A store that counts the rows of the log that are read.
struct Counting {
    inner: Arc<MemoryStore>,
    log_rows: AtomicU64,
}

impl Counting {
    fn count(&self, table: ostrakon_ledger::Table, rows: usize) {
        if table == LOG {
            self.log_rows.fetch_add(rows as u64, Ordering::Relaxed);
        }
    }
}

impl Store for Counting {
    fn get(&self, table: ostrakon_ledger::Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.count(table, 1);
        self.inner.get(table, key)
    }

    fn scan(&self, table: ostrakon_ledger::Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let rows = self.inner.scan(table, from, limit)?;
        self.count(table, rows.len());
        Ok(rows)
    }

    fn scan_back(&self, table: ostrakon_ledger::Table, from: &[u8], limit: usize) -> Result<Vec<Row>, StoreError> {
        let rows = self.inner.scan_back(table, from, limit)?;
        self.count(table, rows.len());
        Ok(rows)
    }

    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.inner.commit(batch)
    }
}

#[test]
fn a_start_reads_no_more_of_a_long_log_than_of_a_short_one() {
    let read = |decisions: usize| {
        let inner = Arc::new(MemoryStore::new());
        let mut journal = open(&inner);
        let decide = |n: usize| Command::decide(mail((n % 251) as u8, n as u64), None).unwrap();
        for first in (0..decisions).step_by(7) {
            journal.handle((first..decisions.min(first + 7)).map(decide).collect()).unwrap();
        }
        let counting = Arc::new(Counting { inner, log_rows: AtomicU64::new(0) });
        let experience = Experience::new(Parameters::default(), BTreeSet::new());
        let again = Journal::open(counting.clone(), bounds(), experience).unwrap();
        assert_eq!(again.experience.to_bytes(), journal.experience.to_bytes());
        counting.log_rows.load(Ordering::Relaxed)
    };
    let (short, long) = (read(500), read(5_000));
    assert!(long <= short + 16, "{long} rows of 5,000, {short} of 500");
}

#[test]
fn nothing_that_retention_drops_is_left_in_a_row_of_sightings() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    for n in 0..50 {
        journal.handle(vec![Command::decide(mail(n, u64::from(n) * HOUR_MS), None).unwrap()]).unwrap();
    }
    journal.expire(DAY_MS + 20 * HOUR_MS).unwrap();
    let first = |table| tables::parse_index(table, &store.scan(table, &[], 1).unwrap()[0].0).unwrap();
    assert!(first(LOG) > 0 && first(SIGHTINGS) >= first(LOG), "{} {}", first(LOG), first(SIGHTINGS));
    assert_eq!(open(&store).experience.to_bytes(), journal.experience.to_bytes());
}

proptest! {
    /// Folding the log again gives the experience and the index that were there before.
    #[test]
    fn a_reopened_journal_knows_what_it_knew(
        steps in prop::collection::vec((0u8..40, prop::option::of(any::<bool>())), 1..60),
        cuts in prop::collection::vec(1usize..8, 1..20),
    ) {
        let store = Arc::new(MemoryStore::new());
        let mut journal = open(&store);
        let mut commands: Vec<_> = steps.iter().enumerate().map(|(at, (n, ham))| match ham {
            None => Command::decide(decision(*n, at as u64), None).unwrap(),
            Some(ham) => report(*n, if *ham { 100 } else { -100 }, at as u64),
        }).collect();
        for cut in cuts {
            let batch: Vec<_> = commands.drain(..cut.min(commands.len())).collect();
            journal.handle(batch).unwrap();
        }
        let reopened = open(&store);
        prop_assert_eq!(reopened.experience.to_bytes(), journal.experience.to_bytes());
        let handled = &steps[..steps.len() - commands.len()];
        let last = |n: u8| handled.iter().rposition(|step| *step == (n, None)).map(|at| at as u64);
        for n in 0..40 {
            prop_assert_eq!((found(&journal, n), found(&reopened, n)), (last(n), last(n)));
        }
    }
}

proptest! {
    /// An id that was decided on again is found until its latest row is past its time, however many others came between.
    #[test]
    fn a_row_that_goes_leaves_the_later_row_of_its_id(
        steps in prop::collection::vec((0u8..12, 0u64..8, prop::bool::weighted(0.2)), 1..80),
    ) {
        let store = Arc::new(MemoryStore::new());
        let mut journal = open(&store);
        let mut latest = std::collections::BTreeMap::new();
        let mut now_ms = 0;
        for (row, (n, hours, expires)) in steps.into_iter().enumerate() {
            now_ms += hours * HOUR_MS;
            journal.handle(vec![Command::decide(decision(n, now_ms), None).unwrap()]).unwrap();
            latest.insert(n, (row as u64, now_ms));
            if expires {
                while journal.expire(now_ms).unwrap().more {}
                latest.retain(|_, (_, at_ms)| *at_ms + DAY_MS + LONGER_MS > now_ms);
                let fresh = open(&store);
                for n in 0..12 {
                    let row = latest.get(&n).map(|(row, _)| *row);
                    prop_assert_eq!((found(&journal, n), found(&fresh, n)), (row, row), "{}", n);
                }
            }
        }
        // Nothing is left of what went.
        while journal.expire(now_ms + 2 * DAY_MS).unwrap().more {}
        prop_assert_eq!(rows(&store, tables::DECISIONS), 0);
    }
}

const HOUR_MS: u64 = 3_600_000;

/// A message of sender `n` through one of three servers.
fn mail(n: u8, at_ms: u64) -> Arc<Decision> {
    let mut mail = (*decision(n, at_ms)).clone();
    mail.subjects = vec![format!("peer:house{}.example", n % 3).parse().unwrap(), Subject::Account(Tag([n; 32]))];
    Arc::new(mail)
}

#[derive(Debug, Clone)]
enum Step {
    Mail(u8),
    Mails(usize),
    Report { mail: u8, reporter: u8, value: i8 },
    Wait { hours: u64 },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<u8>().prop_map(Step::Mail),
        1 => (100usize..400).prop_map(Step::Mails),
        6 => (any::<u8>(), 0u8..4, prop_oneof![Just(-100i8), Just(100)])
            .prop_map(|(mail, reporter, value)| Step::Report { mail, reporter, value }),
        2 => prop_oneof![0u64..30, Just(26), 200u64..260].prop_map(|hours| Step::Wait { hours }),
        2 => Just(Step::Restart),
    ]
}

fn take(journal: &mut Journal, step: &Step, now_ms: &mut u64) {
    let decide = |n: u8, at_ms: u64| Command::decide(mail(n, at_ms), None).unwrap();
    *now_ms += 1;
    match step {
        Step::Mail(n) => drop(journal.handle(vec![decide(*n, *now_ms)]).unwrap()),
        Step::Mails(count) => {
            drop(journal.handle((0..*count).map(|n| decide(n as u8, *now_ms)).collect()).unwrap());
        }
        Step::Report { mail: n, reporter, value } => {
            let Decision { decision_id, subjects, .. } = (*mail(*n, 0)).clone();
            let reporter = format!("peer:user{reporter}.example").parse().unwrap();
            let report = Report { decision_id, reporter, subjects, value: *value, at_ms: *now_ms };
            drop(journal.handle(vec![Command::Report(report)]).unwrap());
        }
        Step::Wait { hours } => {
            *now_ms += hours * HOUR_MS;
            while journal.expire(*now_ms).unwrap().more {}
        }
        Step::Restart => {}
    }
}

/// Journals that halve what is older than ten days, trust one reporter and soon forget.
fn open_forgetful(store: &Arc<MemoryStore>, memory: Memory) -> Journal {
    let parameters = Parameters { half_life_ms: Some(10 * DAY_MS), ..Parameters::default() };
    let trusted = BTreeSet::from(["peer:user0.example".parse().unwrap()]);
    Journal::open(store.clone(), bounds(), Experience::with_memory(parameters, trusted, memory)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever the log no longer has, a restart changes no score, and nothing that comes after it.
    #[test]
    fn a_restart_changes_no_score(
        steps in prop::collection::vec(step(), 1..60),
        (rows, subjects, reports) in (50u64..2000, 20usize..300, 2usize..40),
    ) {
        let memory = Memory { rows, subjects, reports };
        let stores = [(); 2].map(|()| Arc::new(MemoryStore::new()));
        let [mut whole, mut cut] = [0, 1].map(|i| open_forgetful(&stores[i], memory));
        let (mut now_ms, mut now_too) = (0, 0);
        for step in &steps {
            take(&mut whole, step, &mut now_ms);
            take(&mut cut, step, &mut now_too);
            if matches!(step, Step::Restart) {
                drop(cut);
                cut = open_forgetful(&stores[1], memory);
                for n in 0..=255 {
                    for subject in &mail(n, 0).subjects {
                        let [before, after] = [&whole, &cut].map(|of| of.experience.reader().own(subject, now_ms));
                        prop_assert_eq!(before, after, "{}", subject);
                    }
                }
                prop_assert!(cut.experience.to_bytes() == whole.experience.to_bytes());
            }
        }
        prop_assert!(cut.experience.to_bytes() == whole.experience.to_bytes());
    }
}
