//! Taking a score apart: per term, per voter, with ledger indexes and the way trust took to the voter.
//!
//! The parts add up to P and N exactly: each is the difference of two aged running sums, so that what rounding takes
//! from one it gives to the next.

mod categories;
mod explanation;
mod lens;
mod outlook;
mod parts;
mod path;
mod redacted;
mod sentence;

use std::cmp::Reverse;

use ostrakon_ledger::{PeerName, Subject};

use crate::book::Book;
use crate::engine::Standing;
use crate::r5_decay::{Decay, aged};
pub use categories::CategoryTally;
use explanation::hexadecimal;
pub use explanation::{CONTRIBUTIONS_MAX, Explanation, Seen};
use lens::{Lens, Voice};
pub use outlook::Outlook;
use parts::millionths;
pub use parts::{Contribution, Rest, Terms, Trust};
pub use redacted::{PublicVote, Redacted};

impl Book {
    /// Takes the score of a subject apart, as [`Book::snapshot`] gives it for `now_ms`.
    ///
    /// Costs time in proportion to the votes about the subject and about the voters on the paths.
    pub fn explain(&self, subject: &Subject, now_ms: u64) -> Explanation {
        Lens::own(self).explain(subject, now_ms)
    }

    /// [`Book::explain`] from the viewpoint with a name; `None` if there is none.
    pub fn explain_from(&self, viewpoint: &str, subject: &Subject, now_ms: u64) -> Option<Explanation> {
        Some(Lens::named(self, viewpoint)?.explain(subject, now_ms))
    }

    /// The score of a subject from every viewpoint, the operator's own first.
    pub fn seen(&self, subject: &Subject, now_ms: u64) -> Vec<Seen> {
        self.snapshots().iter().map(|snapshot| Seen::of(snapshot, subject, now_ms)).collect()
    }

    /// What an outsider may know of a score, from the viewpoint with a name; `None` if there is none.
    pub fn redacted_from(&self, viewpoint: &str, subject: &Subject, now_ms: u64) -> Option<Redacted> {
        Some(Lens::named(self, viewpoint)?.redacted(subject, now_ms))
    }

    /// What the last epoch found out about a peer as a voter, from the operator's own viewpoint.
    pub fn trust(&self, peer: &PeerName) -> Trust {
        Lens::own(self).trust(self.names.find(&Subject::Peer(peer.clone())))
    }
}

impl Lens<'_> {
    /// Takes the score of a subject apart, as a snapshot taken now would give it for `now_ms`.
    fn explain(&self, subject: &Subject, now_ms: u64) -> Explanation {
        let id = self.book.names.find(subject);
        let now_ms = now_ms.max(self.book.clock.reference_ms);
        let score = self.book.snapshot_of(self.view).score(subject, now_ms);
        let mut voices = id.map_or(Vec::new(), |id| self.voices_about(id));
        voices.sort_by_key(|voice| (Reverse(voice.weight), voice.vote.index));
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

    /// What the last epoch found out about a voter; `None`: one that nobody has named.
    fn trust(&self, voter: Option<u32>) -> Trust {
        match voter {
            None => Trust::of(Standing::newcomer(None), 0, None),
            Some(id) => {
                let activity = self.book.activity.get(id as usize).copied().unwrap_or_default();
                Trust::of(self.view.standing(id), activity.cast, self.leader(id))
            }
        }
    }

    /// What an outsider may know of a subject's score at `now_ms`.
    fn redacted(&self, subject: &Subject, now_ms: u64) -> Redacted {
        let now_ms = now_ms.max(self.book.clock.reference_ms);
        let (score, label) = (self.book.snapshot_of(self.view).score(subject, now_ms), self.view.label());
        let mut said: Vec<_> = match self.book.names.find(subject) {
            Some(id) => self.voices_about(id).into_iter().map(|voice| voice.vote).collect(),
            None => Vec::new(),
        };
        let voters = said.len() as u32;
        said.sort_by_key(|vote| Reverse(vote.index));
        let public = said.iter().take(CONTRIBUTIONS_MAX).map(|vote| PublicVote {
            index: vote.index,
            voter: self.book.names.subject(vote.voter),
            category: vote.category.as_str(),
            value: vote.value,
            expires_at_ms: vote.expires_at_ms,
        });
        let redacted = Redacted {
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
            votes_to_turn: Outlook::votes_to_turn(&score),
        };
        Redacted { sentence: sentence::of_redacted(&redacted), ..redacted }
    }
}
