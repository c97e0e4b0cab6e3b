//! Taking a score apart: per term, per voter, with ledger indexes and the way trust took to the voter.
//!
//! The parts add up to P and N exactly: each is the difference of two aged running sums, so that what rounding takes
//! from one it gives to the next.

mod categories;
mod outlook;
mod path;
mod redacted;
mod sentence;

use ostrakon_ledger::Subject;
use serde::Serialize;

use crate::engine::{Ballot, Standing};
use crate::fixed::{MILLION, ONE, Share};
use crate::r1_flow::{FLOW_ONE, UNREACHED};
use crate::r5_decay::{Decay, aged};
use crate::r8_experience::{ExperienceReader, Own};
use crate::snapshot::Snapshot;
use crate::view::Lens;
use crate::votes::LiveVote;
pub use categories::CategoryTally;
pub use outlook::Outlook;
pub use redacted::{PublicVote, Redacted};

/// Most contributions listed one by one: what a person reads; the others are summed up as [`Explanation::rest`].
pub const CONTRIBUTIONS_MAX: usize = 50;

/// Why a subject has its score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The subject.
    pub subject: Subject,
    /// One sentence for people.
    pub sentence: String,
    /// Thousandths, −1000…1000.
    pub score: i16,
    /// Thousandths, 0…1000.
    pub confidence: u16,
    /// Whether there is any live vote.
    pub known: bool,
    /// Name of the viewpoint.
    pub viewpoint: String,
    /// Digest of its seeds, in hexadecimal.
    pub seeds: String,
    /// Digest of the parameters, in hexadecimal.
    pub parameters: String,
    /// The ledger entries below this index are taken into account.
    pub ledger_index: u64,
    /// For which moment, unix ms.
    pub now_ms: u64,
    /// What the score is computed from.
    pub terms: Terms,
    /// The votes that weigh most, heaviest first, at most [`CONTRIBUTIONS_MAX`].
    pub contributions: Vec<Contribution>,
    /// All other votes together.
    pub rest: Rest,
    /// Per category what its votes alone amount to, in the order of the categories. A voter speaks in each category it
    /// voted in, so these need not add up to P and N.
    pub categories: Vec<CategoryTally>,
    /// What would change the score.
    pub outlook: Outlook,
    /// What the subject weighs as a voter, if it is a peer.
    pub trust: Option<Trust>,
    /// What the operator's own users say (R8), where asked for.
    pub own: Option<Own>,
    /// The score from every viewpoint of the book, the operator's own first, where asked for.
    pub viewpoints: Vec<Seen>,
}

/// A score as one viewpoint sees it, with all it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Name of the viewpoint.
    pub viewpoint: String,
    /// Digest of its seeds, in hexadecimal.
    pub seeds: String,
    /// Digest of the parameters, in hexadecimal.
    pub parameters: String,
    /// The ledger entries below this index are taken into account.
    pub ledger_index: u64,
    /// Thousandths, −1000…1000.
    pub score: i16,
    /// Thousandths, 0…1000.
    pub confidence: u16,
    /// Whether there is any live vote.
    pub known: bool,
}

impl Seen {
    /// A subject's score in a snapshot.
    pub(crate) fn of(snapshot: &Snapshot, subject: &Subject, now_ms: u64) -> Self {
        let (label, score) = (snapshot.label(), snapshot.score(subject, now_ms));
        Self {
            viewpoint: label.viewpoint.clone(),
            seeds: hexadecimal(&label.viewpoint_digest),
            parameters: hexadecimal(&label.parameters_digest),
            ledger_index: snapshot.next_index(),
            score: score.score,
            confidence: score.confidence,
            known: score.known,
        }
    }
}

/// The terms of R7, in nano-votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Terms {
    /// P, the sum of the positive weights.
    pub positive_nv: u64,
    /// N, the sum of the negative weights.
    pub negative_nv: u64,
    /// k.
    pub k_nv: u64,
    /// Voters with a live vote.
    pub voters: u32,
}

/// One vote's share in a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contribution {
    /// Who voted.
    pub voter: Subject,
    /// Where the vote stands in the ledger.
    pub index: u64,
    /// Category of the vote.
    pub category: &'static str,
    /// −100…100.
    pub value: i8,
    /// R1–R4: what the voter weighs, in millionths.
    pub credibility: u32,
    /// R5: what is left of the vote, in millionths.
    pub decay: u32,
    /// Its part in nano-votes: of P if positive, of N if negative.
    pub weight_nv: i64,
    /// R6: a copy that says nothing because somebody who weighs more says it.
    pub copy: bool,
    /// R6: whom the voter repeats, if it nearly always repeats one other voter.
    pub follows: Option<Subject>,
    /// When it ends, unix ms; 0: never.
    pub expires_at_ms: u64,
    /// From a seed to the voter: of the shortest ways that trust took, at each step the one that carries most.
    /// Empty if no trust reaches the voter.
    pub path: Vec<Subject>,
}

/// The votes beyond [`CONTRIBUTIONS_MAX`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Rest {
    /// How many.
    pub votes: u32,
    /// Their part of P, in nano-votes.
    pub positive_nv: u64,
    /// Their part of N, in nano-votes.
    pub negative_nv: u64,
}

/// What an epoch found out about a peer as a voter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Trust {
    /// R1: trust received, in billionths of what one seed starts with.
    pub flow: u64,
    /// Steps from the nearest seed; `None` if no trust arrives.
    pub hops: Option<u8>,
    /// R2 with R3 and R4: its weight in millionths of a full vote.
    pub credibility: u32,
    /// R4, in millionths.
    pub consistency: u32,
    /// R3: live votes in millionths, each with its decay.
    pub votes: u64,
    /// R6: whom it repeats, if it nearly always repeats one other voter; its credibility is what it has beyond that one.
    pub follows: Option<Subject>,
}

impl Trust {
    /// A voter's standing, R3's count of its votes, and whom it follows.
    pub(crate) fn of(standing: Standing, votes: u64, follows: Option<Subject>) -> Self {
        Self {
            flow: ((u128::from(standing.flow) * 1_000_000_000) / u128::from(FLOW_ONE)) as u64,
            hops: (standing.hops != UNREACHED).then_some(standing.hops),
            credibility: millionths(standing.credibility),
            consistency: millionths(standing.consistency),
            votes,
            follows,
        }
    }
}

/// A vote that speaks about a subject, with its ballot and weight.
struct Voice {
    vote: LiveVote,
    ballot: Ballot,
    weight: u64,
}

impl Lens<'_> {
    /// Takes the score of a subject apart, as a snapshot taken now would give it for `now_ms`.
    pub(crate) fn explain(&self, subject: &Subject, now_ms: u64) -> Explanation {
        let id = self.book.names.find(subject);
        let now_ms = now_ms.max(self.book.clock.reference_ms);
        let score = self.snapshot().score(subject, now_ms);
        let mut voices = id.map_or(Vec::new(), |id| self.voices_about(id));
        voices.sort_by_key(|voice| (std::cmp::Reverse(voice.weight), voice.vote.index));
        let (contributions, rest) = self.parts(&voices, now_ms);
        let k_nv = self.book.parameters.k_nv();
        let outlook = Outlook::of(&score, k_nv, &contributions);
        let categories = id.map_or(Vec::new(), |id| self.categories(id, now_ms));
        let explanation = Explanation {
            subject: subject.clone(),
            sentence: String::new(),
            score: score.score,
            confidence: score.confidence,
            known: score.known,
            viewpoint: self.view.label().viewpoint.clone(),
            seeds: hexadecimal(&self.view.label().viewpoint_digest),
            parameters: hexadecimal(&self.view.label().parameters_digest),
            ledger_index: self.book.next_index(),
            now_ms,
            terms: Terms {
                positive_nv: score.positive_nv,
                negative_nv: score.negative_nv,
                k_nv,
                voters: voices.len() as u32,
            },
            contributions,
            rest,
            categories,
            outlook,
            trust: matches!(subject, Subject::Peer(_)).then(|| self.trust(id)),
            own: None,
            viewpoints: Vec::new(),
        };
        Explanation { sentence: sentence::of(&explanation), ..explanation }
    }

    /// Every vote that speaks about a subject.
    fn voices_about(&self, subject: u32) -> Vec<Voice> {
        let voice = |voter: u32| {
            let (ballot, vote) = self.voice(voter, subject)?;
            Some(Voice { vote, ballot, weight: self.view.weight((voter, subject), ballot) })
        };
        self.book.votes.voters_about(subject).into_iter().filter_map(voice).collect()
    }

    /// The vote that speaks for a voter about a subject now.
    fn voice(&self, voter: u32, subject: u32) -> Option<(Ballot, LiveVote)> {
        let pair = self.book.votes.of_pair(voter, subject);
        let live = pair.iter().flatten().filter(|row| row.is_live(self.book.clock.now_ms));
        let (ballot, row) = crate::engine::voice(subject, live, &self.book.decay())?;
        Some((ballot, row.vote_about(subject)))
    }

    fn parts(&self, voices: &[Voice], now_ms: u64) -> (Vec<Contribution>, Rest) {
        // Running sums of P and N at the reference time; a part is what its vote adds to the aged sum.
        let mut sums = [0u64; 2];
        let decay = self.book.decay();
        let aged_to_now = |nv| aged(nv, decay.at_ms, now_ms, decay.half_life_ms);
        let mut contributions = Vec::new();
        let mut rest = Rest::default();
        for voice in voices {
            let positive = voice.ballot.x() > 0;
            let sum = &mut sums[usize::from(positive)];
            let before = aged_to_now(*sum);
            *sum += voice.weight;
            let part = aged_to_now(*sum) - before;
            if contributions.len() < CONTRIBUTIONS_MAX {
                contributions.push(self.contribution(voice, part, now_ms));
                continue;
            }
            rest.votes += 1;
            if positive { rest.positive_nv += part } else { rest.negative_nv += part }
        }
        (contributions, rest)
    }

    fn contribution(&self, Voice { vote, ballot, .. }: &Voice, part: u64, now_ms: u64) -> Contribution {
        let decay = Decay { at_ms: now_ms, ..self.book.decay() };
        Contribution {
            voter: self.book.names.subject(vote.voter),
            index: vote.index,
            category: vote.category.as_str(),
            value: vote.value,
            credibility: millionths(self.view.standing(vote.voter).credibility),
            decay: decay.left(vote.since_ms),
            weight_nv: if ballot.x() > 0 { part as i64 } else { -(part as i64) },
            copy: self.view.silent().contains(&(vote.voter, vote.subject)),
            follows: self.leader(vote.voter),
            expires_at_ms: vote.expires_at_ms,
            path: self.path_to(vote.voter).into_iter().map(|id| self.book.names.subject(id)).collect(),
        }
    }
}

impl Explanation {
    /// Adds what the operator's own users say about the subject.
    pub fn with_own(self, experience: &ExperienceReader) -> Self {
        Self { own: Some(experience.own(&self.subject, self.now_ms)), ..self }
    }

    /// Adds how the subject is seen from other viewpoints.
    pub fn beside(self, viewpoints: Vec<Seen>) -> Self {
        Self { viewpoints, ..self }
    }
}

fn millionths(share: Share) -> u32 {
    // To nearest: a full share is a million, and .3 stays .3.
    ((u64::from(share) * MILLION + u64::from(ONE) / 2) / u64::from(ONE)) as u32
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
