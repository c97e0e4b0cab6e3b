//! The gate: what is known about a message becomes facts, facts become a decision.
//!
//! Pure but for the limits' counters: it reads immutable snapshots and waits for nothing.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ostrakon_ledger::{Category, PeerName, Pepper, Subject};
use ostrakon_policies::{Facts, Judge, Opinion, Policy, Verdict};
use ostrakon_reputation::{Part, Respect, Score, Snapshot, Standing, standing};

use crate::{
    flow::{
        decision::{Claims, ContentDigest, Decision, DecisionId, Flow},
        explaining::Effective,
        journal::Published,
        scores::Scores,
    },
    message::{Address, Inquiry, Kind, MessageHeader, Proof},
    secrets::Secrets,
};

/// How long a deferral by a rule lasts when no limit names a time: what mail servers wait before their first retry
/// is of this order.
const DEFER_MS: u64 = 60_000;

/// Domains above a peer that are looked at, the registrable one first: what is blocked with all below it stands there,
/// and nobody gets a longer search by a longer name.
const PARENTS_MAX: usize = 8;

/// A judge with the digest of its policy in the form that records carry.
pub struct Bench {
    /// The judge.
    pub judge: Judge,
    /// Digest of its policy, hexadecimal.
    pub digest: String,
    /// What [`categories`] says of its policy.
    pub categories: Vec<Category>,
}

impl Bench {
    /// Seats `judge`.
    pub fn new(judge: Judge) -> Self {
        let digest = hex::encode(judge.policy().digest());
        let categories = categories(judge.policy());
        Self { judge, digest, categories }
    }

    /// Everything that the policy's conditions may look at.
    fn facts(&self, inquiry: &Inquiry, snapshot: &Snapshot, standing: &Standing, now_ms: u64) -> Facts {
        let mut facts = facts(inquiry, standing, now_ms);
        if let Some(peer) = inquiry.peer.name() {
            let worst = worst_parent(snapshot, peer, now_ms);
            (facts.parent_score, facts.parent_confidence) = (worst.score.into(), worst.confidence.into());
            for category in &self.categories {
                let seen = snapshot.score_in(*category, &Subject::Peer(peer.clone()), now_ms);
                // What is not kept is not known; it is kept before the policy that asks for it takes office. What
                // speaks for a name is of use to who proves it.
                let seen = seen.filter(|seen| inquiry.peer_proof.is_proof() || seen.score < 0);
                let Score { score, confidence, .. } = seen.unwrap_or(Score::UNKNOWN);
                note(&mut facts, *category, (score.into(), confidence.into()));
            }
        }
        facts
    }
}

/// Everything a decision is made from.
pub struct Gate {
    pepper: Pepper,
    decision_key: [u8; 32],
    bench: ArcSwap<Bench>,
    scores: Arc<Scores>,
    published: Arc<Published>,
}

impl Gate {
    /// A gate that reads `scores` and the experience in `published`, under `judge`.
    pub fn new(secrets: &Secrets, judge: Judge, scores: Arc<Scores>, published: Arc<Published>) -> Self {
        Self {
            pepper: secrets.pepper.clone(),
            decision_key: secrets.decision_key,
            bench: ArcSwap::from_pointee(Bench::new(judge)),
            scores,
            published,
        }
    }

    /// The name of the decision on this message.
    pub fn decision_id(&self, inquiry: &Inquiry) -> DecisionId {
        let flow = if inquiry.signed { Flow::Message } else { Flow::Check };
        DecisionId::of(&self.decision_key, flow, inquiry.peer.as_str(), &inquiry.id)
    }

    /// The name of the decision on a signed message.
    pub fn message_id(&self, header: &MessageHeader) -> DecisionId {
        DecisionId::of(&self.decision_key, Flow::Message, header.peer.as_str(), &header.full_id())
    }

    /// What the id of this message stands for: what its peer signed, if it did, or what is asked.
    pub fn content_digest(&self, inquiry: &Inquiry, signed: Option<&[u8]>) -> ContentDigest {
        match signed {
            Some(payload) => ContentDigest::of_signed(&self.decision_key, payload),
            None => ContentDigest::of_inquiry(&self.decision_key, inquiry),
        }
    }

    /// The subject that stands for an account.
    pub fn account(&self, address: &Address) -> Subject {
        address.subject(&self.pepper)
    }

    /// Whether the scores cover what the ledger held at start.
    pub fn is_ready(&self) -> bool {
        self.scores.is_caught_up()
    }

    /// The judge in office.
    pub fn bench(&self) -> Arc<Bench> {
        self.bench.load_full()
    }

    /// Puts another judge in office. The scores must have its [`categories`] by then.
    pub fn seat(&self, judge: Judge) {
        self.bench.store(Arc::new(Bench::new(judge)));
    }

    /// Judges a message at `now_ms`. Consumes from the limits; records nothing.
    pub fn judge(&self, inquiry: &Inquiry, now_ms: u64) -> Decision {
        let snapshot = self.scores.snapshot.load();
        let bench = self.bench.load();
        let subjects = inquiry.subjects(&self.pepper);
        let standing = standing(&snapshot, &self.published.experience, &subjects.respects(), now_ms);
        let facts = bench.facts(inquiry, &snapshot, &standing, now_ms);
        let judgement = bench.judge.decide(&facts, now_ms);
        let retry_after_ms = match judgement.verdict {
            Verdict::Defer => {
                judgement.retry_after_ms.max(rule_retry_ms(&judgement.reasons, &facts)).or(Some(DEFER_MS))
            }
            _ => None,
        };
        let claimed_by = subjects.claimed_by;
        let (subjects, of) = subjects.into_parts();
        Decision {
            decision_id: self.decision_id(inquiry),
            at_ms: now_ms,
            peer: inquiry.peer.clone(),
            peer_proof: inquiry.peer_proof,
            sender_proof: inquiry.sender_proof,
            subjects,
            claims: (!of.is_empty()).then_some(Claims { of, by: claimed_by }),
            kind: inquiry.kind,
            size: inquiry.size,
            recipients: u32::try_from(inquiry.recipients.len()).unwrap_or(u32::MAX),
            links: inquiry.links,
            known_contact: inquiry.known_contact,
            signed: inquiry.signed,
            verdict: judgement.verdict,
            retry_after_ms,
            reasons: judgement.reasons,
            score: facts.score,
            confidence: facts.confidence,
            standing: standing.total,
            newcomer: facts.newcomer,
            policy: bench.digest.clone(),
            ledger_index: snapshot.next_index(),
            content: None,
        }
    }
}

impl Gate {
    /// What decides on messages in respect of one subject that is proven, or a claim, and what the rules in force say of a
    /// plain message from it, if it is a peer. Counts nothing.
    pub fn effective(&self, subject: &Subject, now_ms: u64) -> Effective {
        let (snapshot, experience) = (self.scores.snapshot.load(), &self.published.experience);
        let judged = standing(&snapshot, experience, &[Respect::Proven(subject)], now_ms);
        let [part] = judged.parts.as_slice() else { unreachable!("one respect has one part") };
        let verdict = match subject {
            Subject::Peer(peer) => Some(self.verdict_of_rules(&plain(peer), &snapshot, now_ms)),
            _ => None,
        };
        Effective::new(part, experience.own(subject, now_ms).reporters, verdict)
    }

    fn verdict_of_rules(&self, inquiry: &Inquiry, snapshot: &Snapshot, now_ms: u64) -> Verdict {
        let (bench, subjects) = (self.bench.load(), inquiry.subjects(&self.pepper));
        let standing = standing(snapshot, &self.published.experience, &subjects.respects(), now_ms);
        let opinions = bench.judge.rules(&bench.facts(inquiry, snapshot, &standing, now_ms), now_ms);
        let enforced = opinions.iter().filter(|opinion| !opinion.shadow);
        enforced.map(|opinion| opinion.verdict).max().unwrap_or(Verdict::Accept)
    }
}

/// A short mail that a server has proven to send, and of which nothing else is known.
fn plain(peer: &PeerName) -> Inquiry {
    Inquiry {
        id: String::new(),
        peer: peer.clone().into(),
        peer_proof: Proof::Dns,
        sender: String::new(),
        sender_domain: None,
        sender_proof: Proof::None,
        recipients: Vec::new(),
        kind: Kind::Mail,
        size: 1_000,
        network: None,
        content: None,
        links: 0,
        known_contact: false,
        signed: false,
    }
}

/// The categories whose facts a policy names: scores must be kept for them ([`ostrakon_reputation::Book::watch`]).
pub fn categories(policy: &Policy) -> Vec<Category> {
    let named = |category: &Category| {
        ["score", "confidence"].iter().any(|what| policy.mentions(&format!("{}_{what}", category.as_str())))
    };
    Category::ALL.into_iter().filter(named).collect()
}

/// Notes what a category's votes say about the peer.
fn note(facts: &mut Facts, category: Category, (score, confidence): (i64, i64)) {
    let (of_score, of_confidence) = match category {
        Category::Spam => (&mut facts.spam_score, &mut facts.spam_confidence),
        Category::Scam => (&mut facts.scam_score, &mut facts.scam_confidence),
        Category::Malware => (&mut facts.malware_score, &mut facts.malware_confidence),
        Category::Abuse => (&mut facts.abuse_score, &mut facts.abuse_confidence),
        Category::Flood => (&mut facts.flood_score, &mut facts.flood_confidence),
        Category::Ham => (&mut facts.ham_score, &mut facts.ham_confidence),
        Category::Vouch => (&mut facts.vouch_score, &mut facts.vouch_confidence),
    };
    (*of_score, *of_confidence) = (score, confidence);
}

/// When to try again after a deferral by rules that ask how long the peer is known: when a minute has passed since its
/// first contact.
fn rule_retry_ms(reasons: &[Opinion], facts: &Facts) -> Option<u64> {
    let waits = |opinion: &Opinion| {
        !opinion.shadow && opinion.verdict == Verdict::Defer && opinion.numbers.contains_key("known_for_ms")
    };
    let left = DEFER_MS.checked_sub(facts.known_for_ms.cast_unsigned()).filter(|left| *left > 0)?;
    reasons.iter().any(waits).then_some(left)
}

/// What the ledger says against the domains above a peer, down to the one that somebody registered at a registry: what is
/// blocked there covers what is below, also where a host lends names to its customers (`duckdns.org`). Nobody's good name
/// does.
fn worst_parent(ledger: &Snapshot, peer: &PeerName, now_ms: u64) -> Score {
    let Some(registry) = registry_suffix(peer.as_str()) else { return Score::UNKNOWN };
    let (mut parents, mut domain) = (Vec::new(), peer.as_str());
    while let Some((_, parent)) = domain.split_once('.').filter(|(_, parent)| parent.len() > registry.len()) {
        parents.push(parent);
        domain = parent;
    }
    let nearest = parents.into_iter().rev().take(PARENTS_MAX);
    let names = nearest.filter_map(|parent| PeerName::parse(parent).ok());
    let scores = names.map(|name| ledger.score(&Subject::Peer(name), now_ms)).filter(|score| score.score < 0);
    scores.min_by_key(|score| score.score).unwrap_or(Score::UNKNOWN)
}

/// The suffix below which a registry takes names, such as `org` or `co.uk`: of the Public Suffix List those of ICANN's part.
fn registry_suffix(domain: &str) -> Option<&str> {
    let suffix = psl::suffix_str(domain)?;
    let is_private = psl::suffix(suffix.as_bytes()).and_then(|suffix| suffix.typ()) == Some(psl::Type::Private);
    if is_private { registry_suffix(suffix.split_once('.')?.1) } else { Some(suffix) }
}

/// The facts that the policy's conditions may look at.
fn facts(inquiry: &Inquiry, standing: &Standing, now_ms: u64) -> Facts {
    let mut facts = Facts {
        peer: inquiry.peer.as_str().to_owned(),
        peer_proof: inquiry.peer_proof.as_str().to_owned(),
        peer_proven: inquiry.peer_proof.is_proof(),
        sender: inquiry.sender.clone(),
        sender_domain: inquiry.sender_domain.as_ref().map_or_else(String::new, ToString::to_string),
        sender_proof: inquiry.sender_proof.as_str().to_owned(),
        sender_proven: inquiry.sender_proof.is_proof(),
        network: inquiry.network.clone().unwrap_or_default(),
        kind: inquiry.kind.as_str().to_owned(),
        recipients: i64::try_from(inquiry.recipients.len()).unwrap_or(i64::MAX),
        size: i64::try_from(inquiry.size).unwrap_or(i64::MAX),
        links: i64::try_from(inquiry.links).unwrap_or(i64::MAX),
        known_contact: inquiry.known_contact,
        signed: inquiry.signed,
        standing: standing.total.into(),
        ..Facts::default()
    };
    // In the order of [`Subjects::respects`](crate::message::Subjects::respects).
    let [peer, net, domain, account, content @ ..] = standing.parts.as_slice() else { return facts };
    let numbers = |score: &Score| (i64::from(score.score), i64::from(score.confidence));
    (facts.score, facts.confidence) = numbers(&peer.score);
    (facts.ledger_score, facts.ledger_confidence) = numbers(&peer.ledger);
    (facts.net_score, facts.net_confidence) = numbers(&net.score);
    (facts.domain_score, facts.domain_confidence) = numbers(&domain.score);
    (facts.account_score, facts.account_confidence) = numbers(&account.score);
    facts.newcomer = !peer.score.known;
    facts.accusers = peer.accusers.into();
    facts.origin_accusers =
        [peer, net, domain, account].map(|part| i64::from(part.accusers)).into_iter().max().unwrap_or(0);
    facts.known_for_ms = known_for(peer, now_ms);
    if let [content] = content {
        (facts.content_score, facts.content_confidence) = numbers(&content.score);
        facts.content_accusers = content.accusers.into();
    }
    facts
}

/// How long ago the first message came that is remembered; 0 if none is.
fn known_for(part: &Part, now_ms: u64) -> i64 {
    let first_ms = if part.first_seen_ms == 0 { now_ms } else { part.first_seen_ms };
    i64::try_from(now_ms.saturating_sub(first_ms)).unwrap_or(i64::MAX)
}
