use std::collections::HashMap;
use std::path::PathBuf;

use ostrakon_ledger::{Body, Header, Record, RecordId, Retract, SecretKey};
use proptest::prelude::*;

use super::*;

fn own() -> PeerName {
    PeerName::parse("own.example").expect("a name")
}

fn mastodon() -> Input {
    Input::new(Format::Mastodon, Some("Social.Example"), Some(1_000)).expect("an input")
}

fn vote(source: &str, subject: &str, action: Action, line: u64) -> SourceVote {
    let again = if source.contains(".mastodon.") { Again::Aged } else { Again::Later };
    SourceVote {
        source: PeerName::parse(source).expect("a name"),
        subject: subject.parse().expect("a subject"),
        action,
        line,
        again,
    }
}

fn cast(value: i8, category: Category, cast_at_ms: u64) -> Action {
    Action::Cast { value, category, cast_at_ms, expires_at_ms: 0 }
}

#[test]
fn otc_ratings_become_votes_about_pseudo_peers() {
    let parsed = parse(&Input::Otc, b"6,2,4,1289241911.72836\n\n\r\n2,6,-10,1289241912\n", &own()).expect("parsed");
    assert_eq!(
        parsed.votes,
        [
            vote(
                "6.otc.imported.own.example",
                "peer:2.otc.imported.own.example",
                cast(40, Category::Vouch, 1_289_241_911_728),
                1
            ),
            vote(
                "2.otc.imported.own.example",
                "peer:6.otc.imported.own.example",
                cast(-100, Category::Scam, 1_289_241_912_000),
                4
            ),
        ]
    );
    assert_eq!(parsed.skipped, []);
}

#[test]
fn fediverse_blocks_become_votes_about_servers() {
    let csv = "unix_time,voter,domain,action,severity,public_comment\n\
        10,Social.Example,Bücher.example,add,suspend,\"a, b\"\n\
        20,gardenfence,b.example,change,silence,\n\
        30,social.example,bücher.example,remove,suspend,\n\
        40,social.example,lol*.***za,add,suspend,\n\
        50,social.example,*.c.example,add,suspend,\n\
        55,gardenfence,b.example,add,noop,\n\
        60,social.example,not a domain,remove,suspend,\n";
    let parsed = parse(&Input::Fediverse, csv.as_bytes(), &own()).expect("parsed");
    let social = "social.example.fediverse.imported.own.example";
    assert_eq!(
        parsed.votes,
        [
            vote(social, "peer:xn--bcher-kva.example", cast(-100, Category::Abuse, 10_000), 2),
            vote("gardenfence.fediverse.imported.own.example", "peer:b.example", cast(-50, Category::Abuse, 20_000), 3),
            vote(social, "peer:xn--bcher-kva.example", Action::Withdraw { at_ms: 30_000 }, 4),
            vote(social, "peer:c.example", cast(-100, Category::Abuse, 50_000), 6),
            vote("gardenfence.fediverse.imported.own.example", "peer:b.example", Action::Withdraw { at_ms: 55_000 }, 7),
        ]
    );
    let skipped: Vec<_> = parsed.skipped.iter().map(|row| (row.line, row.column, row.reason)).collect();
    assert_eq!(skipped, [(5, "domain", "is obfuscated"), (8, "domain", "is not a domain name")]);
}

#[test]
fn mastodon_exports_in_their_variants() {
    let full = "\u{feff}#domain,#severity,#reject_media,#reject_reports,#public_comment,#obfuscate\r\n\
        a.example,suspend,true,true,\"two\r\nlines\",false\r\nb.example,silence,false,false,,false\r\n\
        c.example,noop,true,false,,false\r\nd.exa*ple,suspend,false,false,,true\r\n";
    let parsed = parse(&mastodon(), full.as_bytes(), &own()).expect("parsed");
    let source = "social.example.mastodon.imported.own.example";
    assert_eq!(
        parsed.votes,
        [
            vote(source, "peer:a.example", cast(-100, Category::Abuse, 1_000), 2),
            vote(source, "peer:b.example", cast(-50, Category::Abuse, 1_000), 4),
            vote(source, "peer:c.example", Action::Withdraw { at_ms: 1_000 }, 5),
        ]
    );
    assert_eq!(parsed.skipped.len(), 1);
    let short = parse(&mastodon(), b"severity,domain\nlimit,a.example\n", &own()).expect("parsed");
    assert_eq!(short.votes, [vote(source, "peer:a.example", cast(-50, Category::Abuse, 1_000), 2)]);
}

#[test]
fn faults_name_line_and_column() {
    let header = "unix_time,voter,domain,action,severity,public_comment\n";
    let fediverse = |row: &str| (Input::Fediverse, format!("{header}{row}\n"));
    let otc = |rows: &str| (Input::Otc, rows.to_owned());
    for ((input, csv), message) in [
        (otc("1,2,3,4\n1,2,11,5\n"), "line 2, column `rating`: `11` is not a rating: -10 to 10 and not 0"),
        (otc("1,2,0,4\n"), "column `rating`: `0`"),
        (otc("1,2,x,4\n"), "column `rating`: `x`"),
        (otc("1,2,3,4\n\n1,2,3,-5\n"), "line 3, column `time`: `-5` is not a time"),
        (otc("1,2,3,1.\n"), "column `time`: `1.` is not a time"),
        (otc("1,2,3,.5\n"), "column `time`: `.5` is not a time"),
        (otc("1,2,3,9007199254741\n"), "column `time`: `9007199254741` is not a time"),
        (otc("1,2,3,\u{0661}\n"), "is not a time"),
        (otc(",2,3,4\n"), "line 1, column `rater`: `` is empty"),
        (otc("1,2,3\n"), "line 1: the row has 3 columns instead of 4"),
        (otc("1,2,3,4\n1,2,3,4,5\n"), "line 2: the row has 5 columns instead of 4"),
        (fediverse("1,a.example,b.example,ban,suspend,"), "line 2, column `action`: `ban` is not an action"),
        (fediverse("1,a.example,b.example,add,nuke,"), "line 2, column `severity`: `nuke` is not a severity"),
        (fediverse("1,a.example,,add,suspend,"), "line 2, column `domain`: `` is empty"),
        (fediverse("1,,b.example,add,suspend,"), "line 2, column `voter`: `` is empty"),
        (fediverse("1,a.example,b.example,add,suspend"), "line 2: the row has 5 columns instead of 6"),
        ((Input::Fediverse, String::new()), "this is not a list: the file is empty"),
        ((Input::Fediverse, header.to_owned()), "this is not a list: it has no rows"),
        ((mastodon(), "domain,severity\n# nothing\n".to_owned()), "this is not a list: it has no rows"),
        ((mastodon(), "<!DOCTYPE html>\n".to_owned()), "an HTML page"),
        ((mastodon(), "{\"error\":\"x\"}\n".to_owned()), "it is JSON"),
        ((mastodon(), "a.example\0\n".to_owned()), "NUL bytes"),
        ((mastodon(), "hello world\n".to_owned()), "column `domain` is missing: the first row"),
        ((Input::Fediverse, "unix_time,voter\n".to_owned()), "line 1: column `domain` is missing"),
        ((mastodon(), "domain,severity,#domain\n".to_owned()), "line 1: column `domain` stands there twice"),
        ((mastodon(), format!("domain,severity\n\"{}\n", "a,b\n".repeat(5_000))), "line 2: the row has 200"),
    ] {
        let fault = parse(&input, csv.as_bytes(), &own()).map_err(|fault| fault.to_string()).expect_err(message);
        assert!(fault.contains(message), "{csv}\n  says   {fault}\n  not    {message}");
    }
    let fault = parse(&Input::Otc, b"\xff,2,3,4\n", &own()).expect_err("not text").to_string();
    assert!(fault.contains("line 1, column `rater`: `\u{fffd}` is not UTF-8"), "{fault}");
    let long = format!("{},2,3,4\n", "é".repeat(80));
    let fault = parse(&Input::Otc, long.as_bytes(), &own()).expect_err("long").to_string();
    assert!(fault.contains("does not fit into a name of 253 bytes"), "{fault}");
}

#[test]
fn arguments_fit_the_format() {
    for (format, source, at_ms, message) in [
        (Format::Mastodon, None, Some(1), "`source` with format mastodon: is required"),
        (Format::Mastodon, Some("a"), None, "`date` with format mastodon: is required"),
        (Format::Mastodon, Some(" "), Some(1), "`source` with format mastodon: must not be empty"),
        (Format::Otc, Some("a"), None, "`source` with format otc: is not possible"),
        (Format::Fediverse, None, Some(1), "`date` with format fediverse: is not possible"),
    ] {
        let fault = Input::new(format, source, at_ms).expect_err(message).to_string();
        assert!(fault.starts_with(message), "{fault}");
    }
    assert!("csv".parse::<Format>().is_err_and(|fault| fault.to_string().contains("known are otc")));
    for format in Format::ALL {
        assert_eq!(format.as_str().parse::<Format>(), Ok(format));
    }
}

#[test]
fn rows_travel_as_json_and_only_pseudo_peers_are_sources() {
    let rows = parse(&Input::Otc, b"6,2,4,10\nA B,2,-4,20\n", &own()).expect("parsed").votes;
    let json = serde_json::to_string(&rows).expect("JSON");
    assert_eq!(serde_json::from_str::<Vec<SourceVote>>(&json).expect("rows"), rows);
    assert!(serde_json::from_str::<Vec<SourceVote>>(&json.replace("\"line\"", "\"lime\"")).is_err());
    assert!(rows.iter().all(|row| is_pseudo_peer(&row.source, &own())));
    for name in ["own.example", "otc.imported.own.example", "a.b.imported.own.example", "a.otc.imported.example"] {
        assert!(!is_pseudo_peer(&PeerName::parse(name).expect("a name"), &own()), "{name}");
    }
}

#[test]
fn contradictions_at_one_moment_are_reported() {
    let csv = "unix_time,voter,domain,action,severity,public_comment\n\
        10,a.example,b.example,remove,suspend,\n10,a.example,b.example,add,suspend,\n5,a.example,b.example,add,silence,\n";
    let parsed = parse(&Input::Fediverse, csv.as_bytes(), &own()).expect("parsed");
    assert_eq!(
        parsed.votes.iter().map(|vote| vote.line).collect::<Vec<_>>(),
        [4, 3],
        "in the order of time, the strictest of a moment"
    );
    assert_eq!(parsed.skipped.iter().map(|row| row.line).collect::<Vec<_>>(), [2]);
}

/// The records that imports have made so far.
#[derive(Default)]
struct World {
    records: Vec<(RecordId, Record)>,
    seqs: HashMap<PeerName, u64>,
}

impl World {
    fn add(&mut self, author: &PeerName, body: Body) {
        let seq = self.seqs.entry(author.clone()).or_default();
        *seq += 1;
        let key = SecretKey::from_seed([1; 32]).public();
        let prev = RecordId([u8::from(*seq > 1); 32]);
        let header = Header { network: "test".to_owned(), author: author.clone(), key, seq: *seq, prev };
        let record = Record { header, body };
        self.records.push((record.id(), record));
    }

    /// Imports a file as the node does, from a planner that has read the ledger; stops after `most` records.
    fn import(&mut self, votes: &[SourceVote], most: usize) {
        let mut planner = Planner::new();
        self.records.iter().for_each(|(id, record)| planner.note(*id, record, 0));
        let before = self.records.len();
        for said in votes {
            let mut bodies: Vec<Body> = Vec::new();
            match planner.step(said) {
                PlanStep::Skip(_) => {}
                PlanStep::Cast { retract, vote } => {
                    bodies.extend(retract.into_iter().map(|target| Body::Retract(Retract { target })));
                    bodies.push(Body::Vote(vote));
                }
                PlanStep::Retract(targets) => {
                    assert!(!targets.is_empty());
                    bodies.extend(targets.into_iter().map(|target| Body::Retract(Retract { target })));
                }
            }
            for body in bodies {
                if self.records.len() - before >= most {
                    return;
                }
                self.add(&said.source, body);
                let (id, record) = &self.records[self.records.len() - 1];
                planner.note(*id, record, 0);
            }
        }
    }
}

fn histories() -> impl Strategy<Value = Vec<u8>> {
    let row = (0u8..3, 0u8..3, prop::sample::select(vec!["add,suspend", "change,silence", "remove,suspend"]), 0u8..12);
    prop::collection::vec(row, 1..40).prop_map(|rows| {
        let line = |(voter, domain, what, at): (u8, u8, &str, u8)| {
            format!("{at},v{voter}.example,d{domain}.example,{what},\n")
        };
        let rows: String = rows.into_iter().map(line).collect();
        format!("unix_time,voter,domain,action,severity,public_comment\n{rows}").into_bytes()
    })
}

proptest! {
    #[test]
    fn importing_twice_adds_nothing(csv in histories()) {
        let parsed = parse(&Input::Fediverse, &csv, &own()).expect("parsed");
        let mut world = World::default();
        world.import(&parsed.votes, usize::MAX);
        let once = world.records.len();
        world.import(&parsed.votes, usize::MAX);
        prop_assert_eq!(world.records.len(), once);
    }

    #[test]
    fn going_on_after_a_crash_ends_where_an_import_without_one_does(csv in histories(), crash in 0usize..20) {
        let parsed = parse(&Input::Fediverse, &csv, &own()).expect("parsed");
        let (mut whole, mut broken) = (World::default(), World::default());
        whole.import(&parsed.votes, usize::MAX);
        broken.import(&parsed.votes, crash);
        broken.import(&parsed.votes, usize::MAX);
        prop_assert_eq!(broken.records, whole.records);
    }

    #[test]
    fn no_bytes_panic(csv in prop::collection::vec(any::<u8>(), 0..200)) {
        for input in [Input::Otc, Input::Fediverse, mastodon()] {
            let _ = parse(&input, &csv, &own());
        }
    }

    #[test]
    fn every_row_is_a_vote_or_reported(csv in histories()) {
        let rows = csv.iter().filter(|byte| **byte == b'\n').count() - 1;
        let parsed = parse(&Input::Fediverse, &csv, &own()).expect("parsed");
        prop_assert_eq!(parsed.votes.len() + parsed.skipped.len(), rows);
    }
}

#[test]
fn a_changed_opinion_retracts_the_other_category() {
    let csv = b"1,2,5,10\n1,2,-5,20\n1,2,3,15\n";
    let mut parsed = parse(&Input::Otc, csv, &own()).expect("parsed");
    let late = parsed.votes.remove(1);
    let mut world = World::default();
    world.import(&parsed.votes, usize::MAX);
    let kinds: Vec<_> = world.records.iter().map(|(_, record)| record.kind().as_str()).collect();
    assert_eq!(kinds, ["vote", "retract", "vote"]);
    let mut planner = Planner::new();
    world.records.iter().for_each(|(id, record)| planner.note(*id, record, 0));
    assert_eq!(planner.step(&late), PlanStep::Skip(Skip::Outdated));
    assert_eq!(planner.step(&parsed.votes[0]), PlanStep::Skip(Skip::AlreadyThere));
    let withdraw = |at_ms| SourceVote { action: Action::Withdraw { at_ms }, ..late.clone() };
    assert_eq!(planner.step(&withdraw(20_000)), PlanStep::Retract(vec![world.records[2].0]));
    assert_eq!(planner.step(&withdraw(19_999)), PlanStep::Skip(Skip::NothingLive));
    assert_eq!(planner.step(&withdraw(20_001)), PlanStep::Retract(vec![world.records[2].0]));
}

#[test]
fn a_list_of_domains_needs_neither_header_nor_severities() {
    let domains = |csv: &str| {
        let parsed = parse(&mastodon(), csv.as_bytes(), &own()).unwrap_or_else(|fault| panic!("{csv}: {fault}"));
        assert!(parsed.votes.iter().all(|vote| vote.action == cast(-100, Category::Abuse, 1_000)), "{csv}");
        parsed.votes.iter().map(|vote| vote.subject.id()).collect::<Vec<_>>()
    };
    for csv in [
        "a.example\nb.example\n",
        "a.example\r\nb.example\r\n",
        "domain\na.example\nb.example\n",
        "domain,\na.example,\nb.example,\n",
        "#domain\na.example\nb.example\n",
        "\u{feff}# blocked since 2024\n\na.example\n# and\n*.b.example # tunnels\n",
        "domain,public_comment\na.example,\"spam, much\"\nb.example\n",
        "A.Example\nb.example,spam\n",
        "a.example,suspend\nb.example,suspend\n",
        "# comment\n#domain,#severity\na.example,Suspend\n#c.example,suspend\nb.example,suspend\n",
    ] {
        assert_eq!(domains(csv), ["a.example", "b.example"], "{csv}");
    }
    let utf16: Vec<u8> = "a.example\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    for bytes in [[&b"\xff\xfe"[..], &utf16].concat(), utf16] {
        let fault = parse(&mastodon(), &bytes, &own()).expect_err("UTF-16").to_string();
        assert!(fault.starts_with("this is not a list"), "{fault}");
    }
}

const NOW_MS: u64 = 1_795_000_000_000;

fn checked(csv: &str, checks: &Checks) -> Checked {
    let input = Input::new(Format::Mastodon, Some("a-list"), Some(NOW_MS)).expect("an input");
    check(&input, parse(&input, csv.as_bytes(), &own()).expect("parsed"), checks).expect("plausible")
}

#[test]
fn times_that_cannot_be_meant_are_refused() {
    let checks = Checks { now_ms: NOW_MS, ..Checks::default() };
    for (at_ms, reason) in [
        (0, Some("before 2000-01-01")),
        (946_684_799_999, Some("before 2000-01-01")),
        (NOW_MS / 1_000, Some("were seconds given in place of milliseconds?")),
        (946_684_800_000, None),
        (NOW_MS + 86_400_000, None),
        (NOW_MS + 86_400_001, Some("more than a day in the future")),
    ] {
        let input = Input::new(Format::Mastodon, Some("a-list"), Some(at_ms)).expect("an input");
        let outcome = check(&input, parse(&input, b"a.example\n", &own()).expect("parsed"), &checks);
        let fault = outcome.err().map(|fault| fault.to_string());
        assert_eq!(fault.is_some(), reason.is_some(), "{at_ms}: {fault:?}");
        assert!(fault.unwrap_or_default().contains(reason.unwrap_or_default()), "{at_ms}");
    }
    for (seconds, reason) in [(10, "before 2000"), (NOW_MS, "were milliseconds given"), (NOW_MS / 500, "in the future")]
    {
        let csv = format!("1,2,3,1795000000\n1,3,4,{seconds}\n");
        let outcome = check(&Input::Otc, parse(&Input::Otc, csv.as_bytes(), &own()).expect("parsed"), &checks);
        let fault = outcome.expect_err(reason).to_string();
        assert!(fault.starts_with("line 2, column `time`") && fault.contains(reason), "{fault}");
    }
}

#[test]
fn whole_suffixes_and_ourselves_are_skipped_unless_meant() {
    let ours = |name, role| OwnNames { name: PeerName::parse(name).expect("a name"), role };
    let ours =
        vec![ours("own.example.org", Role::Node), ours("seed.example", Role::Seed), ours("a.b.co.uk", Role::Peer)];
    let csv = "co.uk\ncom\nduckdns.org\nbad.example\nown.example.org\nexample.org\n*.seed.example\nb.co.uk\n";
    let skips = Checks { now_ms: NOW_MS, ours: ours.clone(), ..Checks::default() };
    let it = checked(csv, &skips);
    let lines = |it: &Checked| it.votes.iter().map(|vote| vote.line).collect::<Vec<_>>();
    assert_eq!(lines(&it), [3, 4, 7, 8]);
    assert_eq!(it.skipped.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 2, 5, 6]);
    assert_eq!(it.servers, 4);
    let hits: Vec<_> = it.blocked.iter().map(|it| (it.line, it.whom.name.as_str())).collect();
    assert_eq!(hits, [(5, "own.example.org"), (6, "own.example.org"), (7, "seed.example"), (8, "a.b.co.uk")]);
    let takes = Checks { suffixes: Covered::Import, us: Covered::Import, ..skips.clone() };
    assert_eq!(lines(&checked(csv, &takes)), [1, 2, 3, 4, 5, 6, 7, 8]);
    let noop = checked("domain,severity\nown.example.org,noop\n", &skips);
    assert_eq!((lines(&noop).len(), noop.blocked.len()), (1, 0), "no row against us");
}

#[test]
fn the_strictest_of_a_moment_stands_in_whatever_order() {
    let rows = ["dup.example,suspend", "DUP.example,silence", "*.dup.example,noop", "other.example,silence"];
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2], [2, 3, 0, 1]] {
        let csv = order.iter().fold("domain,severity\n".to_owned(), |csv, row| csv + rows[*row] + "\n");
        let parsed = parse(&mastodon(), csv.as_bytes(), &own()).expect("parsed");
        let mut votes: Vec<_> = parsed.votes.iter().map(|vote| (vote.subject.id(), vote.action)).collect();
        votes.sort_by_key(|(id, _)| id.clone());
        let wanted = |id: &str, value| (id.to_owned(), cast(value, Category::Abuse, 1_000));
        assert_eq!(votes, [wanted("dup.example", -100), wanted("other.example", -50)], "{csv}");
        assert_eq!(parsed.skipped.len(), 2, "{csv}");
    }
}

#[test]
fn a_list_that_says_the_same_on_another_day_adds_nothing_until_it_has_aged() {
    let source = "a-list.mastodon.imported.own.example";
    let dated = |at_ms| vote(source, "peer:a.example", cast(-100, Category::Abuse, at_ms), 1);
    let mut world = World::default();
    world.import(&[dated(NOW_MS)], usize::MAX);
    let planner = |world: &World| {
        let mut planner = Planner::new();
        world.records.iter().for_each(|(id, record)| planner.note(*id, record, 0));
        planner
    };
    let at_day = |days: u64| dated(NOW_MS + days * 86_400_000);
    for (row, there) in [(at_day(0), true), (at_day(1), true), (at_day(20), true), (at_day(21), false)] {
        let step = planner(&world).step(&row);
        assert_eq!(step == PlanStep::Skip(Skip::AlreadyThere), there, "{step:?}");
    }
    assert!(matches!(
        planner(&world).step(&vote(source, "peer:a.example", cast(-50, Category::Abuse, NOW_MS + 1), 1)),
        PlanStep::Cast { .. }
    ));
    let always = |row| SourceVote { again: Again::Always, ..row };
    assert_eq!(planner(&world).step(&always(at_day(0))), PlanStep::Skip(Skip::AlreadyThere));
    assert!(matches!(planner(&world).step(&always(at_day(1))), PlanStep::Cast { .. }));
    let withdrawn = Action::Withdraw { at_ms: NOW_MS };
    world.import(&[vote(source, "peer:a.example", withdrawn, 1)], usize::MAX);
    assert_eq!(planner(&world).step(&at_day(0)), PlanStep::Skip(Skip::TakenBack));
    assert!(matches!(planner(&world).step(&always(at_day(0))), PlanStep::Cast { .. }));
    assert!(matches!(planner(&world).step(&at_day(1)), PlanStep::Cast { .. }), "a later list says it again");
}

/// t1 < t2 < t3: the list of t3 lacks what those of t1 and t2 name, and comes before that of t2.
#[test]
fn an_older_list_does_not_undo_a_withdrawal() {
    const DAY_MS: u64 = 86_400_000;
    let source = "a-list.mastodon.imported.own.example";
    let dated = |days: u64| SourceVote {
        again: Again::Aged,
        ..vote(source, "peer:a.example", cast(-100, Category::Abuse, NOW_MS + days * DAY_MS), 1)
    };
    let mut world = World::default();
    world.import(&[dated(1)], usize::MAX);
    let (cast_id, _) = world.records[0];
    world.add(&dated(1).source, Body::Retract(Retract { target: cast_id }));
    let mut planner = Planner::new();
    let withdrawn_ms = NOW_MS + 3 * DAY_MS + 60_000;
    world.records.iter().for_each(|(id, record)| planner.note(*id, record, withdrawn_ms));
    for days in [0, 1, 2, 3] {
        assert_eq!(planner.step(&dated(days)), PlanStep::Skip(Skip::TakenBack), "{days}");
    }
    assert!(matches!(planner.step(&SourceVote { again: Again::Always, ..dated(2) }), PlanStep::Cast { .. }));
    let PlanStep::Cast { vote, .. } = planner.step(&dated(4)) else { panic!("a later list says it again") };
    planner.note_body(RecordId([9; 32]), &dated(4).source, &Body::Vote(vote), withdrawn_ms + DAY_MS);
    assert_eq!(planner.step(&dated(5)), PlanStep::Skip(Skip::AlreadyThere));
}

#[test]
fn what_a_list_hides_or_skips_has_not_left_it() {
    let source = "a-list.mastodon.imported.own.example";
    let said = |subject: &str, line| vote(source, subject, cast(-100, Category::Abuse, NOW_MS), line);
    let mut world = World::default();
    let standing = ["peer:example.com", "peer:com", "peer:own.example", "peer:twice.example", "peer:left.example"];
    world.import(&standing.iter().zip(1..).map(|(it, line)| said(it, line)).collect::<Vec<_>>(), usize::MAX);
    let mut planner = Planner::new();
    world.records.iter().for_each(|(id, record)| planner.note(*id, record, 0));
    let csv = "#domain,#severity\nexa***le.com,suspend\ncom,suspend\nown.example,suspend\n\
               twice.example,silence\ntwice.example,suspend\nb\u{201c}d,suspend\n";
    let ours = vec![OwnNames { name: own(), role: Role::Node }];
    let checked = checked(csv, &Checks { now_ms: NOW_MS, ours, ..Checks::default() });
    assert_eq!((checked.votes.len(), checked.skipped.len()), (1, 5), "{:?}", checked.skipped);
    let gone = planner.gone(&said("peer:com", 1).source, &Named::of(&checked), u64::MAX);
    assert_eq!(gone, Gone { subjects: vec!["peer:left.example".parse().unwrap()], standing: 5 });
}

#[test]
fn a_list_that_lost_much_is_not_taken_for_the_whole() {
    let gone = |gone: usize, standing| {
        let subjects = (0..gone).map(|n| format!("peer:s{n}.example").parse().unwrap()).collect();
        Gone { subjects, standing }.is_much()
    };
    for (left, standing, much) in [(9, 9, false), (10, 10, true), (10, 99, true), (10, 100, false), (101, 1000, true)] {
        assert_eq!(gone(left, standing), much, "{left} of {standing}");
    }
}

/// No format has such rows now; one that is checked all the same is not lost.
#[test]
fn a_row_about_something_else_than_a_server_is_kept() {
    let row = vote("a-list.mastodon.imported.own.example", "domain:a.example", cast(-100, Category::Abuse, NOW_MS), 1);
    let parsed = Parsed { votes: vec![row.clone()], ..Parsed::default() };
    let checked = check(&Input::Otc, parsed, &Checks { now_ms: NOW_MS, ..Checks::default() }).unwrap();
    assert_eq!(checked.votes, [row]);
}

/// A file of the real data, unless this machine does not have it.
fn real(path: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("OSTRAKON_DATA")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data")), PathBuf::from);
    let file = folder.join(path);
    match std::fs::read(&file) {
        Ok(bytes) => Some(bytes),
        Err(fault) => {
            // Not with `println!`: the test runner keeps that to itself, and `scripts/test.sh` would count the test as passed.
            let line = format!("skipped: {}: {fault}; OSTRAKON_DATA names the folder\n", file.display());
            let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
            None
        }
    }
}

#[test]
fn all_of_bitcoin_otc() {
    let Some(csv) = real("bitcoin-otc/soc-sign-bitcoinotc.csv") else { return };
    let parsed = parse(&Input::Otc, &csv, &own()).expect("parsed");
    assert_eq!((parsed.votes.len(), parsed.skipped.len()), (35_592, 0));
    let scams = parsed.votes.iter().filter(|vote| matches!(vote.action, Action::Cast { category: Category::Scam, .. }));
    assert_eq!(scams.count(), 3_563);
    let sources: std::collections::BTreeSet<_> = parsed.votes.iter().map(|vote| &vote.source).collect();
    assert_eq!(sources.len(), 4_814);
}

#[test]
fn all_of_the_fediverse_blocklists() {
    let Some(csv) = real("fediverse-blocklists/votes.csv") else { return };
    let parsed = parse(&Input::Fediverse, &csv, &own()).expect("parsed");
    let mut reasons: HashMap<&str, usize> = HashMap::new();
    parsed.skipped.iter().for_each(|row| *reasons.entry(row.reason).or_default() += 1);
    assert_eq!(parsed.votes.len() + parsed.skipped.len(), 12_764);
    // The name that is none has a dash that a text processor put there.
    assert_eq!(
        reasons,
        HashMap::from([
            ("is obfuscated", 164),
            ("is not a domain name", 1),
            ("is named again with the same source and time and a stricter severity, which stands", 1)
        ])
    );
    let mut world = World::default();
    world.import(&parsed.votes, usize::MAX);
    let retractions = world.records.iter().filter(|(_, record)| matches!(record.body, Body::Retract(_))).count();
    let once = world.records.len();
    assert!(retractions > 300, "{retractions}");
    world.import(&parsed.votes, usize::MAX);
    assert_eq!(world.records.len(), once, "importing twice adds nothing");
}
