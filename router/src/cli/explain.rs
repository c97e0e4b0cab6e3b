//! `explain`: a score for people.

use std::process::ExitCode;

use ostrakon_ledger::Subject;
use serde_json::Value;

use super::{
    Place,
    desk::{Desk, Here},
};
use crate::{clock::now_ms, error::Error, node::start::outlook, rebuttals::Heard, scorebook::fold};

/// Contributions printed; `--json` has all that are kept.
const LINES_MAX: usize = 12;

pub(super) fn explain(place: &Place, subject: Subject, json: bool) -> Result<ExitCode, Error> {
    let explanation = match Desk::open(place)? {
        Desk::Here(here) => explain_here(&here, &subject)?,
        Desk::There(remote) => remote.get(&format!("/v1/subjects/{subject}"))?,
    };
    if json {
        println!("{}", serde_json::to_string_pretty(&explanation).unwrap_or_default());
    } else {
        print_for_people(&explanation);
    }
    Ok(ExitCode::SUCCESS)
}

/// What the node does when it starts: the book's file, if it serves, and the rest of the ledger.
fn explain_here(here: &Here, subject: &Subject) -> Result<Value, Error> {
    let reader = here.registrar.ledger().reader();
    let mut book = here.home.book_file().open(&outlook(&here.config), &reader);
    fold(&mut book, &reader)?;
    let now = now_ms();
    book.advance(now);
    let heard = Heard::new(book.explain(subject, now), &reader)?;
    serde_json::to_value(heard).map_err(|error| Error::BadRequest(error.to_string()))
}

/// The sentence, then the votes that weigh most, then what the node's own users say.
fn print_for_people(explanation: &Value) {
    let number = |value: &Value| value.as_i64().unwrap_or_default();
    println!("{}", explanation["sentence"].as_str().unwrap_or_default());
    println!(
        "  score {}, confidence {} (of 1000), seen by {} at ledger index {}",
        explanation["score"],
        explanation["confidence"],
        text(&explanation["viewpoint"]),
        explanation["ledger_index"]
    );
    if let Some(index) = explanation["convicted_at_index"].as_u64() {
        println!("  it told two stories: `ostrakon ledger fork` has the proof, which stands at index {index}");
    }
    let contributions = array(&explanation["contributions"]);
    for vote in contributions.iter().take(LINES_MAX) {
        println!(
            "  {:>+8.3} votes  {} {} by {} (index {}){}",
            in_votes(number(&vote["weight_nv"])),
            number(&vote["value"]),
            text(&vote["category"]),
            text(&vote["voter"]),
            vote["index"],
            path(&vote["path"]),
        );
        for answer in array(&explanation["rebuttals"]).iter().filter(|answer| answer["vote_index"] == vote["index"]) {
            println!("                  answered: {} (index {})", text(&answer["answer"]), answer["index"]);
        }
    }
    let hidden = contributions.len().saturating_sub(LINES_MAX);
    if hidden > 0 {
        println!("  and {hidden} more; --json has them");
    }
    let own = &explanation["own"];
    if number(&own["reports"]) > 0 {
        println!(
            "  this node's own users: {} reports, {:+.3} for it and {:+.3} against it",
            own["reports"],
            in_votes(number(&own["positive_nv"])),
            -in_votes(number(&own["negative_nv"])),
        );
    }
}

/// How trust came to the voter, if it had to come.
fn path(path: &Value) -> String {
    let steps: Vec<_> = path.as_array().into_iter().flatten().map(text).collect();
    if steps.len() < 2 { String::new() } else { format!(", trusted through {}", steps.join(" → ")) }
}

#[expect(clippy::cast_precision_loss, reason = "printed with three digits")]
fn in_votes(nano_votes: i64) -> f64 {
    nano_votes as f64 / 1e9
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[][..], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
