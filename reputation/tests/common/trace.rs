//! Plays the mail trace against [`Experience`] and against plain counting, as `docs/evaluation.md` describes.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use ostrakon_ledger::{PeerName, Subject, Tag};
use ostrakon_reputation::{Book, Experience, ExperienceReport, Parameters, Respect, Snapshot, Viewpoint, standing};

pub(crate) struct Mail {
    subjects: Vec<Subject>,
    recipient: Subject,
    ham: bool,
}

pub(crate) struct Trace {
    mails: Vec<Mail>,
    /// Recipients, the one with most mail first.
    recipients: Vec<Subject>,
}

/// Rows of the R8 table: share of the mail that is reported, share of the recipients that always lie.
pub(crate) const ROWS: [(f64, f64); 5] = [(0.1, 0.0), (0.1, 0.2), (0.1, 0.4), (0.01, 0.0), (0.01, 0.4)];

/// Share of the mail that is reported, share of recipients that always lie, trusted reporters, seed of the draw.
#[derive(Clone)]
pub(crate) struct Run {
    pub(crate) reported: f64,
    pub(crate) lying: f64,
    pub(crate) trusted: usize,
    pub(crate) seed: u64,
    pub(crate) parameters: Parameters,
}

#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    /// Area under the ROC curve, second half.
    pub(crate) auc: f64,
    /// Share of the spam below the standing that costs 1 % and .1 % of the ham.
    pub(crate) found: [f64; 2],
    pub(crate) events_per_second: u64,
}

impl Trace {
    /// The trace, or `None` and a line that says what is missing.
    pub(crate) fn load() -> Option<Self> {
        let data = std::env::var_os("OSTRAKON_DATA")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"), PathBuf::from);
        let path = data.join("mail-trace/trace.csv");
        if !path.exists() {
            // Not with `println!`: the test runner keeps that to itself, and `scripts/test.sh` would count the test as
            // passed.
            let line = format!("skipped: {} is missing; OSTRAKON_DATA names the folder of the data\n", path.display());
            let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
            return None;
        }
        let mut reader = csv::Reader::from_path(&path).unwrap();
        let columns: BTreeMap<String, usize> =
            reader.headers().unwrap().iter().enumerate().map(|(i, name)| (name.to_owned(), i)).collect();
        let mail = |row: csv::StringRecord| {
            let field = |name: &str| row.get(columns[name]).unwrap();
            let name = |kind: &str, value: &str| PeerName::parse(&format!("x{value}.{kind}.invalid")).unwrap();
            Mail {
                subjects: vec![
                    Subject::Peer(name("relay", field("relay_16"))),
                    Subject::Net(tag(field("relay_ip"))),
                    Subject::Domain(name("domain", field("env_domain"))),
                    Subject::Account(tag(field("env_addr"))),
                ],
                recipient: Subject::Account(tag(&format!("to {}", field("rcpt")))),
                ham: field("label") == "ham",
            }
        };
        let mails: Vec<Mail> = reader.records().map(|row| mail(row.unwrap())).collect();
        let mut volume: BTreeMap<&Subject, usize> = BTreeMap::new();
        mails.iter().for_each(|mail| *volume.entry(&mail.recipient).or_default() += 1);
        let mut recipients: Vec<(usize, Subject)> = volume.into_iter().map(|(who, n)| (n, who.clone())).collect();
        recipients.sort_by(|a, b| b.cmp(a));
        let recipients = recipients.into_iter().map(|(_, who)| who).collect();
        Some(Self { mails, recipients })
    }

    /// R8 on a draw.
    pub(crate) fn run(&self, run: &Run) -> Outcome {
        self.play(run, |trusted| {
            let viewpoint = Viewpoint { name: "own".to_owned(), seeds: BTreeMap::new() };
            let ledger = Book::new(Parameters::default(), viewpoint).snapshot();
            R8 { ledger, experience: Experience::new(run.parameters.clone(), trusted), rows: 0 }
        })
    }

    /// Plain counting on the same draw; its parameters do not matter.
    pub(crate) fn count(&self, run: &Run) -> Outcome {
        self.play(run, |_| PlainCounts::default())
    }

    /// Judges every message, then shows it to the judge, then lets its recipient report it or not.
    fn play<J: Judge>(&self, run: &Run, judge: impl FnOnce(BTreeSet<Subject>) -> J) -> Outcome {
        let mut draw = Draw(run.seed);
        // The recipient of most mail never lies, as in the reference.
        let liars: BTreeSet<&Subject> = self.recipients[1..].iter().filter(|_| draw.below(run.lying)).collect();
        // Trusted are the busiest of six hundred honest ones drawn at random, as in the reference.
        let share = 600.0 / self.recipients.len() as f64;
        let honest = self.recipients.iter().filter(|who| !liars.contains(who));
        let drawn: Vec<&Subject> = honest.filter(|_| draw.below(share)).collect();
        let trusted: BTreeSet<Subject> = drawn.into_iter().take(run.trusted).cloned().collect();
        let mut judge = judge(trusted.clone());
        let (mut ham, mut spam) = (Vec::new(), Vec::new());
        let started = std::time::Instant::now();
        for (i, mail) in self.mails.iter().enumerate() {
            let total = judge.standing(i, mail);
            if i >= self.mails.len() / 2 {
                if mail.ham { ham.push(total) } else { spam.push(total) }
            }
            judge.sight(i, mail);
            let share = if trusted.contains(&mail.recipient) { run.reported.max(0.3) } else { run.reported };
            if draw.below(share) {
                judge.report(i, mail, mail.ham != liars.contains(&mail.recipient));
            }
        }
        let events_per_second = (self.mails.len() as f64 / started.elapsed().as_secs_f64()) as u64;
        ham.sort_unstable();
        let found = [0.01, 0.001].map(|cost| {
            let threshold = ham[(cost * ham.len() as f64) as usize];
            spam.iter().filter(|total| **total < threshold).count() as f64 / spam.len() as f64
        });
        Outcome { auc: auc(&ham, &spam), found, events_per_second }
    }
}

/// What is played against: the `i`-th message is judged, then seen, then perhaps reported.
trait Judge {
    fn standing(&self, i: usize, mail: &Mail) -> i32;
    fn sight(&mut self, i: usize, mail: &Mail);
    fn report(&mut self, i: usize, mail: &Mail, good: bool);
}

struct R8 {
    ledger: Snapshot,
    experience: Experience,
    rows: u64,
}

fn at_ms(i: usize) -> u64 {
    i as u64 * 1_000
}

impl Judge for R8 {
    fn standing(&self, i: usize, mail: &Mail) -> i32 {
        let respects: Vec<Respect<'_>> = mail.subjects.iter().map(Respect::Proven).collect();
        standing(&self.ledger, &self.experience.reader(), &respects, at_ms(i)).total
    }

    fn sight(&mut self, i: usize, mail: &Mail) {
        self.experience.sight(self.rows, at_ms(i), &mail.subjects);
        self.rows += 1;
    }

    fn report(&mut self, i: usize, mail: &Mail, good: bool) {
        let mut message = [0; 32];
        message[..8].copy_from_slice(&(i as u64).to_be_bytes());
        let familiarity = self.experience.familiarity(&mail.subjects);
        let subjects = mail.subjects.iter().cloned().zip(familiarity).collect();
        let value = if good { 100 } else { -100 };
        let report = ExperienceReport { message, reporter: mail.recipient.clone(), subjects, value, at_ms: at_ms(i) };
        self.experience.report(self.rows, report);
        self.rows += 1;
    }
}

/// Every report counts one for each subject of its message: log-odds with ¼ pseudo-counts within ±3, a subject never
/// seen counts −.5, one seen but never reported −.25 (the plain counts of the reference).
#[derive(Default)]
struct PlainCounts {
    /// Reports for and against every subject seen.
    seen: HashMap<Subject, [f64; 2]>,
}

impl Judge for PlainCounts {
    fn standing(&self, _: usize, mail: &Mail) -> i32 {
        let part = |subject| match self.seen.get(subject) {
            None => -0.5,
            Some([0.0, 0.0]) => -0.25,
            Some([good, bad]) => ((good + 0.25) / (bad + 0.25)).ln().clamp(-3.0, 3.0),
        };
        mail.subjects.iter().map(|subject| (part(subject) * 1_000.0).floor() as i32).sum()
    }

    fn sight(&mut self, _: usize, mail: &Mail) {
        for subject in &mail.subjects {
            self.seen.entry(subject.clone()).or_default();
        }
    }

    fn report(&mut self, _: usize, mail: &Mail, good: bool) {
        mail.subjects
            .iter()
            .for_each(|subject| self.seen.entry(subject.clone()).or_default()[usize::from(!good)] += 1.0);
    }
}

fn tag(text: &str) -> Tag {
    Tag(*blake3::hash(text.as_bytes()).as_bytes())
}

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
struct Draw(u64);

impl Draw {
    fn below(&mut self, share: f64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) >> 11) as f64 / (1u64 << 53) as f64 <= share && share > 0.0
    }
}

/// Probability that a random good one stands above a random bad one, ties counting half.
fn auc(good: &[i32], bad: &[i32]) -> f64 {
    let mut bad = bad.to_vec();
    bad.sort_unstable();
    let won = |x: &i32| (bad.partition_point(|b| b < x) + bad.partition_point(|b| b <= x)) as f64 / 2.0;
    good.iter().map(won).sum::<f64>() / (good.len() * bad.len()) as f64
}
