//! The gate: what is known about a message becomes facts, facts become a decision.
//!
//! Pure but for the limits' counters: it reads immutable snapshots and waits for nothing.

use std::sync::Arc;

use arc_swap::ArcSwap;
use ostrakon_ledger::{Category, Pepper, Subject};
use ostrakon_policies::{Facts, Judge, Policy, Verdict};
use ostrakon_reputation::{Score, Standing, standing};

use crate::{
    decision::{ContentDigest, Decision, DecisionId, Flow},
    envelope::{Address, Inquiry},
    journal::Published,
    scores::Scores,
    secrets::Secrets,
};

/// How long a deferral by a rule lasts when no limit names a time: what mail servers wait before their first retry
/// is of this order.
const DEFER_MS: u64 = 60_000;

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
        DecisionId::of(&self.decision_key, flow, &inquiry.peer, &inquiry.id)
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
        let subjects = inquiry.subjects(&self.pepper).to_vec();
        let standing = standing(&snapshot, &self.published.experience, &subjects, now_ms);
        let mut facts = facts(inquiry, &standing);
        for category in &bench.categories {
            let seen = snapshot.score_in(*category, &Subject::Peer(inquiry.peer.clone()), now_ms);
            // What is not kept is not known; it is kept before the policy that asks for it takes office.
            let Score { score, confidence, .. } = seen.unwrap_or(Score::UNKNOWN);
            note(&mut facts, *category, (score.into(), confidence.into()));
        }
        let judgement = bench.judge.decide(&facts, now_ms);
        let retry_after_ms = match judgement.verdict {
            Verdict::Defer => judgement.retry_after_ms.or(Some(DEFER_MS)),
            _ => None,
        };
        Decision {
            decision_id: self.decision_id(inquiry),
            at_ms: now_ms,
            peer: inquiry.peer.clone(),
            subjects,
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

/// The facts that the policy's conditions may look at.
fn facts(inquiry: &Inquiry, standing: &Standing) -> Facts {
    let mut facts = Facts {
        peer: inquiry.peer.as_str().to_owned(),
        sender: inquiry.sender.clone(),
        sender_domain: inquiry.sender_domain.as_ref().map_or_else(String::new, ToString::to_string),
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
    for (subject, Score { score, confidence, known, .. }, _) in &standing.parts {
        let (score, confidence) = (i64::from(*score), i64::from(*confidence));
        match subject {
            Subject::Peer(_) => {
                (facts.score, facts.confidence) = (score, confidence);
                facts.newcomer = !known;
            }
            Subject::Net(_) => (facts.net_score, facts.net_confidence) = (score, confidence),
            Subject::Domain(_) => (facts.domain_score, facts.domain_confidence) = (score, confidence),
            Subject::Account(_) => (facts.account_score, facts.account_confidence) = (score, confidence),
            Subject::Content(_) => (facts.content_score, facts.content_confidence) = (score, confidence),
        }
    }
    facts
}
