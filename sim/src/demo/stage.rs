//! The node of the demo, the actors, and the verdicts on their messages.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ostrakon_ledger::{Body, Category, PublicKey, RecordId, Subject, Vote};
use ostrakon_policies::{Opinion, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};

use super::DemoError;
use super::cast::{Actor, SPAMMER_AT};
use super::script::Sent;
use ostrakon_router::message::{CheckRequest, Kind, Proof, ReportKind};

use crate::node::{CheckAnswer, Node, NodeError};
use crate::trace::Verdicts;

/// The demo's votes end after a day, so that they do not disturb later use of the node.
const VOTES_LAST_MS: u64 = 24 * 60 * 60 * 1000;

/// Spreads the messages over the given time.
pub(crate) struct Pace {
    start: Instant,
    each: Duration,
    done: u32,
}

impl Pace {
    /// `messages` of them in `seconds`.
    pub(crate) fn new(seconds: u64, messages: usize) -> Pace {
        let each = Duration::from_secs(seconds) / u32::try_from(messages.max(1)).unwrap_or(u32::MAX);
        Pace { start: Instant::now(), each, done: 0 }
    }

    /// Waits until the next message is due. Does not wait if the node is slower than the pace.
    fn wait(&mut self) {
        self.done += 1;
        let due = self.start + self.each * self.done;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// A peer's score in thousandths: by the ledger's votes alone from `/v1/subjects`, or as a message was judged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(crate) struct Score {
    pub(crate) score: i64,
    pub(crate) confidence: i64,
}

/// The scores by which a message was judged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    /// The peer's score, the reports of the node's own users included.
    pub(crate) score: Score,
    /// In thousandths of a nat.
    pub(crate) standing: i64,
}

/// The verdicts on an actor's messages.
#[derive(Debug, Clone, Default)]
pub(crate) struct Record {
    pub(crate) verdicts: Verdicts,
    /// The scores by which the last message was judged.
    pub(crate) last: Option<Judged>,
}

/// The last message that was not accepted.
pub(crate) struct Refused {
    pub(crate) from: usize,
    pub(crate) decision_id: String,
    pub(crate) verdict: Verdict,
    pub(crate) reasons: Vec<Opinion>,
}

/// The node, the actors and what has happened so far.
pub(crate) struct Stage {
    local: Node,
    public: Node,
    network: String,
    host: String,
    run: String,
    pace: Pace,
    pub(crate) actors: Vec<Actor>,
    pub(crate) records: Vec<Record>,
    pub(crate) refused: Vec<Option<Refused>>,
    pub(crate) last_refused: Option<usize>,
    /// The spammer's score before the ring vouched.
    pub(crate) noted: Score,
    sent: usize,
}

#[derive(Deserialize)]
struct WellKnown {
    network: String,
    peer: String,
}

/// The end of an author's sequence: `GET /v1/peers/{name}`.
#[derive(Deserialize)]
struct AuthorHead {
    key: PublicKey,
    seq: u64,
    prev: RecordId,
}

impl Stage {
    /// Asks the node who it is.
    pub(crate) fn open(local: Node, public: Node, actors: Vec<Actor>, pace: Pace) -> Result<Stage, DemoError> {
        let WellKnown { network, peer } = public.read("/.well-known/ostrakon")?;
        let records = vec![Record::default(); actors.len()];
        let refused = actors.iter().map(|_| None).collect();
        let run = format!("{:x}", now_ms());
        let (noted, sent, last_refused) = (Score::default(), 0, None);
        Ok(Stage { local, public, network, host: peer, run, pace, actors, records, refused, last_refused, noted, sent })
    }

    /// The name of the node.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The actor's score by votes, now; zero and no confidence while nobody has voted on it.
    pub(crate) fn score(&self, actor: usize) -> Result<Score, DemoError> {
        Ok(self.local.read(&format!("/v1/subjects/peer:{}", self.actors[actor].name))?)
    }

    /// Notes the spammer's score, to be compared at the end.
    pub(crate) fn note_score(&mut self) -> Result<(), DemoError> {
        self.noted = self.score(SPAMMER_AT)?;
        Ok(())
    }

    /// 1. Asks for the end of the actor's sequence.
    /// 2. Admits its key if the node does not know it.
    /// 3. Continues the sequence.
    pub(crate) fn admit(&mut self, actor: usize) -> Result<(), DemoError> {
        let (name, key) = (self.actors[actor].name.clone(), self.actors[actor].key());
        match self.local.read::<AuthorHead>(&format!("/v1/peers/{name}")) {
            Ok(head) if head.key == key => self.actors[actor].continue_from(head.seq, head.prev),
            Ok(head) => return Err(DemoError::NameTaken { peer: name.to_string(), found: head.key.to_string() }),
            Err(NodeError::Refused { status: 404, .. }) => {
                let _: Value = self.local.post_json("/v1/peers", &json!({"peer": name.as_str(), "key": key}))?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The operator vouches for the actor.
    pub(crate) fn vouch(&mut self, actor: usize) -> Result<(), DemoError> {
        let subject = format!("peer:{}", self.actors[actor].name);
        let vote = json!({"subject": subject, "value": 100, "category": "vouch"});
        let _: Value = self.local.post_json("/v1/own/votes", &vote)?;
        Ok(())
    }

    /// One actor signs a vote on another.
    pub(crate) fn vote(
        &mut self,
        voter: usize,
        subject: usize,
        value: i8,
        category: Category,
    ) -> Result<(), DemoError> {
        let subject = Subject::Peer(self.actors[subject].name.clone());
        let cast_at_ms = now_ms();
        let expires_at_ms = cast_at_ms + VOTES_LAST_MS;
        let vote = Vote { expires_at_ms, ..Vote::plain(subject, value, category, cast_at_ms) };
        let actor = &mut self.actors[voter];
        let signed = actor.sign(&self.network, Body::Vote(vote))?;
        let _: Value = self.public.post_bytes("/v1/votes", &signed.to_envelope())?;
        actor.continue_from(actor.next_seq(), signed.id());
        Ok(())
    }

    /// Waits until the next message is due, and sends it.
    pub(crate) fn send(&mut self, sent: &Sent) -> Result<(), DemoError> {
        self.pace.wait();
        let answer = self.local.check(&self.request(sent))?;
        self.sent += 1;
        let record = &mut self.records[sent.from];
        record.verdicts.count(answer.verdict);
        let score = Score { score: answer.score, confidence: answer.confidence };
        record.last = Some(Judged { score, standing: answer.standing });
        if let Some(report) = sent.report {
            self.report(sent, &answer, report)?;
        }
        if answer.verdict != Verdict::Accept {
            let CheckAnswer { decision_id, verdict, reasons, .. } = answer;
            self.refused[sent.from] = Some(Refused { from: sent.from, decision_id, verdict, reasons });
            self.last_refused = Some(sent.from);
        }
        Ok(())
    }

    /// Users report messages that were delivered to them; they never saw the others.
    fn report(&self, sent: &Sent, answer: &CheckAnswer, report: ReportKind) -> Result<(), DemoError> {
        if answer.verdict == Verdict::Accept {
            self.local.feedback(&answer.decision_id, &self.user(sent.user), report)?;
        }
        Ok(())
    }

    fn request(&self, sent: &Sent) -> CheckRequest {
        let peer = &self.actors[sent.from].name;
        CheckRequest {
            id: format!("demo-{}-{}", self.run, self.sent),
            peer: peer.to_string(),
            peer_proof: Proof::Dns,
            sender: format!("user{}@{peer}", sent.account),
            sender_proof: Proof::None,
            recipients: vec![self.user(sent.user)],
            kind: Kind::Mail,
            size: sent.size,
            // From the block that is set aside for documentation (RFC 5737).
            network: Some(format!("198.51.100.{}", sent.from + 1)),
            content: None,
            links: u64::from(sent.links),
            known_contact: false,
            sender_domain: None,
        }
    }

    fn user(&self, number: usize) -> String {
        format!("user{number}@{}", self.host)
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
