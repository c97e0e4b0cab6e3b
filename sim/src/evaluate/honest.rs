//! How the honest answer while an attack goes on: whoever is contradicted by a stranger says so, and whoever took the
//! stranger for real takes it back.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::attackers::Attack;
use crate::votes::Row;

/// How long it takes the contradicted to answer, and the deceived to see it.
const ANSWER_MS: u64 = 14 * 86_400_000;
const REGRET_MS: u64 = 30 * 86_400_000;
/// A stranger's first votes are answered, each by one of the contradicted; after that nobody bothers.
const ANSWERS_MAX: usize = 2;
/// How likely the deceived take their vote back, and what they say instead.
const REGRET: f64 = 0.5;
const REGRET_VALUE: i8 = -50;

/// The answers that are given before the honest votes end, in the order of what they answer.
pub(super) fn answers(honest: &[Row], attack: &Attack, rng: &mut ChaCha8Rng) -> Vec<Row> {
    let end_ms = honest.last().map_or(0, |row| row.time_ms);
    let mut spoke: BTreeMap<usize, Vec<&Row>> = BTreeMap::new();
    honest.iter().for_each(|row| spoke.entry(row.subject).or_default().push(row));
    let mut attack_votes: Vec<&Row> = attack.votes.iter().collect();
    attack_votes.sort_by_key(|row| row.time_ms);

    let mut answered: BTreeMap<usize, usize> = BTreeMap::new();
    let mut answers = Vec::new();
    for vote in attack_votes.iter().filter(|row| attack.identities.contains(&row.voter)) {
        let contradicted: Vec<usize> = spoke
            .get(&vote.subject)
            .into_iter()
            .flatten()
            .filter(|row| row.time_ms <= vote.time_ms && (row.value > 0) != (vote.value > 0))
            .map(|row| row.voter)
            .collect();
        let so_far = answered.entry(vote.voter).or_default();
        if contradicted.is_empty() || *so_far == ANSWERS_MAX {
            continue;
        }
        *so_far += 1;
        let voter = contradicted[rng.random_range(0..contradicted.len())];
        answers.push(Row { voter, subject: vote.voter, value: -100, time_ms: vote.time_ms + ANSWER_MS });
        if *so_far > 1 {
            continue;
        }
        let edges =
            attack_votes.iter().filter(|row| row.subject == vote.voter && !attack.identities.contains(&row.voter));
        for edge in edges.filter(|row| row.time_ms <= vote.time_ms) {
            if rng.random_bool(REGRET) {
                let time_ms = vote.time_ms + REGRET_MS;
                answers.push(Row { voter: edge.voter, subject: vote.voter, value: REGRET_VALUE, time_ms });
            }
        }
    }
    answers.retain(|row| row.time_ms <= end_ms);
    answers
}
