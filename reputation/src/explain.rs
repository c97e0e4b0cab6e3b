//! Explains a score: its terms, and for each voter the ledger index of the vote and the path of trust to the voter.
//!
//! The parts add up to P and N exactly: each part is the difference of two aged running sums, so a rounding error in
//! one part is made up by the next.

mod categories;
mod explainer;
mod explanation;
mod outlook;
mod parts;
mod path;
mod redacted;
mod sentence;

use std::cmp::Reverse;

use ostrakon_ledger::{PeerName, Subject};

use crate::book::Book;
use crate::engine::VoterTrust;
use crate::ids::{Pair, SubjectId, VoterId};
use crate::r5_decay::{Decay, aged};
pub use categories::CategoryTally;
use explainer::{CountedVote, Explainer};
use explanation::hexadecimal;
pub use explanation::{CONTRIBUTIONS_MAX, Explanation, ViewpointScore};
pub use outlook::ScoreOutlook;
use parts::millionths;
pub use parts::{Contribution, Rest, Terms, Trust};
pub use redacted::{PublicVote, RedactedExplanation};

impl Book {
    /// Explains the score of a subject that [`Book::snapshot`] gives for `now_ms`.
    ///
    /// The time is proportional to the votes about the subject and about the voters on the paths.
    pub fn explain(&self, subject: &Subject, now_ms: u64) -> Explanation {
        Explainer::own(self).explain(subject, now_ms)
    }

    /// As [`Book::explain`], from the viewpoint with this name. `None`: there is no such viewpoint.
    pub fn explain_from(&self, viewpoint: &str, subject: &Subject, now_ms: u64) -> Option<Explanation> {
        Some(Explainer::named(self, viewpoint)?.explain(subject, now_ms))
    }

    /// The score of a subject from every viewpoint, the operator's own first.
    pub fn seen(&self, subject: &Subject, now_ms: u64) -> Vec<ViewpointScore> {
        self.snapshots().iter().map(|snapshot| ViewpointScore::of(snapshot, subject, now_ms)).collect()
    }

    /// What an outsider may know about a score, from the viewpoint with this name. `None`: there is no such viewpoint.
    pub fn redacted_from(&self, viewpoint: &str, subject: &Subject, now_ms: u64) -> Option<RedactedExplanation> {
        Some(Explainer::named(self, viewpoint)?.redacted(subject, now_ms))
    }

    /// What the last epoch found out about a peer as a voter, from the operator's own viewpoint.
    pub fn trust(&self, peer: &PeerName) -> Trust {
        Explainer::own(self).trust(self.names.find_peer(peer))
    }
}

impl Explainer<'_> {
    /// Explains the score that a snapshot taken now would give for `now_ms`.
    fn explain(&self, subject: &Subject, now_ms: u64) -> Explanation {
        let id = self.book.names.find(subject);
        let now_ms = now_ms.max(self.book.clock.reference_ms);
        let score = self.book.snapshot_of(self.view).score(subject, now_ms);
        let mut votes = id.map_or(Vec::new(), |id| self.counted_votes(id));
        votes.sort_by_key(|counted| (Reverse(counted.weight), counted.vote.index));
        let (contributions, rest) = self.parts(&votes, now_ms);
        let k_nv = self.book.parameters.k_nv();
        let outlook = ScoreOutlook::of(&score, k_nv, &contributions);
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
                voters: votes.len() as u32,
            },
            contributions,
            rest,
            categories,
            outlook,
            trust: matches!(subject, Subject::Peer(_)).then(|| self.trust(id.map(SubjectId::as_voter))),
            own: None,
            viewpoints: Vec::new(),
        };
        Explanation { sentence: sentence::of(&explanation), ..explanation }
    }

    /// The contributions of the heaviest votes, and the rest. `votes` must be sorted, the heaviest first.
    fn parts(&self, votes: &[CountedVote], now_ms: u64) -> (Vec<Contribution>, Rest) {
        // Running sums of N and P at the reference time. A part is what its vote adds to the aged sum.
        let mut sums = [0u64; 2];
        let decay = self.book.decay();
        let aged_to_now = |nv| aged(nv, decay.at_ms, now_ms, decay.half_life_ms);
        let mut contributions = Vec::new();
        let mut rest = Rest::default();
        for counted in votes {
            let positive = counted.ballot.x() > 0;
            let sum = &mut sums[usize::from(positive)];
            let before = aged_to_now(*sum);
            *sum += counted.weight;
            let part = aged_to_now(*sum) - before;
            if contributions.len() < CONTRIBUTIONS_MAX {
                contributions.push(self.contribution(counted, part, now_ms));
                continue;
            }
            rest.votes += 1;
            if positive { rest.positive_nv += part } else { rest.negative_nv += part }
        }
        (contributions, rest)
    }

    fn contribution(&self, CountedVote { vote, ballot, .. }: &CountedVote, part: u64, now_ms: u64) -> Contribution {
        let decay = Decay { at_ms: now_ms, ..self.book.decay() };
        let pair = Pair { voter: vote.voter, subject: vote.subject };
        Contribution {
            voter: self.name(vote.voter),
            index: vote.index,
            category: vote.category.as_str(),
            value: vote.value,
            credibility: millionths(self.view.trust(vote.voter).credibility),
            decay: decay.left(vote.since_ms),
            weight_nv: if ballot.x() > 0 { part as i64 } else { -(part as i64) },
            copy: self.view.uncounted().contains(&pair),
            follows: self.leader(vote.voter),
            expires_at_ms: vote.expires_at_ms,
            path: self.path_to(vote.voter).into_iter().map(|voter| self.name(voter)).collect(),
        }
    }

    /// What the last epoch found out about a voter; `None` stands for a peer that the book does not know.
    fn trust(&self, voter: Option<VoterId>) -> Trust {
        match voter {
            None => Trust::of(VoterTrust::newcomer(None), 0, None),
            Some(voter) => {
                let activity = self.book.activity.get(voter.index()).copied().unwrap_or_default();
                Trust::of(self.view.trust(voter), activity.cast, self.leader(voter))
            }
        }
    }

    /// What an outsider may know about a subject's score at `now_ms`.
    fn redacted(&self, subject: &Subject, now_ms: u64) -> RedactedExplanation {
        let now_ms = now_ms.max(self.book.clock.reference_ms);
        let (score, label) = (self.book.snapshot_of(self.view).score(subject, now_ms), self.view.label());
        let mut votes: Vec<_> = match self.book.names.find(subject) {
            Some(id) => self.counted_votes(id).into_iter().map(|counted| counted.vote).collect(),
            None => Vec::new(),
        };
        let voters = votes.len() as u32;
        votes.sort_by_key(|vote| Reverse(vote.index));
        let public = votes.iter().take(CONTRIBUTIONS_MAX).map(|vote| PublicVote {
            index: vote.index,
            voter: self.name(vote.voter),
            category: vote.category.as_str(),
            value: vote.value,
            expires_at_ms: vote.expires_at_ms,
        });
        let redacted = RedactedExplanation {
            subject: subject.clone(),
            sentence: String::new(),
            score: score.score,
            confidence: score.confidence,
            known: score.known,
            viewpoint: label.viewpoint.clone(),
            parameters: hexadecimal(&label.parameters_digest),
            ledger_index: self.book.next_index(),
            now_ms,
            voters,
            votes: public.collect(),
            votes_to_turn: ScoreOutlook::votes_to_turn(&score),
        };
        RedactedExplanation { sentence: sentence::of_redacted(&redacted), ..redacted }
    }
}
