//! A score in one sentence, for people.

use super::explanation::Explanation;
use super::outlook::turn_in_words;
use super::redacted::Redacted;

/// Confidence below which nobody who counts has spoken.
const HEARD: u16 = 10;

/// What an explanation comes to, with the outlook.
pub(super) fn of(it: &Explanation) -> String {
    let (subject, viewpoint) = (&it.subject, &it.viewpoint);
    if let Some(nothing) = nothing_said(&subject.to_string(), viewpoint, (it.known, it.confidence), it.terms.voters) {
        return nothing;
    }
    let votes = |nv: u64| {
        let hundredths = (nv + 5_000_000) / 10_000_000;
        format!("{}.{:02}", hundredths / 100, hundredths % 100)
    };
    format!(
        "{subject} is {}: votes of {} weigh {} for and {} against it, seen from {viewpoint}; score {}, confidence {}.{}",
        opinion(it.score),
        voters(it.terms.voters),
        votes(it.terms.positive_nv),
        votes(it.terms.negative_nv),
        it.score,
        it.confidence,
        it.outlook.in_words(it.score, it.now_ms),
    )
}

/// The same for outsiders: what single votes weigh and when they end is left out.
pub(super) fn of_redacted(it: &Redacted) -> String {
    let (subject, viewpoint) = (&it.subject, &it.viewpoint);
    if let Some(nothing) = nothing_said(&subject.to_string(), viewpoint, (it.known, it.confidence), it.voters) {
        return nothing;
    }
    format!(
        "{subject} is {}: {} voted on it, seen from {viewpoint}; score {}, confidence {}.{}",
        opinion(it.score),
        voters(it.voters),
        it.score,
        it.confidence,
        turn_in_words(it.votes_to_turn, it.score),
    )
}

/// The whole sentence where there is no opinion.
fn nothing_said(subject: &str, viewpoint: &str, (known, confidence): (bool, u16), voters_about: u32) -> Option<String> {
    if !known {
        return Some(format!("Nobody has voted on {subject}: it is unknown, which is neither good nor bad."));
    }
    let unheard = || format!("{voters_about} voted on {subject}, but nobody whom the seeds of {viewpoint} trust.");
    (confidence < HEARD).then(unheard)
}

fn opinion(score: i16) -> &'static str {
    match score {
        300.. => "well thought of",
        50.. => "rather well thought of",
        -49..=49 => "disputed or barely known",
        -299..=-50 => "rather ill thought of",
        _ => "ill thought of",
    }
}

fn voters(count: u32) -> String {
    if count == 1 { "1 voter".to_owned() } else { format!("{count} voters") }
}
