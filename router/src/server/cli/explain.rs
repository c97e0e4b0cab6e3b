//! `explain`: a score for people.

use std::process::ExitCode;

use serde_json::Value;

use super::{
    Place,
    client::{ClosedNode, NodeClient},
};
use crate::{
    error::Error,
    flow::{
        explaining::{Audience, Question},
        rebuttals::Heard,
    },
    out,
    output::{self, OutputError, counted},
    server::{clock::now_ms, node::start::outlook, scorebook::fold},
};

/// Votes printed; `--json` has all that are kept.
const LINES_MAX: usize = 12;

pub(super) fn explain(place: &Place, question: &Question, json: bool) -> Result<ExitCode, Error> {
    let explanation = match NodeClient::open(place)? {
        NodeClient::Closed(here) => explain_here(&here, question)?,
        NodeClient::Served(remote) => remote.get(&path_of(question))?,
    };
    if json {
        output::json(&explanation)?;
    } else {
        print_head(&explanation)?;
        match question.audience {
            Audience::Operator => print_reasons(&explanation)?,
            Audience::Outsider => print_votes(&explanation)?,
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Where a node that is being served answers the question.
fn path_of(question: &Question) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    if let Some(viewpoint) = &question.viewpoint {
        form.append_pair("viewpoint", viewpoint);
    }
    if question.audience == Audience::Outsider {
        form.append_pair("redacted", "true");
    }
    format!("/v1/subjects/{}?{}", question.subject, form.finish())
}

/// What the node does when it starts: the book's file, if it serves, and the rest of the ledger.
fn explain_here(here: &ClosedNode, question: &Question) -> Result<Value, Error> {
    let reader = here.registrar.ledger().reader();
    let mut book = here.home.book_file().open(&outlook(&here.config), &reader);
    fold(&mut book, &reader)?;
    let now = now_ms();
    book.advance(now);
    let heard = Heard::new(question.answer(&book, now)?, &reader, u64::MAX)?;
    serde_json::to_value(heard).map_err(|error| Error::BadRequest(error.to_string()))
}

/// The sentence, and from where the score is seen.
fn print_head(explanation: &Value) -> Result<(), OutputError> {
    out!("{}", explanation["sentence"].as_str().unwrap_or_default())?;
    // What the sentence leads with is more than the ledger then.
    let alone = if number(&explanation["effective"]["reporters"]) > 0 { "by the ledger alone: " } else { "" };
    out!(
        "  {alone}score {}, confidence {} (of 1000), seen by {} at ledger index {}, parameters {:.8}",
        explanation["score"],
        explanation["confidence"],
        text(&explanation["viewpoint"]),
        explanation["ledger_index"],
        text(&explanation["parameters"]),
    )?;
    if let Some(index) = explanation["convicted_at_index"].as_u64() {
        out!("  it told two stories: `ostrakon ledger fork` has the proof, which stands at index {index}")?;
    }
    Ok(())
}

/// The votes that weigh most, then how others see it, then what the node's own users say.
fn print_reasons(explanation: &Value) -> Result<(), OutputError> {
    let contributions = array(&explanation["contributions"]);
    for vote in contributions.iter().take(LINES_MAX) {
        out!(
            "  {:>+8.3} votes  {} {} by {} (index {}){}",
            in_votes(number(&vote["weight_nv"])),
            number(&vote["value"]),
            text(&vote["category"]),
            text(&vote["voter"]),
            vote["index"],
            path(&vote["path"]),
        )?;
        print_beside(explanation, &vote["index"])?;
    }
    print_hidden(contributions.len())?;
    let others = array(&explanation["viewpoints"]).iter().filter(|seen| seen["viewpoint"] != explanation["viewpoint"]);
    for seen in others {
        out!("  seen by {}: score {}, confidence {}", text(&seen["viewpoint"]), seen["score"], seen["confidence"])?;
    }
    let own = &explanation["own"];
    if number(&own["reporters"]) > 0 {
        out!(
            "  this node's own users: {}, {:+.3} for it and {:+.3} against it",
            counted(number(&own["reporters"]).unsigned_abs(), "reporter"),
            in_votes(number(&own["positive_nv"])),
            -in_votes(number(&own["negative_nv"])),
        )?;
    }
    // A node that is not served has no reports at hand.
    if own.is_null() {
        out!("  reports of this node's own users count, too, and are known only while it is served")?;
    } else if contributions.is_empty() && number(&own["reporters"]) == 0 && is_a_name(text(&explanation["subject"])) {
        out!(
            "  messages that do not prove this name are judged by claims; `ostrakon decision ID` names those of one message"
        )?;
    }
    Ok(())
}

/// Whether a subject is a name that a message may prove, or only claim.
fn is_a_name(subject: &str) -> bool {
    ["peer:", "domain:", "account:"].iter().any(|kind| subject.starts_with(kind))
}

/// The votes as the ledger has them, the latest first.
fn print_votes(explanation: &Value) -> Result<(), OutputError> {
    let votes = array(&explanation["votes"]);
    for vote in votes.iter().take(LINES_MAX) {
        let (value, category, voter) = (number(&vote["value"]), text(&vote["category"]), text(&vote["voter"]));
        out!("  {value:>+4} {category} by {voter} (index {})", vote["index"])?;
        print_beside(explanation, &vote["index"])?;
    }
    print_hidden(votes.len())
}

/// Where a vote was copied from, if it was, and what the accused answered to it.
fn print_beside(explanation: &Value, vote_index: &Value) -> Result<(), OutputError> {
    for from in array(&explanation["copied"]).iter().filter(|from| from["vote_index"] == *vote_index) {
        out!("                  copied from {} (index {} there)", text(&from["ledger"]), from["index"])?;
    }
    for answer in array(&explanation["rebuttals"]).iter().filter(|answer| answer["vote_index"] == *vote_index) {
        out!("                  answered: {} (index {})", text(&answer["answer"]), answer["index"])?;
    }
    Ok(())
}

fn print_hidden(listed: usize) -> Result<(), OutputError> {
    let hidden = listed.saturating_sub(LINES_MAX);
    if hidden > 0 {
        out!("  and {hidden} more; --json has them")?;
    }
    Ok(())
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

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[][..], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
