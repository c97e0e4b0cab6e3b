//! How honest voters react to an attack: a voter that is contradicted by a stranger votes against the stranger, and a
//! voter that was deceived replaces its vote for the stranger.

use std::collections::BTreeMap;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::attackers::Attack;
use crate::votes::Row;

/// How long it takes until contradicted and deceived voters react.
const ANSWER_MS: u64 = 14 * 86_400_000;
const REGRET_MS: u64 = 30 * 86_400_000;
/// How many of a stranger's votes are answered, each by one of the contradicted voters.
const ANSWERS_MAX: usize = 2;
/// How likely deceived voters replace their vote, and the value of the new vote.
const REGRET: f64 = 0.5;
const REGRET_VALUE: i8 = -50;

/// The reactions before the end of the honest votes, in the order of the votes that caused them.
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
