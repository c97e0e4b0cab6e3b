//! The end of the demo: the measured numbers, and where to find more.

use std::io::Write;
use std::path::PathBuf;

use super::cast::{RING, SPAMMER_AT};
use super::stage::{Score, Stage};
use super::{DemoError, Listeners, table};
use crate::trace::Verdicts;

/// Writes the end.
pub(crate) fn tell(stage: &mut Stage, listeners: &Listeners, out: &mut dyn Write) -> Result<(), DemoError> {
    writeln!(out, "\n== What happened")?;
    let honest = stage.records[..SPAMMER_AT]
        .iter()
        .fold((0, 0), |(accepted, all), record| (accepted + record.verdicts.accept, all + record.verdicts.total()));
    writeln!(out, "Honest servers: {} of {} messages accepted.", honest.0, honest.1)?;
    let spammer = stage.actors[SPAMMER_AT].name.clone();
    writeln!(out, "{spammer}: {}.", refusals(&stage.records[SPAMMER_AT].verdicts))?;
    if let Some(refused) = &stage.refused[SPAMMER_AT] {
        table::reasons(stage, refused, out)?;
    }
    writeln!(out, "The ring: {}.", refusals(&table::ring_verdicts(stage)))?;
    let now = stage.score(SPAMMER_AT)?;
    writeln!(out, "{}", ring_effect(stage.noted, now))?;
    writeln!(out, "\n== Look further")?;
    let dir = listeners.dir().display();
    let bin = beside("ostrakon");
    let bin = bin.display();
    writeln!(out, "# who voted on the spammer, with what weight, and how they got it")?;
    writeln!(out, "{bin} explain --dir {dir} peer:{spammer}")?;
    writeln!(out, "# a member of the ring: vouched for, and worth nothing")?;
    writeln!(out, "{bin} explain --dir {dir} peer:{}", stage.actors[SPAMMER_AT + 1].name)?;
    if let Some(refused) = &stage.refused[SPAMMER_AT] {
        let id = &refused.decision_id;
        writeln!(out, "# the refusal above, with its numbers")?;
        let token = format!("-H \"Authorization: Bearer $(cat {dir}/local.token)\"");
        writeln!(out, "curl -s {token} {}/v1/decisions/{id}", listeners.local)?;
    }
    writeln!(out, "# the ledger's signed head")?;
    writeln!(out, "curl -s {}/checkpoint", listeners.public)?;
    Ok(())
}

/// The program with this name, in the folder of this program or on the PATH.
fn beside(name: &str) -> PathBuf {
    let here = std::env::current_exe().ok().map(|this| this.with_file_name(name));
    here.filter(|program| program.exists()).unwrap_or_else(|| PathBuf::from(name))
}

fn refusals(verdicts: &Verdicts) -> String {
    let Verdicts { accept, defer, hold, reject } = verdicts;
    format!("{} messages: {accept} accepted, {defer} deferred, {hold} held, {reject} rejected", verdicts.total())
}

/// Twelve vouchers against three votes: did the score move?
fn ring_effect(before: Score, after: Score) -> String {
    let moved = after.score - before.score;
    let did = match moved {
        0 => "did not move it".to_owned(),
        moved => format!("moved it by {moved}"),
    };
    format!(
        "The spammer's score by votes was {} (confidence {}) before {RING} false identities vouched for it in this run, and is {} (confidence {}) now: \
         their vouching {did}.",
        before.score, before.confidence, after.score, after.confidence
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ending_says_what_was_measured() {
        let score = |score| Score { score, confidence: 909 };
        assert!(ring_effect(score(-909), score(-909)).ends_with("their vouching did not move it."));
        assert!(ring_effect(score(-909), score(-800)).ends_with("their vouching moved it by 109."));
    }
}
