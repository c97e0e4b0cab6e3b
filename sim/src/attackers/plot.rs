//! The common parts of attackers: false identities, edges, praise for each other, votes on targets.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use rand::RngExt;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;

use super::{Attack, Scene};
use crate::votes::Row;

/// The value of an honest voter's vote for a false identity by mistake, in hundredths.
const EDGE: i8 = 30;
/// The usual number of edges of an attack.
const EDGES: usize = 100;
/// How many other false identities each false identity praises.
const PRAISE: usize = 10;
/// Targets per identity, if the targets are divided among the identities.
pub(super) const SHARE: usize = 10;

/// Builds an attack.
pub(super) struct Plot<'a> {
    pub(super) scene: &'a Scene<'a>,
    pub(super) rng: &'a mut ChaCha8Rng,
    pub(super) identities: Range<usize>,
    votes: Vec<Row>,
}

impl<'a> Plot<'a> {
    /// New false identities, which have not voted yet.
    pub(super) fn new(scene: &'a Scene, rng: &'a mut ChaCha8Rng, identities: usize) -> Self {
        Self { scene, rng, identities: scene.count..scene.count + identities, votes: Vec::new() }
    }

    /// The usual start, at the end of the honest votes: a number of identities with a hundred edges from random honest
    /// voters, which praise each other. Also returns the identities and the time.
    pub(super) fn ring(scene: &'a Scene, rng: &'a mut ChaCha8Rng, identities: usize) -> (Self, Range<usize>, u64) {
        let mut plot = Self::new(scene, rng, identities);
        let (ring, now) = (plot.identities.clone(), scene.end_ms());
        plot.edges(scene.honest, ring.clone(), EDGES, now);
        plot.praise(ring.clone(), now);
        (plot, ring, now)
    }

    /// The attack, without votes of a voter about itself.
    pub(super) fn attack(self) -> Attack {
        let mut votes = self.votes;
        votes.retain(|row| row.voter != row.subject);
        Attack { votes, identities: self.identities }
    }

    pub(super) fn vote(&mut self, voter: usize, subject: usize, value: i8, time_ms: u64) {
        self.votes.push(Row { voter, subject, value, time_ms });
    }

    /// Adds votes of `edges` honest voters of `pool`, each for an identity of `ring`.
    pub(super) fn edges(&mut self, pool: &[usize], ring: Range<usize>, edges: usize, time_ms: u64) {
        if pool.is_empty() {
            return;
        }
        for _ in 0..edges {
            let voter = pool[self.rng.random_range(0..pool.len())];
            let identity = self.rng.random_range(ring.clone());
            self.vote(voter, identity, EDGE, time_ms);
        }
    }

    /// Every identity of `ring` praises ten of the ring.
    pub(super) fn praise(&mut self, ring: Range<usize>, time_ms: u64) {
        for identity in ring.clone() {
            for _ in 0..PRAISE {
                let other = self.rng.random_range(ring.clone());
                self.vote(identity, other, 100, time_ms);
            }
        }
    }

    /// Every identity of `ring` votes on all `targets`.
    pub(super) fn vote_on_all(&mut self, ring: Range<usize>, targets: &[(usize, i8)], time_ms: u64) {
        for identity in ring {
            for (subject, value) in targets {
                self.vote(identity, *subject, *value, time_ms);
            }
        }
    }

    /// Every identity of `ring` votes on a number of `targets`, drawn anew for each identity.
    pub(super) fn vote_on_some(&mut self, ring: Range<usize>, targets: &[(usize, i8)], some: usize, time_ms: u64) {
        for identity in ring {
            for (subject, value) in self.draw(targets, some) {
                self.vote(identity, subject, value, time_ms);
            }
        }
    }

    /// This many different members of `all`, or all if there are fewer.
    pub(super) fn draw<T: Copy>(&mut self, all: &[T], some: usize) -> Vec<T> {
        let mut all = all.to_vec();
        all.partial_shuffle(self.rng, some).0.to_vec()
    }

    /// The honest voters with the most positive votes from others, the best first. Of equals, the lower number first.
    pub(super) fn best_connected(&self, some: usize) -> Vec<usize> {
        let mut fans: BTreeMap<usize, BTreeSet<usize>> =
            self.scene.honest.iter().map(|voter| (*voter, BTreeSet::new())).collect();
        for row in self.scene.votes.iter().filter(|row| row.value > 0) {
            fans.get_mut(&row.subject).into_iter().for_each(|of| _ = of.insert(row.voter));
        }
        let mut ranked: Vec<(usize, usize)> = fans.iter().map(|(voter, fans)| (*voter, fans.len())).collect();
        ranked.sort_by_key(|(voter, fans)| (std::cmp::Reverse(*fans), *voter));
        ranked.iter().take(some).map(|(voter, _)| *voter).collect()
    }

    /// Well-known subjects: those with at least five votes and a clear mean, and the value of a vote that agrees with
    /// it.
    pub(super) fn established(&self) -> Vec<(usize, i8)> {
        let mut votes: BTreeMap<usize, (i32, i32)> = BTreeMap::new();
        for row in self.scene.votes {
            let (sum, count) = votes.entry(row.subject).or_default();
            *sum += i32::from(row.value);
            *count += 1;
        }
        let clear = votes.into_iter().filter(|(_, (sum, count))| *count >= 5 && sum.abs() >= 20 * count);
        clear.map(|(subject, (sum, _))| (subject, if sum > 0 { 50 } else { -50 })).collect()
    }
}
