//! Small commands: say one thing to the node, print what it answered.

use std::{path::Path, process::ExitCode};

use ostrakon_ledger::{Answer, Category, RecordId, Subject};
use serde_json::Value;

use super::{Place, client::NodeClient, evidence};
use crate::{
    error::Error,
    flow::registrar::{Ballot, Rebuttal},
    out,
    output::counted,
    server::{clock::now_ms, policy_file},
    units::Span,
};

pub(super) fn vote(
    place: &Place,
    subject: Subject,
    value: i8,
    category: Category,
    expires: Option<Span>,
    evidence: Option<&Path>,
) -> Result<ExitCode, Error> {
    let expires_at_ms = expires.map_or(0, |span| now_ms().saturating_add(span.ms()));
    let mut client = NodeClient::open(place)?;
    let commitment = evidence::keep(&mut client, evidence)?;
    let answer = client.cast(Ballot { subject, value, category, expires_at_ms, commitment })?;
    out!("voted at index {}, record {}", answer["index"], text(&answer["id"]))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn retract(place: &Place, id: RecordId) -> Result<ExitCode, Error> {
    let answer = NodeClient::open(place)?.retract(id)?;
    out!("retracted at index {}, record {}", answer["index"], text(&answer["id"]))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rebut(place: &Place, id: RecordId, answer: Answer, file: Option<&Path>) -> Result<ExitCode, Error> {
    let mut client = NodeClient::open(place)?;
    let commitment = evidence::keep(&mut client, file)?;
    let said = client.rebut(Rebuttal { id, answer, commitment })?;
    out!("rebutted at index {}, record {}", said["index"], text(&said["id"]))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn erase(place: &Place, id: RecordId) -> Result<ExitCode, Error> {
    let said = NodeClient::open(place)?.erase(id)?;
    out!("erased; said so at index {}, record {}", said["index"], text(&said["id"]))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn rotate(place: &Place) -> Result<ExitCode, Error> {
    let said = NodeClient::open(place)?.rotate()?;
    out!("a new key is in force since index {}, record {}", said["index"], text(&said["id"]))?;
    Ok(ExitCode::SUCCESS)
}

pub(super) fn check_policy(file: &Path) -> Result<ExitCode, Error> {
    let policy = policy_file::read(file)?.policy;
    for warning in policy.warnings() {
        out!("warning: {warning}")?;
    }
    out!(
        "{}: {}, {}, digest {}",
        file.display(),
        counted(policy.limits().len() as u64, "limit"),
        counted(policy.rules().len() as u64, "rule"),
        hex::encode(policy.digest())
    )?;
    Ok(ExitCode::SUCCESS)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
