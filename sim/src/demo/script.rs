//! What happens in the demo, step by step: a pure function of the seed.

use ostrakon_ledger::Category;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::cast::{RING, SPAMMER_AT};
use ostrakon_router::message::ReportKind;

/// Messages between two tables: about five seconds of the two minutes.
const TABLE_EVERY: usize = 20;
/// How many others each member of the ring vouches for, beside the spammer.
const RING_VOUCHES: usize = 3;
/// Users of the node.
const USERS: usize = 6;

/// One step. Actors are named by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// A line of explanation.
    Say(&'static str),
    /// The operator admits the actor's key.
    Admit(usize),
    /// The operator vouches for the actor.
    Vouch(usize),
    /// The actor signs a vote on another.
    Vote { voter: usize, subject: usize, value: i8, category: Category },
    /// The actor sends a message. Only messages take time.
    Message(Sent),
    /// The table of all scores.
    Table,
    /// The spammer's score is noted, to be compared at the end.
    NoteScore,
}

/// A message that an actor sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) from: usize,
    /// Number of the sender's account at its server.
    pub(crate) account: usize,
    /// Number of the recipient among the node's users.
    pub(crate) user: usize,
    pub(crate) size: u64,
    pub(crate) links: u32,
    /// The recipient's report, if the message is delivered and the recipient reports it.
    pub(crate) report: Option<ReportKind>,
}

/// How many steps take time.
pub(crate) fn length(script: &[Step]) -> usize {
    script.iter().filter(|step| matches!(step, Step::Message(_))).count()
}

/// Writes the script.
pub(crate) fn write(seed: u64) -> Vec<Step> {
    let mut writer = Writer { rng: ChaCha8Rng::seed_from_u64(seed), steps: Vec::new(), messages: 0 };
    writer.honest_servers();
    writer.spammer();
    writer.votes();
    writer.ring();
    writer.last_words();
    writer.steps
}

/// Who sends in a chapter, and how often: weights need not add up to anything.
type Mix<'a> = &'a [(usize, u32)];

struct Writer {
    rng: ChaCha8Rng,
    steps: Vec<Step>,
    messages: usize,
}

impl Writer {
    fn honest_servers(&mut self) {
        self.say("Three honest servers write to this node's users. The operator knows and vouches for them.");
        for actor in 0..SPAMMER_AT {
            self.steps.push(Step::Admit(actor));
        }
        for actor in 0..SPAMMER_AT {
            self.steps.push(Step::Vouch(actor));
        }
        self.traffic(100, &[(0, 3), (1, 2), (2, 1)]);
    }

    fn spammer(&mut self) {
        self.say("A server that nobody knows begins to send offers to everybody. Some users report it.");
        self.steps.push(Step::Admit(SPAMMER_AT));
        self.traffic(100, &[(0, 1), (1, 1), (2, 1), (SPAMMER_AT, 6)]);
    }

    fn votes(&mut self) {
        self.say(
            "The honest servers had the same offers. Each signs a vote against their sender; this node takes them up.",
        );
        for voter in 0..SPAMMER_AT {
            self.vote(voter, SPAMMER_AT, -100, Category::Spam);
        }
        self.steps.push(Step::Table);
        self.traffic(100, &[(0, 1), (1, 1), (2, 1), (SPAMMER_AT, 4)]);
    }

    fn ring(&mut self) {
        self.steps.push(Step::NoteScore);
        self.say("Twelve new names appear. They vouch for one another and for the spammer, with valid signatures.");
        let ring = SPAMMER_AT + 1..SPAMMER_AT + 1 + RING;
        for member in ring.clone() {
            self.steps.push(Step::Admit(member));
        }
        for (number, voter) in ring.clone().enumerate() {
            for step in 1..=RING_VOUCHES {
                self.vote(voter, ring.start + (number + step) % RING, 100, Category::Vouch);
            }
            self.vote(voter, SPAMMER_AT, 100, Category::Vouch);
        }
        self.steps.push(Step::Table);
        let mut mix = vec![(0, 2), (1, 2), (2, 2), (SPAMMER_AT, 4)];
        mix.extend(ring.map(|member| (member, 1)));
        self.traffic(120, &mix);
    }

    fn last_words(&mut self) {
        self.say("Everybody goes on as before.");
        self.traffic(60, &[(0, 2), (1, 2), (2, 2), (SPAMMER_AT, 2)]);
    }

    fn say(&mut self, text: &'static str) {
        self.steps.push(Step::Say(text));
    }

    fn vote(&mut self, voter: usize, subject: usize, value: i8, category: Category) {
        self.steps.push(Step::Vote { voter, subject, value, category });
    }

    fn traffic(&mut self, messages: usize, mix: Mix<'_>) {
        for _ in 0..messages {
            let from = self.pick(mix);
            let message = self.message(from);
            self.steps.push(Step::Message(message));
            self.messages += 1;
            if self.messages.is_multiple_of(TABLE_EVERY) {
                self.steps.push(Step::Table);
            }
        }
    }

    fn pick(&mut self, mix: Mix<'_>) -> usize {
        let total = mix.iter().map(|(_, weight)| weight).sum();
        let mut drawn = self.rng.random_range(0..total);
        for (actor, weight) in mix {
            match drawn.checked_sub(*weight) {
                Some(rest) => drawn = rest,
                None => return *actor,
            }
        }
        mix[0].0
    }

    /// Honest mail is small, from a few accounts, and sometimes reported as wanted. Spam is larger, has many links,
    /// comes from many accounts, and is often reported.
    fn message(&mut self, from: usize) -> Sent {
        let honest = from < SPAMMER_AT;
        let (accounts, sizes, links, reported, report) = if honest {
            (4, 400..8_000, 0..2, 0.15, ReportKind::Ham)
        } else {
            (40, 2_000..30_000, 3..9, 0.35, ReportKind::Spam)
        };
        Sent {
            from,
            account: self.rng.random_range(0..accounts),
            user: self.rng.random_range(0..USERS),
            size: self.rng.random_range(sizes),
            links: self.rng.random_range(links),
            report: self.rng.random_bool(reported).then_some(report),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_is_a_function_of_the_seed() {
        assert_eq!(write(1), write(1));
        assert_ne!(write(1), write(2));
        assert_eq!(length(&write(1)), 480);
    }

    #[test]
    fn nobody_acts_before_being_admitted() {
        let mut admitted = Vec::new();
        for step in write(3) {
            match step {
                Step::Admit(actor) => admitted.push(actor),
                Step::Vote { voter, subject, .. } => {
                    assert!(admitted.contains(&voter) && admitted.contains(&subject) && voter != subject);
                }
                Step::Vouch(actor) => assert!(admitted.contains(&actor)),
                Step::Message(sent) => assert!(admitted.contains(&sent.from)),
                Step::Say(_) | Step::Table | Step::NoteScore => {}
            }
        }
        assert_eq!(admitted.len(), SPAMMER_AT + 1 + RING);
    }

    #[test]
    fn the_ring_is_trusted_by_nobody_outside_it() {
        for step in write(4) {
            if let Step::Vote { voter, subject, value, .. } = step {
                assert!(voter > SPAMMER_AT || subject <= SPAMMER_AT, "{voter} votes on {subject}");
                assert_eq!(value > 0, voter > SPAMMER_AT);
            }
        }
    }
}
