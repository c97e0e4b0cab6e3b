//! Rows that were written under a wrong clock, and rows that cannot be read.

use super::*;

const YEAR_MS: u64 = 365 * DAY_MS;

fn expire_all(journal: &mut Journal, now_ms: u64) {
    while journal.expire(now_ms).unwrap().more {}
}

fn put(store: &MemoryStore, table: ostrakon_ledger::Table, key: &[u8], row: &[u8]) {
    let mut batch = ostrakon_ledger::Batch::new();
    batch.put(table, key, row);
    store.commit(batch).unwrap();
}

/// A clock that was years ahead for a while leaves rows that nothing would ever drop, and all that come after them.
#[test]
fn rows_from_the_future_go_after_their_retention_and_block_nothing() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    let decided = |n: u8, at_ms| Command::decide(decision(n, at_ms), None).unwrap();
    journal.handle(vec![decided(1, YEAR_MS), report(1, -100, YEAR_MS), decided(2, 5)]).unwrap();
    expire_all(&mut journal, 10);
    assert_eq!(rows(&store, LOG), 3);
    expire_all(&mut journal, DAY_MS + LONGER_MS + 9);
    assert_eq!(rows(&store, LOG), 3, "as old as they were first met");
    expire_all(&mut journal, DAY_MS + LONGER_MS + 10);
    assert_eq!((rows(&store, LOG), rows(&store, REPORTS)), (1, 1));
    expire_all(&mut journal, 10 * DAY_MS + 60_010);
    assert_eq!((rows(&store, LOG), rows(&store, REPORTS)), (0, 0));
}

/// Each night a new start: what was met once is not met anew.
#[test]
fn rows_from_the_future_go_after_their_retention_over_restarts() {
    let store = Arc::new(MemoryStore::new());
    let decided = |n: u8, at_ms| Command::decide(decision(n, at_ms), None).unwrap();
    open(&store).handle(vec![decided(1, YEAR_MS), report(1, -100, YEAR_MS), decided(2, 5)]).unwrap();
    for half_days in 0..=21 {
        expire_all(&mut open(&store), 10 + half_days * DAY_MS / 2);
        let left = rows(&store, LOG);
        let expected = match half_days {
            0..=2 => 3,
            3..=20 => 1,
            _ => 0,
        };
        assert_eq!(left, expected, "after {half_days} half days");
    }
    let dropped = open(&store).dropped;
    assert_eq!((dropped.decisions_ahead_ms, dropped.reports_ahead_ms), (None, None));
}

/// A store of the build before has no such fields.
#[test]
fn what_an_earlier_build_kept_of_dropped_rows_still_parses() {
    #[derive(serde::Serialize)]
    struct Before {
        rows: u64,
        weighed_row: u64,
        weighed_at_ms: u64,
        decided_through_ms: u64,
        decisions_before: u64,
        reports_before: u64,
    }
    let before = Before {
        rows: 9,
        weighed_row: 1,
        weighed_at_ms: 2,
        decided_through_ms: 3,
        decisions_before: 4,
        reports_before: 5,
    };
    let row: DroppedRow = parse_row(tables::DROPPED, &tables::write_row(tables::DROPPED, &before).unwrap()).unwrap();
    assert_eq!((row.rows, row.reports_before, row.decisions_ahead_ms), (9, 5, None));
}

/// The step begins with damage, and only reports follow, more than a step of them.
#[test]
fn a_damaged_row_before_many_reports_does_not_hold_retention_up() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    journal.handle(vec![decide(1, None)]).unwrap();
    for n in 0..600u16 {
        journal.handle(vec![report((n % 250) as u8, -100, 0)]).unwrap();
    }
    journal.handle(vec![decide(2, None)]).unwrap();
    put(&store, LOG, &0u64.to_be_bytes(), b"\xc1");
    for _ in 0..8 {
        journal.expire(DAY_MS + LONGER_MS).unwrap();
    }
    assert_eq!(rows(&store, LOG), 600, "the reports");
    // Damaged ones go with their neighbours, in the log and in their own table.
    put(&store, LOG, &1u64.to_be_bytes(), b"\xc1");
    put(&store, REPORTS, &1u64.to_be_bytes(), b"\xc1");
    put(&store, LOG, &2u64.to_be_bytes(), b"\xc1");
    expire_all(&mut journal, 11 * DAY_MS);
    assert_eq!([LOG, REPORTS].map(|table| rows(&store, table)), [0, 0]);
}

/// What cannot be read at the log's end waits for a row that dates it.
#[test]
fn damage_at_the_end_goes_with_what_comes_after_it() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    journal.handle(vec![decide(1, None), decide(2, None)]).unwrap();
    put(&store, LOG, &1u64.to_be_bytes(), b"\xc1");
    expire_all(&mut journal, DAY_MS + LONGER_MS);
    assert_eq!(rows(&store, LOG), 1);
    journal.handle(vec![decide(3, None)]).unwrap();
    expire_all(&mut journal, DAY_MS + LONGER_MS);
    assert_eq!(rows(&store, LOG), 0);
}

/// One damaged row does not keep the node from starting: it is passed over, as retention does.
#[test]
fn a_journal_with_a_damaged_row_opens_without_it() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    for n in 0..19 {
        journal.handle(vec![decide(n, None), report(n, -100, 3)]).unwrap();
    }
    let sightings = store.scan(SIGHTINGS, &[], 1).unwrap().remove(0).0;
    for (table, key) in [
        (LOG, 4u64.to_be_bytes().to_vec()),
        (LOG, 7u64.to_be_bytes().to_vec()),
        (LOG, 36u64.to_be_bytes().to_vec()),
        (LOG, 37u64.to_be_bytes().to_vec()),
        (REPORTS, 9u64.to_be_bytes().to_vec()),
        (SIGHTINGS, sightings),
    ] {
        put(&store, table, &key, b"\xc1");
    }
    let mut again = open(&store);
    assert_eq!((again.next_index, again.newest_ms().unwrap()), (38, 3));
    let there: Vec<_> = (0..19).filter(|n| found(&again, *n).is_some()).collect();
    assert_eq!(there, (0..18).collect::<Vec<_>>(), "the last one was known by its row alone");
    again.handle(vec![decide(18, None)]).unwrap();
    assert_eq!(found(&again, 18), Some(38));
    expire_all(&mut again, 11 * DAY_MS);
    assert_eq!([LOG, REPORTS, SIGHTINGS].map(|table| rows(&store, table)), [0; 3]);
}

#[test]
fn holds_and_dead_letters_from_the_future_last_from_now_on() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    let held = HoldRow { route: "r".into(), held_at_ms: YEAR_MS, expires_at_ms: YEAR_MS + DAY_MS };
    journal.handle(vec![decide(1, Some(Placement::Hold(held)))]).unwrap();
    journal.expire(10).unwrap();
    journal.expire(DAY_MS + 9).unwrap();
    assert_eq!([HOLDS, DEAD].map(|table| rows(&store, table)), [1, 0]);
    journal.expire(DAY_MS + 10).unwrap();
    assert_eq!([HOLDS, DEAD].map(|table| rows(&store, table)), [0, 1]);
    let dead = DeadRow { route: "r".into(), died_at_ms: YEAR_MS, attempts: 1, reason: String::new() };
    put(&store, DEAD, &[1; 16], &tables::write_row(DEAD, &dead).unwrap());
    journal.expire(2 * DAY_MS).unwrap();
    journal.expire(4 * DAY_MS - 1).unwrap();
    assert_eq!(rows(&store, DEAD), 1);
    journal.expire(4 * DAY_MS).unwrap();
    assert_eq!(rows(&store, DEAD), 0);
}

#[test]
fn a_message_put_off_by_a_clock_that_was_ahead_is_due() {
    let waiting = Waiting::default();
    let id = |n: u8| DecisionId::from_bytes([n; 16]);
    let added = |due_ms, n| waiting::Change::Added("r".into(), (due_ms, id(n)), due_ms);
    waiting.follow(vec![added(5, 1), added(100, 2), added(YEAR_MS, 3)]);
    let due = |now_ms| waiting.due("r", now_ms, DAY_MS, 10, |_| false);
    assert_eq!(due(10), [(5, id(1)), (YEAR_MS, id(3))]);
    assert_eq!(due(YEAR_MS - DAY_MS), [(5, id(1)), (100, id(2))]);
}

/// One damaged row of each table: the others are treated as if it were not there.
#[test]
fn a_row_that_cannot_be_read_stops_nothing() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    let commands = vec![decide(1, queue()), decide(2, None), report(2, -100, 0), decide(3, None), decide(4, hold())];
    journal.handle(commands).unwrap();
    put(&store, LOG, &1u64.to_be_bytes(), b"\xc1");
    put(&store, HOLDS, &[0; 16], b"\xc1");
    put(&store, DEAD, &[0; 16], b"\xc1");
    let expired = journal.expire(DAY_MS).unwrap();
    assert!(expired.damaged.is_some());
    expire_all(&mut journal, DAY_MS + LONGER_MS);
    assert_eq!([LOG, HOLDS].map(|table| rows(&store, table)), [1, 1], "the report, and the damaged hold");
    expire_all(&mut journal, 11 * DAY_MS);
    assert_eq!([LOG, REPORTS, DEAD].map(|table| rows(&store, table)), [0, 0, 1]);
}

#[test]
fn a_damaged_row_of_the_queue_waits_for_nobody_and_nobody_for_it() {
    let store = Arc::new(MemoryStore::new());
    open(&store).handle(vec![decide(1, queue())]).unwrap();
    put(&store, QUEUE, &tables::queue_key(0, DecisionId::from_bytes([9; 16])), b"\xc1");
    put(&store, QUEUE, b"short", b"\xc1");
    let journal = open(&store);
    let waiting = &journal.published().waiting;
    assert_eq!(waiting.routes(), ["", "r"]);
    assert_eq!(waiting.due("r", 5, 0, 10, |_| false), [(5, DecisionId::from_bytes([1; 16]))]);
    assert_eq!(waiting.due("", 5, 0, 10, |_| false), [(0, DecisionId::from_bytes([9; 16]))]);
}

/// However many messages wait for one route, those for another are found.
#[test]
fn a_route_sees_its_own_messages_only() {
    let waiting = Waiting::default();
    let place = |n: u16| (u64::from(n), DecisionId::from_bytes([(n % 251) as u8; 16]));
    let slow = (0..1000).map(|n| waiting::Change::Added("slow".into(), place(n), 0));
    waiting.follow(slow.chain([waiting::Change::Added("fast".into(), place(2000), 0)]).collect());
    let under_way: Vec<_> = waiting.due("slow", 5000, 0, 16, |_| false);
    assert_eq!(under_way, (0..16).map(place).collect::<Vec<_>>());
    assert_eq!(waiting.due("slow", 5000, 0, 2, |place| under_way.contains(place)), [place(16), place(17)]);
    assert_eq!(waiting.due("fast", 5000, 0, 16, |_| false), [place(2000)]);
    waiting.follow(vec![waiting::Change::Removed(place(2000))]);
    assert_eq!(waiting.routes(), ["slow"]);
}

/// What was dropped is remembered by its latest time, over a restart: nobody takes an older message for a new one.
#[test]
fn the_latest_time_of_dropped_decisions_is_kept() {
    let store = Arc::new(MemoryStore::new());
    let mut journal = open(&store);
    let decided = |n: u8, at_ms| Command::decide(decision(n, at_ms), None).unwrap();
    journal.handle(vec![decided(1, 10), decided(2, YEAR_MS), decided(3, 30), decided(4, DAY_MS)]).unwrap();
    let through = |journal: &Journal| journal.published().decided_through_ms.load(Ordering::Relaxed);
    expire_all(&mut journal, 40);
    assert_eq!(through(&journal), 0);
    let met_ms = DAY_MS + LONGER_MS + 40;
    expire_all(&mut journal, met_ms);
    assert_eq!((through(&journal), rows(&store, LOG)), (10, 3));
    expire_all(&mut journal, met_ms + DAY_MS + LONGER_MS);
    assert_eq!((through(&journal), rows(&store, LOG)), (DAY_MS, 0), "one from the future says nothing");
    assert_eq!(through(&open(&store)), DAY_MS);
}
