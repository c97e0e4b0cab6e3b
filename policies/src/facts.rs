//! The facts about a message that conditions can use, in one table for the checker, the look-up and the documentation.

use std::fmt;

use cel::common::types::{CelBool, CelInt, CelString};
use cel::common::value::CowVal;
use cel::context::VariableResolver;
use serde::{Deserialize, Serialize};

use crate::source::list;

/// The type of a fact, named as in CEL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactType {
    /// `string`
    Text,
    /// `int`, 64 bits
    Int,
    /// `bool`
    Bool,
}

impl fmt::Display for FactType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            FactType::Text => "string",
            FactType::Int => "int",
            FactType::Bool => "bool",
        })
    }
}

/// The form of a fact's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextForm {
    /// Anything.
    Any,
    /// One of these words.
    Words(&'static [&'static str]),
    /// The normal form of a host: ASCII, no upper case, no white space, no dot at the end; empty if there is none.
    Host,
    /// No upper case and no white space at the ends; empty if there is none.
    Lower,
}

/// One line of the table of facts.
#[derive(Debug, PartialEq, Eq)]
pub struct Fact {
    /// The name in conditions, keys and texts.
    pub name: &'static str,
    /// Its type.
    pub kind: FactType,
    /// The smallest and the largest value of a number. Callers must keep to it, because the checker finds impossible
    /// conditions with it.
    pub range: (i64, i64),
    /// The form of a text. Callers must keep to it, because the checker finds impossible conditions with it.
    pub form: TextForm,
    /// The description for operators.
    pub doc: &'static str,
}

/// The value of one fact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactValue<'a> {
    /// A `string`.
    Text(&'a str),
    /// An `int`.
    Int(i64),
    /// A `bool`.
    Bool(bool),
}

impl FactValue<'_> {
    /// An `int` as it is, and a `bool` as 0 or 1. `None` for a `string`.
    pub fn number(self) -> Option<i64> {
        match self {
            FactValue::Text(_) => None,
            FactValue::Int(number) => Some(number),
            FactValue::Bool(flag) => Some(i64::from(flag)),
        }
    }
}

/// Reads one fact as a number at `now_ms`.
pub(crate) type Read = fn(&Facts, u64) -> i64;

macro_rules! facts {
    (
        text { $($text:ident ($form:expr) = $text_doc:literal;)* }
        int { $($int:ident ($lo:expr, $hi:expr) = $int_doc:literal;)* }
        bool { $($flag:ident = $flag_doc:literal;)* }
        time { $($time:ident ($time_lo:expr, $time_hi:expr) = $time_doc:literal, $from:expr;)* }
    ) => {
        /// The facts about one message. Facts of time (`now_ms`, `hour`) follow from the `now_ms` given to `decide`.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct Facts {
            $(#[doc = $text_doc] pub $text: String,)*
            $(#[doc = $int_doc] pub $int: i64,)*
            $(#[doc = $flag_doc] pub $flag: bool,)*
        }

        /// Every fact that conditions, keys and texts may name.
        pub const FACTS: &[Fact] = &[
            $(Fact { name: stringify!($text), kind: FactType::Text, range: (0, 0), form: $form, doc: $text_doc },)*
            $(Fact { name: stringify!($int), kind: FactType::Int, range: ($lo, $hi), form: TextForm::Any, doc: $int_doc },)*
            $(Fact { name: stringify!($flag), kind: FactType::Bool, range: (0, 1), form: TextForm::Any, doc: $flag_doc },)*
            $(Fact { name: stringify!($time), kind: FactType::Int, range: ($time_lo, $time_hi), form: TextForm::Any, doc: $time_doc },)*
        ];

        impl Facts {
            /// Facts to try a policy with: each number is chosen from its range by `number`, each flag is `flag`, and
            /// each text that is not one of given words is `text`.
            pub(crate) fn example(number: fn((i64, i64)) -> i64, flag: bool, text: &str) -> Self {
                let word = |form: TextForm| match form {
                    TextForm::Words(words) => words.first().copied().unwrap_or_default().to_owned(),
                    TextForm::Any | TextForm::Host | TextForm::Lower => text.to_owned(),
                };
                Self { $($text: word($form),)* $($int: number(($lo, $hi)),)* $($flag: flag,)* }
            }

            /// The value of the fact `name` at `now_ms`; `None` if there is no such fact.
            pub fn value(&self, name: &str, now_ms: u64) -> Option<FactValue<'_>> {
                match name {
                    $(stringify!($text) => Some(FactValue::Text(&self.$text)),)*
                    $(stringify!($int) => Some(FactValue::Int(self.$int)),)*
                    $(stringify!($flag) => Some(FactValue::Bool(self.$flag)),)*
                    $(stringify!($time) => { let from: fn(u64) -> i64 = $from; Some(FactValue::Int(from(now_ms))) })*
                    _ => None,
                }
            }
        }

        /// The function that reads the number or flag with this name. A flag is 0 or 1.
        pub(crate) fn reader(name: &str) -> Option<Read> {
            match name {
                $(stringify!($int) => Some(|facts, _| facts.$int),)*
                $(stringify!($flag) => Some(|facts, _| i64::from(facts.$flag)),)*
                $(stringify!($time) => Some(|_, now_ms| { let from: fn(u64) -> i64 = $from; from(now_ms) }),)*
                _ => None,
            }
        }

        /// The facts in the interpreter's own types. It borrows them, so a look-up allocates no memory.
        pub(crate) struct Variables<'a> {
            $($text: CelString<'a>,)*
            $($int: CelInt,)*
            $($flag: CelBool,)*
            $($time: CelInt,)*
        }

        impl<'a> Variables<'a> {
            pub(crate) fn new(facts: &'a Facts, now_ms: u64) -> Self {
                Self {
                    $($text: CelString::from(facts.$text.as_str()),)*
                    $($int: CelInt::from(facts.$int),)*
                    $($flag: CelBool::from(facts.$flag),)*
                    $($time: { let from: fn(u64) -> i64 = $from; CelInt::from(from(now_ms)) },)*
                }
            }
        }

        impl VariableResolver for Variables<'_> {
            fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
                match variable {
                    $(stringify!($text) => Some(CowVal::Borrowed(&self.$text)),)*
                    $(stringify!($int) => Some(CowVal::Borrowed(&self.$int)),)*
                    $(stringify!($flag) => Some(CowVal::Borrowed(&self.$flag)),)*
                    $(stringify!($time) => Some(CowVal::Borrowed(&self.$time)),)*
                    _ => None,
                }
            }
        }
    };
}

/// Five subjects, each capped at 3000 milli-nats.
const STANDING_MAX: i64 = 15_000;

facts! {
    text {
        peer (TextForm::Host) = "The server that hands the message over: its domain in lower case, as A-label, without port; `[192.0.2.1]` or `[2001:db8::/64]` for one without a name.";
        peer_proof (TextForm::Words(&["none", "signature", "spf", "stream", "x-matrix", "http-signature", "certificate", "dns"])) = "How the peer has proven that it is that server.";
        sender (TextForm::Any) = "The sender's address or account in its normal form: lower case, without brackets, and without what follows a `+`; empty for the null sender.";
        sender_domain (TextForm::Host) = "The domain of `sender`, in the same form as `peer`; empty if it has none.";
        sender_proof (TextForm::Words(&["none", "signature", "spf", "dkim", "dkim2", "dmarc", "stream", "x-matrix", "http-signature", "certificate", "dns"])) = "How that domain was proven.";
        network (TextForm::Lower) = "The network the connection came from: an address, a prefix, for IPv6 a /64 at most, or what the adapter calls it; empty if unknown.";
        kind (TextForm::Words(&["chat", "mail", "post", "invite", "presence", "report"])) = "The kind of message.";
    }
    int {
        recipients (0, i64::MAX) = "How many recipients the message has.";
        size (0, i64::MAX) = "The size of the message in bytes.";
        links (0, i64::MAX) = "How many links the adapter counted; 0 if it did not count.";
        score (-1000, 1000) = "The peer's score in thousandths: −1000 (all bad) to 1000 (all good).";
        confidence (0, 1000) = "How much is known about the peer, in thousandths: 0 is nothing, 1000 is certainty.";
        accusers (0, i64::MAX) = "How many independent reporters are against the peer. A user of this node counts as one, however often the user reports; a trusted user counts as three. The ledger counts as three if its score alone is below −500.";
        ledger_score (-1000, 1000) = "The peer's score from the votes in the ledger alone.";
        ledger_confidence (0, 1000) = "Confidence from those votes, 0 to 1000.";
        parent_score (-1000, 0) = "The worst score in the ledger of a domain above the peer, up to the one that can be registered; 0 if none is bad.";
        parent_confidence (0, 1000) = "Confidence from those votes, 0 to 1000.";
        known_for_ms (0, i64::MAX) = "How long ago the first message from the peer came, in milliseconds; 0 for the first message, and if the first is no longer remembered.";
        standing (-STANDING_MAX, STANDING_MAX) = "The sum over all subjects of the message, in milli-nats; below 0 counts against it. Each subject adds −3000 to 3000. A subject without votes, or not given, adds −500 if it was never seen, −250 after one message, and less with every doubling. Content without votes adds 0.";
        origin_accusers (0, i64::MAX) = "The largest number of accusers of the peer, the network, the sender's domain or the account.";
        net_score (-1000, 1000) = "The network's score, as `score`.";
        net_confidence (0, 1000) = "The network's confidence, as `confidence`.";
        domain_score (-1000, 1000) = "The sender domain's score.";
        domain_confidence (0, 1000) = "The sender domain's confidence.";
        account_score (-1000, 1000) = "The sending account's score.";
        account_confidence (0, 1000) = "The sending account's confidence.";
        content_score (-1000, 1000) = "The score of this content, from earlier reports here or elsewhere.";
        content_confidence (0, 1000) = "The content's confidence.";
        content_accusers (0, i64::MAX) = "How many independent reporters are against the content, as `accusers`.";
        spam_score (-1000, 1000) = "The peer's score from votes in the category `spam` alone.";
        spam_confidence (0, 1000) = "Confidence from those votes, 0 to 1000.";
        scam_score (-1000, 1000) = "The peer's score from votes in the category `scam` alone.";
        scam_confidence (0, 1000) = "Confidence from those votes, 0 to 1000.";
        malware_score (-1000, 1000) = "The peer's score from votes in the category `malware` alone.";
        malware_confidence (0, 1000) = "Confidence from those votes, 0 to 1000.";
        abuse_score (-1000, 1000) = "The peer's score from votes in the category `abuse` alone.";
        abuse_confidence (0, 1000) = "Confidence from those votes, 0 to 1000.";
        flood_score (-1000, 1000) = "The peer's score from votes in the category `flood` alone.";
        flood_confidence (0, 1000) = "Confidence from those votes, 0 to 1000.";
        ham_score (-1000, 1000) = "The peer's score from votes in the category `ham` alone.";
        ham_confidence (0, 1000) = "Confidence from those votes, 0 to 1000.";
        vouch_score (-1000, 1000) = "The peer's score from votes in the category `vouch` alone.";
        vouch_confidence (0, 1000) = "Confidence from those votes, 0 to 1000.";
    }
    bool {
        known_contact = "The recipient has written to the sender, or has it as a contact.";
        peer_proven = "The peer has proven that it is that server. A good score of a name counts only for a peer that proves the name.";
        sender_proven = "The sender's domain, and with it the account, was proven.";
        signed = "The peer signed the message and the signature was verified.";
        newcomer = "Nothing is known about the peer: no vote counts, and no user of this node has reported it.";
    }
    time {
        now_ms (0, i64::MAX) = "The time of the decision in milliseconds since 1970, UTC.", |now_ms| now_ms.min(i64::MAX as u64) as i64;
        hour (0, 23) = "The hour of the day of the decision, UTC.", |now_ms| (now_ms / 3_600_000 % 24) as i64;
    }
}

impl Fact {
    /// The fact with this name.
    pub fn named(name: &str) -> Option<&'static Fact> {
        FACTS.iter().find(|fact| fact.name == name)
    }
}

/// The table of facts in Markdown, as in `docs/policies.md`.
pub fn facts_table() -> String {
    let mut table = String::from("| fact | type | meaning |\n|---|---|---|\n");
    for fact in FACTS {
        let words = match fact.form {
            TextForm::Words(words) => format!(" One of {}.", list(words)),
            TextForm::Any | TextForm::Host | TextForm::Lower => String::new(),
        };
        table += &format!("| `{}` | {} | {}{words} |\n", fact.name, fact.kind, fact.doc);
    }
    table
}
