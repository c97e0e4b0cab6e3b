//! Subjects on the command line: as the ledger has them, or in clear where it has tags.

use std::str::FromStr;

use ostrakon_ledger::{Malformed, PeerName, Pepper, Subject, SubjectKind, Tag};

use super::NodeArgs;
use crate::{error::Error, message, out, server::home::Home};

/// What stands on the command line: `peer:example.org`, `account:<tag>`, `account:ann@example.org`, `net:203.0.113.7`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SubjectArg {
    /// As the ledger has it.
    Subject(Subject),
    /// In clear. Its tag takes the federation's secret.
    Clear(SubjectKind, String),
}

impl FromStr for SubjectArg {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let Some((kind, id)) = text.split_once(':') else {
            return Err(Malformed::value("subject", text, "must be written as kind:id, for example peer:example.org"));
        };
        let kind: SubjectKind = kind.parse()?;
        Ok(match kind {
            SubjectKind::Peer => Self::Subject(Subject::Peer(PeerName::normalise(id)?)),
            SubjectKind::Domain => Self::Subject(Subject::Domain(PeerName::normalise(id)?)),
            // 64 hexadecimal digits are a tag: nobody knows a content by its digest but who has the message.
            _ => match id.parse::<Tag>() {
                Ok(_) => Self::Subject(Subject::new(kind, id)?),
                Err(_) => Self::Clear(kind, id.to_owned()),
            },
        })
    }
}

impl SubjectArg {
    /// The subject, with the secret in the node's directory if that is needed.
    pub(super) fn resolve(self, place: &NodeArgs) -> Result<Subject, Error> {
        match self {
            Self::Subject(subject) => Ok(subject),
            Self::Clear(kind, text) => in_clear(kind, &text, &pepper(place)?),
        }
    }
}

fn in_clear(kind: SubjectKind, text: &str, pepper: &Pepper) -> Result<Subject, Error> {
    message::named(kind, text, pepper).map_err(|error| Error::BadRequest(format!("{kind}:{text}: {error}")))
}

fn pepper(place: &NodeArgs) -> Result<Pepper, Error> {
    if place.node.is_some() {
        let reason = "an account or network in clear takes the secret in the node's directory: name that in place of the address";
        return Err(Error::BadRequest(reason.to_owned()));
    }
    Ok(Home::at(&place.dir).secrets()?.pepper)
}

/// `tag`: prints the subject of an identifier in clear: of an IP address or prefix as a network, of anything else as an account,
/// unless its kind stands before it.
pub(super) fn print(place: &NodeArgs, text: &str) -> Result<std::process::ExitCode, Error> {
    let subject = match text.parse() {
        Ok(named @ SubjectArg::Clear(..)) => named.resolve(place)?,
        Ok(SubjectArg::Subject(subject)) => subject,
        Err(_) => {
            let address = text.split_once('/').map_or(text, |(address, _)| address);
            let is_network = address.parse::<std::net::IpAddr>().is_ok();
            in_clear(if is_network { SubjectKind::Net } else { SubjectKind::Account }, text, &pepper(place)?)?
        }
    };
    out!("{subject}")?;
    Ok(std::process::ExitCode::SUCCESS)
}
