//! A score in a few sentences, for people.

use ostrakon_ledger::Subject;

use super::explanation::Explanation;
use super::outlook::turn_in_words;
use super::redacted::RedactedExplanation;

/// Confidence below which no trusted voter has voted.
const TRUSTED_VOTE: u16 = 10;

/// An explanation in words, with its outlook.
pub(super) fn of(it: &Explanation) -> String {
    let (subject, viewpoint) = (&it.subject, &it.viewpoint);
    let voted = Voted { subject, viewpoint, known: it.known, confidence: it.confidence, voters: it.terms.voters };
    if let Some(sentence) = voted.without_opinion() {
        return sentence;
    }
    let votes = |nv: u64| {
        let hundredths = (nv + 5_000_000) / 10_000_000;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    format!(
        "{subject} {}. From the viewpoint {viewpoint}, the votes of {} weigh {} for it and {} against it. The score is {}, \
         the confidence {}.{}",
        reputation(it.score),
        voters(it.terms.voters),
        votes(it.terms.positive_nv),
        votes(it.terms.negative_nv),
        it.score,
        it.confidence,
        it.outlook.in_words(it.score, it.now_ms),
    )
}

/// The same for outsiders, without the weights of votes and without the time when a vote ends.
pub(super) fn of_redacted(it: &RedactedExplanation) -> String {
    let (subject, viewpoint) = (&it.subject, &it.viewpoint);
    let voted = Voted { subject, viewpoint, known: it.known, confidence: it.confidence, voters: it.voters };
    if let Some(sentence) = voted.without_opinion() {
        return sentence;
    }
    format!(
        "{subject} {}. {} voted on it. From the viewpoint {viewpoint}, the score is {}, the confidence {}.{}",
        reputation(it.score),
        voters(it.voters),
        it.score,
        it.confidence,
        turn_in_words(it.votes_to_turn, it.score),
    )
}

/// Who has voted on a subject.
struct Voted<'a> {
    subject: &'a Subject,
    viewpoint: &'a str,
    known: bool,
    confidence: u16,
    voters: u32,
}

impl Voted<'_> {
    /// The whole text if there is no opinion about the subject.
    fn without_opinion(&self) -> Option<String> {
        let Self { subject, viewpoint, .. } = self;
        if !self.known {
            return Some(format!("Nobody has voted on {subject}. It is unknown, which is neither good nor bad."));
        }
        let untrusted = || format!("{} voted on {subject}, but none that {viewpoint} trusts.", voters(self.voters));
        (self.confidence < TRUSTED_VOTE).then(untrusted)
    }
}

/// A predicate, to follow the subject.
fn reputation(score: i16) -> &'static str {
    match score {
        300.. => "has a good reputation",
        50.. => "has a rather good reputation",
        -49..=49 => "is disputed or barely known",
        -299..=-50 => "has a rather bad reputation",
        _ => "has a bad reputation",
    }
}

fn voters(count: u32) -> String {
    if count == 1 { "1 voter".to_owned() } else { format!("{count} voters") }
}
