//! `hold`, `queue`, `dead`, `decision`: what waits in a node that is served, why, and what a person decides on it.

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use clap::Subcommand;
use serde_json::Value;

use super::{
    Place,
    client::{NodeClient, ServedNode},
};
use crate::{
    error::Error,
    flow::decision::DecisionId,
    out,
    output::{self, OutputError, counted},
    server::clock::now_ms,
    units::{date, in_words},
};

#[derive(Debug, Subcommand)]
pub(super) enum Holds {
    /// List what waits for a person
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Show a held message: who sent it to whom, why it is held, and its body
    #[command(after_help = "What somebody else wrote is spelled out where a terminal would obey it.\n\n\
                            Examples:\n  ostrakon hold show 079f…\n  ostrakon hold show 079f… --raw > body")]
    Show {
        /// The decision's id
        id: DecisionId,
        /// The body alone, byte for byte
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Deliver a held message
    Release {
        /// The decision's id
        id: DecisionId,
        #[command(flatten)]
        place: Place,
    },
    /// Drop a held message
    Reject {
        /// The decision's id
        id: DecisionId,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// List the messages that wait for their routes, those that are tried next first
    List {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum Dead {
    /// List the messages that were given up, and why
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Put a dead letter back into the delivery queue
    #[command(after_help = "It is tried at once, and expires as if it had come just now.")]
    Retry {
        /// The decision's id
        id: DecisionId,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) fn holds(command: Holds) -> Result<ExitCode, Error> {
    match command {
        Holds::List { place } => {
            let answer = served(&place)?.get("/v1/holds")?;
            array(&answer["holds"]).iter().try_for_each(print_hold)?;
            print_more(&answer)?;
        }
        Holds::Show { id, raw, place } => show(&served(&place)?.get(&format!("/v1/holds/{id}"))?, raw)?,
        Holds::Release { id, place } => rule(&place, id, "release")?,
        Holds::Reject { id, place } => rule(&place, id, "reject")?,
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn queue(Queue::List { place }: Queue) -> Result<ExitCode, Error> {
    let answer = served(&place)?.get("/v1/queue")?;
    let now_ms = now_ms();
    for it in array(&answer["queue"]) {
        let due_ms = number(&it["due_at_ms"]).saturating_sub(now_ms);
        let next = if due_ms == 0 { "due now".to_owned() } else { format!("next try in {}", in_words(due_ms)) };
        out!(
            "{}  route {}, queued {}, {}, {next}, until {}",
            text(&it["decision_id"]),
            text(&it["route"]),
            ago(number(&it["queued_at_ms"])),
            counted(number(&it["attempts"]), "failed attempt"),
            date(number(&it["expires_at_ms"])),
        )?;
        print_reason(&it["last_error"])?;
    }
    print_more(&answer)?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn dead(command: Dead) -> Result<ExitCode, Error> {
    match command {
        Dead::List { place } => {
            let answer = served(&place)?.get("/v1/dead")?;
            for it in array(&answer["dead"]) {
                out!(
                    "{}  route {}, given up {} after {}",
                    text(&it["decision_id"]),
                    text(&it["route"]),
                    ago(number(&it["died_at_ms"])),
                    counted(number(&it["attempts"]), "attempt"),
                )?;
                print_reason(&it["reason"])?;
            }
            print_more(&answer)?;
        }
        Dead::Retry { id, place } => {
            let answer = served(&place)?.post(&format!("/v1/dead/{id}/retry"), &Value::Null)?;
            out!("{id}: in the queue again, for route {}", text(&answer["route"]))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `decision`: what was decided on a message, why, and what it was judged by.
pub(super) fn decision(place: &Place, id: DecisionId, json: bool) -> Result<ExitCode, Error> {
    let decision = served(place)?.get(&format!("/v1/decisions/{id}"))?;
    if json {
        output::json(&decision)?;
        return Ok(ExitCode::SUCCESS);
    }
    let proof = decision["peer_proof"].as_str().filter(|proof| *proof != "none");
    let shown = proof.map_or_else(|| "without proof".to_owned(), |proof| format!("proven by {proof}"));
    out!("{}: a message from {}, {shown}", text(&decision["verdict"]), text(&decision["peer"]))?;
    out!("  decided      {}", ago(number(&decision["at_ms"])))?;
    let of = [&decision["score"], &decision["confidence"], &decision["standing"]];
    out!("  score {}, confidence {}, standing {}", of[0], of[1], of[2])?;
    print_reasons(&decision)?;
    let mut claimed = array(&decision["claims"]["of"]).iter();
    for subject in array(&decision["subjects"]).iter().map(text) {
        let what = if subject.starts_with("claim:") { claimed.next().map(text) } else { None };
        let what = what.map_or_else(String::new, |kind| format!("  (claims to be this {kind}, without proof)"));
        out!("  judged by    {subject}{what}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn print_reasons(decision: &Value) -> Result<(), OutputError> {
    for reason in array(&decision["reasons"]) {
        let shadow = if reason["shadow"] == Value::Bool(true) { ", in shadow mode" } else { "" };
        let (rule, verdict) = (text(&reason["rule"]), text(&reason["verdict"]));
        out!("  reason       {verdict} by `{rule}`{shadow}: {}", text(&reason["text"]))?;
    }
    Ok(())
}

fn print_hold(hold: &Value) -> Result<(), OutputError> {
    out!(
        "{}  held {}, until {}, route {}",
        text(&hold["decision_id"]),
        ago(number(&hold["held_at_ms"])),
        date(number(&hold["expires_at_ms"])),
        text(&hold["route"]),
    )?;
    let rules: Vec<_> = array(&hold["rules"]).iter().map(|rule| format!("`{}`", text(rule))).collect();
    out!(
        "  {} of {} from {}, sender at {}; held by {}",
        text(&hold["kind"]),
        counted(number(&hold["size"]), "byte"),
        text(&hold["peer"]),
        text(&hold["sender_domain"]),
        if rules.is_empty() { "?".to_owned() } else { rules.join(", ") },
    )
}

/// For people all of it, each line made printable; with `--raw` the body as it is.
fn show(held: &Value, raw: bool) -> Result<(), Error> {
    let body = held["body"].as_str().and_then(|body| BASE64_STANDARD.decode(body).ok()).unwrap_or_default();
    if raw {
        return Ok(output::raw(&body)?);
    }
    print_hold(held)?;
    print_reasons(&held["decision"])?;
    out!("  sender       {}", text(&held["sender"]))?;
    for recipient in array(&held["recipients"]) {
        out!("  recipient    {}", text(recipient))?;
    }
    out!("  sent         {}", date(number(&held["sent_at_ms"])))?;
    out!("  body         {}, {}", text(&held["media_type"]), counted(body.len() as u64, "byte"))?;
    out!("")?;
    let shown = String::from_utf8_lossy(&body);
    if shown.contains(char::REPLACEMENT_CHARACTER) && stdout().is_terminal() {
        out!("(not text; --raw gives the bytes)")?;
        return Ok(());
    }
    Ok(output::lines(&shown)?)
}

fn rule(place: &Place, id: DecisionId, word: &str) -> Result<(), Error> {
    served(place)?.post(&format!("/v1/holds/{id}/{word}"), &Value::Null)?;
    Ok(out!("{id}: {word} done")?)
}

/// Messages are in a store that one process opens: the node that is served.
fn served(place: &Place) -> Result<ServedNode, Error> {
    match NodeClient::open(place)? {
        NodeClient::Served(remote) => Ok(remote),
        NodeClient::Closed(_) => Err(Error::NotServed),
    }
}

fn print_reason(reason: &Value) -> Result<(), OutputError> {
    match text(reason) {
        "" => Ok(()),
        reason => out!("  {reason}"),
    }
}

fn print_more(answer: &Value) -> Result<(), OutputError> {
    if answer["more"] == Value::Bool(true) { out!("there are more; these come first") } else { Ok(()) }
}

/// When that was, and how long ago.
fn ago(at_ms: u64) -> String {
    format!("{} ({} ago)", date(at_ms), in_words(now_ms().saturating_sub(at_ms)))
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[][..], Vec::as_slice)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
