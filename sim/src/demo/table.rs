//! The compact table: everybody's score, confidence and verdicts, and why the last message was refused.

use std::io::Write;

use super::DemoError;
use super::cast::{Role, SPAMMER_AT};
use super::stage::{Judged, Record, Refused, Score, Stage};
use crate::trace::Verdicts;

/// Prints the table. Actors without messages are left out. The ring is one line: its best score, and all its messages.
pub(crate) fn print(stage: &Stage, out: &mut dyn Write) -> Result<(), DemoError> {
    writeln!(
        out,
        "\n{:<24}{:<9}{:>6}{:>7}{:>6}{:>10} |{:>7}{:>6}{:>6}{:>7}",
        "peer", "role", "votes", "score", "conf", "standing", "accept", "defer", "hold", "reject"
    )?;
    for actor in 0..=SPAMMER_AT {
        let Record { verdicts, last } = &stage.records[actor];
        if let Some(last) = last {
            row(
                out,
                stage.actors[actor].name.as_str(),
                stage.actors[actor].role,
                stage.score(actor)?,
                *last,
                verdicts,
            )?;
        }
    }
    let ring = SPAMMER_AT + 1..stage.actors.len();
    let best = stage.records[ring.clone()].iter().filter_map(|record| record.last).max_by_key(|last| last.standing);
    if let Some(best) = best {
        let votes = ring.map(|actor| stage.score(actor)).collect::<Result<Vec<_>, _>>()?;
        let votes = votes.into_iter().max().unwrap_or_default();
        row(out, "the ring (best of it)", Role::Ring, votes, best, &ring_verdicts(stage))?;
    }
    if let Some(refused) = stage.last_refused.and_then(|actor| stage.refused[actor].as_ref()) {
        reasons(stage, refused, out)?;
    }
    Ok(())
}

/// The verdicts on all messages of the ring.
pub(crate) fn ring_verdicts(stage: &Stage) -> Verdicts {
    let mut sum = Verdicts::default();
    for record in &stage.records[SPAMMER_AT + 1..] {
        sum.accept += record.verdicts.accept;
        sum.defer += record.verdicts.defer;
        sum.hold += record.verdicts.hold;
        sum.reject += record.verdicts.reject;
    }
    sum
}

/// The line and its reasons for a refused message.
pub(crate) fn reasons(stage: &Stage, refused: &Refused, out: &mut dyn Write) -> Result<(), DemoError> {
    let name = &stage.actors[refused.from].name;
    writeln!(out, "last not accepted: {} from {name} ({})", refused.verdict, refused.decision_id)?;
    for reason in &refused.reasons {
        let shadow = if reason.shadow { " (shadow)" } else { "" };
        writeln!(out, "  {}{shadow}, {}: {}", reason.verdict, reason.rule, reason.text)?;
    }
    Ok(())
}

/// `votes` is the score from the ledger alone, `last` the scores by which the last message was judged.
fn row(
    out: &mut dyn Write,
    name: &str,
    role: Role,
    votes: Score,
    last: Judged,
    verdicts: &Verdicts,
) -> Result<(), DemoError> {
    let Judged { score: Score { score, confidence }, standing } = last;
    let Verdicts { accept, defer, hold, reject } = verdicts;
    let (role, votes) = (role.as_str(), votes.score);
    writeln!(
        out,
        "{name:<24}{role:<9}{votes:>6}{score:>7}{confidence:>6}{standing:>10} |{accept:>7}{defer:>6}{hold:>6}{reject:>7}"
    )?;
    Ok(())
}
