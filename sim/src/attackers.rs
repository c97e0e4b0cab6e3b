//! Attackers: votes that are made to move scores, one file each.
//!
//! An attacker is a function of the honest votes and a named generator (ChaCha8), so a failure is one command with a
//! seed. To add one, write a file with one [`Attacker`] and add a line to [`ALL`]. Nothing else needs to change.

mod plot;

mod camouflage;
mod contradiction;
mod elite;
mod few_strong;
mod flood;
mod on_off;
mod one_target;
mod split;
mod thousand_edges;
mod vouched;
mod whitewash;

use std::ops::Range;

use rand_chacha::ChaCha8Rng;

use crate::votes::Row;

/// Every attacker, in the order of the tables.
pub const ALL: [&Attacker; 11] = [
    &flood::ATTACKER,
    &split::ATTACKER,
    &camouflage::ATTACKER,
    &few_strong::ATTACKER,
    &one_target::ATTACKER,
    &elite::ATTACKER,
    &thousand_edges::ATTACKER,
    &vouched::ATTACKER,
    &contradiction::ATTACKER,
    &on_off::ATTACKER,
    &whitewash::ATTACKER,
];

/// The attacker with this name.
pub fn find(name: &str) -> Option<&'static Attacker> {
    ALL.into_iter().find(|attacker| attacker.name == name)
}

/// An attacker.
pub struct Attacker {
    /// The word on the command line and in tables.
    pub name: &'static str,
    /// What it does, in one line.
    pub summary: &'static str,
    /// When it acts.
    pub timing: Timing,
    /// Makes its votes.
    pub plan: fn(&Scene, &mut ChaCha8Rng) -> Attack,
}

/// When an attacker acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// All at once, at the time of the last honest vote, so that honest voters cannot react.
    AtTheEnd,
    /// While the honest votes are cast, so that honest voters can react.
    OverTime,
}

/// What an attacker knows, and its targets.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    /// The honest votes, oldest first; at least one.
    pub votes: &'a [Row],
    /// The seeds of the engine.
    pub seeds: &'a [usize],
    /// Voters that are not seeds and not known to be bad. An attacker may get an edge from any of them by mistake.
    pub honest: &'a [usize],
    /// Good subjects to be slandered.
    pub slandered: &'a [usize],
    /// Bad subjects to be praised.
    pub praised: &'a [usize],
    /// All honest numbers are below this. False identities have the numbers from here on.
    pub count: usize,
}

impl Scene<'_> {
    /// The targets and the values of the votes on them, in hundredths.
    fn targets(&self) -> Vec<(usize, i8)> {
        let slandered = self.slandered.iter().map(|subject| (*subject, -100));
        slandered.chain(self.praised.iter().map(|subject| (*subject, 100))).collect()
    }

    /// When this percentage of the honest votes had been cast, unix ms.
    fn at_ms(&self, percent: usize) -> u64 {
        self.votes[(self.votes.len() * percent / 100).min(self.votes.len() - 1)].time_ms
    }

    /// The time of the last honest vote.
    fn end_ms(&self) -> u64 {
        self.at_ms(100)
    }
}

/// An attack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attack {
    /// The votes that are added, in any order: the votes of the false identities, and the attack edges, which are votes
    /// of honest voters for false identities.
    pub votes: Vec<Row>,
    /// The false identities.
    pub identities: Range<usize>,
}

#[cfg(test)]
mod tests;
