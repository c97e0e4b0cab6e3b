//! Two tests of the quality of scores. Both remove the votes that would make the test easy.
//!
//! *Fraud* (needs labels): distinguish benign from fraudulent users. The labels were derived from the votes of benign
//! users, so their votes about labelled users are removed. The seeds are the founder and half of the benign users, drawn
//! anew for every split. The other half is tested against all fraudulent users. An attacker slanders 20 of the tested
//! users and praises 60 of the fraudulent users.
//!
//! *Sign*: predict the sign of the last fifth of the votes from the first four fifths. The seeds are the founder and the
//! users that the founder rated .3 or better. An attacker slanders 150 users that will get positive votes and praises 150
//! that will get negative votes.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Result, bail};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

use super::{CLEAN, Case, honest};
use crate::attackers::{Attack, Scene, Timing};
use crate::votes::{Labels, Row};

/// How many good and bad subjects an attacker aims at.
const FRAUD_AIMS: (usize, usize) = (20, 60);
const SIGN_AIMS: (usize, usize) = (150, 150);
/// The least value of a founder's vote that makes its subject a seed, in hundredths.
const FOUNDERS_FRIEND: i8 = 30;

/// A test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Benign against fraudulent users.
    Fraud,
    /// The sign of later votes.
    Sign,
}

impl Protocol {
    /// Whether a case belongs to the test. The prediction of signs under every attack would show nothing new.
    pub(super) fn has(self, case: Case) -> bool {
        self == Self::Fraud || [CLEAN, "flood", "split", "vouched"].contains(&case.name())
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fraud => "fraud",
            Self::Sign => "sign",
        })
    }
}

/// The data from which everything is drawn.
pub(super) struct Plan {
    /// Oldest first.
    pub(super) votes: Vec<Row>,
    pub(super) labels: Option<Labels>,
    pub(super) founder: usize,
    pub(super) count: usize,
    pub(super) seed: u64,
}

/// One draw: the known votes, and the subjects or votes to test.
pub(super) struct Split {
    /// Oldest first.
    pub(super) votes: Vec<Row>,
    pub(super) seeds: Vec<usize>,
    /// The numbers that should rank high. A number may occur twice.
    pub(super) good: Vec<usize>,
    /// The numbers that should rank low.
    pub(super) bad: Vec<usize>,
    pub(super) count: usize,
    honest: Vec<usize>,
    slandered: Vec<usize>,
    praised: Vec<usize>,
}

impl Split {
    pub(super) fn scene(&self) -> Scene<'_> {
        Scene {
            votes: &self.votes,
            seeds: &self.seeds,
            honest: &self.honest,
            slandered: &self.slandered,
            praised: &self.praised,
            count: self.count,
        }
    }
}

/// A split under attack.
pub(super) struct Attacked {
    /// Honest and false votes, oldest first.
    pub(super) votes: Vec<Row>,
    pub(super) attack: Attack,
}

impl Plan {
    /// What can be asked.
    pub(super) fn protocols(&self) -> Vec<Protocol> {
        if self.labels.is_some() { vec![Protocol::Fraud, Protocol::Sign] } else { vec![Protocol::Sign] }
    }

    /// A separate generator for every draw, from the seed, the name of the draw and the split.
    pub(super) fn generator(&self, protocol: Protocol, what: &str, split: usize) -> ChaCha8Rng {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_be_bytes());
        key[8..12].copy_from_slice(&(split as u32).to_be_bytes());
        key[12] = protocol as u8;
        key[13..].iter_mut().zip(what.bytes()).for_each(|(to, from)| *to = from);
        ChaCha8Rng::from_seed(key)
    }

    /// Draws a split.
    ///
    /// # Errors
    /// Too few labels or votes to test anything.
    pub(super) fn split(&self, protocol: Protocol, split: usize) -> Result<Split> {
        let mut rng = self.generator(protocol, "split", split);
        match (protocol, &self.labels) {
            (Protocol::Fraud, Some(labels)) => self.fraud(labels, &mut rng),
            (Protocol::Fraud, None) => bail!("to tell benign from fraudulent users takes labels"),
            (Protocol::Sign, _) => self.sign(&mut rng),
        }
    }

    fn fraud(&self, labels: &Labels, rng: &mut ChaCha8Rng) -> Result<Split> {
        let (benign, fraudulent): (BTreeSet<_>, BTreeSet<_>) =
            (labels.good.iter().copied().collect(), labels.bad.iter().copied().collect());
        let leaks = |row: &&Row| {
            benign.contains(&row.voter) && (benign.contains(&row.subject) || fraudulent.contains(&row.subject))
        };
        let votes: Vec<Row> = self.votes.iter().filter(|row| !leaks(row)).copied().collect();
        let mut users: Vec<usize> = labels.good.iter().copied().filter(|user| *user != self.founder).collect();
        users.shuffle(rng);
        let tested = users.split_off(users.len() / 2);
        let mut seeds = users;
        seeds.push(self.founder);
        if tested.is_empty() || labels.bad.is_empty() || votes.is_empty() {
            bail!("there must be votes, at least two benign users beside the founder, and a fraudulent one");
        }
        let slandered = tested[..FRAUD_AIMS.0.min(tested.len())].to_vec();
        let praised = draw(&labels.bad, FRAUD_AIMS.1, rng);
        Ok(self.ready(votes, seeds, (tested, labels.bad.clone()), (slandered, praised), &fraudulent))
    }

    fn sign(&self, rng: &mut ChaCha8Rng) -> Result<Split> {
        let (past, future) = self.votes.split_at(self.votes.len() * 4 / 5);
        let known: BTreeSet<usize> = past.iter().map(|row| row.subject).collect();
        let friends = past.iter().filter(|row| row.voter == self.founder && row.value >= FOUNDERS_FRIEND);
        let seeds: BTreeSet<usize> = friends.map(|row| row.subject).chain([self.founder]).collect();
        let (up, down): (Vec<&Row>, Vec<&Row>) =
            future.iter().filter(|row| known.contains(&row.subject)).partition(|row| row.value > 0);
        let subjects = |rows: &[&Row]| rows.iter().map(|row| row.subject).collect::<Vec<_>>();
        let (up, down) = (subjects(&up), subjects(&down));
        if up.is_empty() || down.is_empty() {
            bail!("the last fifth of the votes must have both signs about subjects known before");
        }
        let different = |of: &[usize], but: &[usize]| -> Vec<usize> {
            let of: BTreeSet<usize> =
                of.iter().copied().filter(|it| !seeds.contains(it) && !but.contains(it)).collect();
            of.into_iter().collect()
        };
        let slandered = draw(&different(&up, &[]), SIGN_AIMS.0, rng);
        let praised = draw(&different(&down, &up), SIGN_AIMS.1, rng);
        let seeds = seeds.into_iter().collect();
        Ok(self.ready(past.to_vec(), seeds, (up, down), (slandered, praised), &BTreeSet::new()))
    }

    fn ready(
        &self,
        votes: Vec<Row>,
        mut seeds: Vec<usize>,
        (good, bad): (Vec<usize>, Vec<usize>),
        (slandered, praised): (Vec<usize>, Vec<usize>),
        known_bad: &BTreeSet<usize>,
    ) -> Split {
        seeds.sort_unstable();
        let voters: BTreeSet<usize> = votes.iter().map(|row| row.voter).collect();
        let honest =
            voters.into_iter().filter(|voter| seeds.binary_search(voter).is_err() && !known_bad.contains(voter));
        Split { honest: honest.collect(), votes, seeds, good, bad, count: self.count, slandered, praised }
    }

    /// Adds an attacker's votes to a split.
    pub(super) fn attacked(
        &self,
        protocol: Protocol,
        number: usize,
        split: &Split,
        attacker: &crate::attackers::Attacker,
    ) -> Attacked {
        let mut rng = self.generator(protocol, attacker.name, number);
        let attack = (attacker.plan)(&split.scene(), &mut rng);
        let answers = match attacker.timing {
            Timing::AtTheEnd => Vec::new(),
            Timing::OverTime => honest::answers(&split.votes, &attack, &mut rng),
        };
        let mut votes = split.votes.clone();
        votes.extend_from_slice(&attack.votes);
        votes.extend(answers);
        votes.sort_by_key(|row| row.time_ms);
        Attacked { votes, attack }
    }
}

fn draw(all: &[usize], some: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut all = all.to_vec();
    all.partial_shuffle(rng, some).0.to_vec()
}

#[cfg(test)]
mod tests;
