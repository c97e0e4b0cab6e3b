//! `peer`: who is admitted, and whose ledger is followed.

mod about;

use std::process::ExitCode;

use clap::Subcommand;
use ostrakon_ledger::{Malformed, PeerName, PublicKey, Reason, checkpoint::origin, note::NoteKey};
use serde_json::{Value, json};

use super::{NodeArgs, client::NodeClient};
use crate::{config::WebhookUrl, error::Error, out, output::OutputError, server::node::Standing};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Bind a peer's name to its key: from now on its votes and messages are taken
    #[command(
        after_help = "The peer's /.well-known/ostrakon has both forms. Of a peer that has rotated it must be the vkey, or the first key, so \
                      that its ledger and all it said can be followed.\n\n\
                      Examples:\n  ostrakon peer admit mail.example 0f1c…\n  ostrakon peer admit mail.example mail.example/ostrakon+1c2d…"
    )]
    Admit {
        /// The peer's domain
        #[arg(value_parser = PeerName::parse)]
        name: PeerName,
        /// Its Ed25519 public key, 64 hexadecimal digits, or the vkey of its ledger
        #[arg(value_parser = key)]
        key: Key,
        #[command(flatten)]
        place: NodeArgs,
    },
    /// End a peer's admission: its votes, messages and questions are refused, and what it said counts no longer
    #[command(
        after_help = "The ledger says so for good, with the reason. Votes of before stay in it and stop counting. \
                            `ostrakon peer admit` admits the peer again; what it says from then on counts.\n\n\
                            Example:\n  ostrakon peer expel mail.example --reason flood"
    )]
    Expel {
        /// The peer's domain
        #[arg(value_parser = PeerName::parse)]
        name: PeerName,
        /// Why: abuse, flood, compromised, withdrawn or other
        #[arg(long)]
        reason: Reason,
        #[command(flatten)]
        place: NodeArgs,
    },
    /// Keep a verified copy of a peer's ledger: what admitted authors say there counts here, and two histories convict it
    #[command(
        after_help = "The copy is served below /mirror/NAME/ of this node's public listener. Following again, at another \
                            address, goes on where the copy is.\n\n\
                            Examples:\n  ostrakon peer follow mail.example\n  \
                            ostrakon peer follow mail.example https://peer.mail.example:7400"
    )]
    Follow {
        /// The peer's domain
        #[arg(value_parser = PeerName::parse)]
        name: PeerName,
        /// Where its ledger is read, or a copy of it; https://NAME by default
        #[arg(value_parser = WebhookUrl::parse)]
        url: Option<WebhookUrl>,
        #[command(flatten)]
        place: NodeArgs,
    },
    /// Follow a peer's ledger no longer; the copy stays on disk, and what entered this ledger stays in it
    #[command(after_help = "Example:\n  ostrakon peer unfollow mail.example")]
    Unfollow {
        /// The peer's domain
        #[arg(value_parser = PeerName::parse)]
        name: PeerName,
        #[command(flatten)]
        place: NodeArgs,
    },
    /// List the peers that were admitted, and how following them goes
    List {
        #[command(flatten)]
        place: NodeArgs,
    },
}

pub(super) fn run(command: Command) -> Result<ExitCode, Error> {
    match command {
        Command::Admit { name, key, place } => admit(&place, name, &key),
        Command::Expel { name, reason, place } => expel(&place, &name, reason),
        Command::Follow { name, url, place } => follow(&place, &name, url.as_ref()),
        Command::Unfollow { name, place } => unfollow(&place, &name),
        Command::List { place } => list(&place),
    }
}

/// A key in hexadecimal, or the vkey of a ledger.
#[derive(Debug, Clone)]
pub(super) enum Key {
    Plain(PublicKey),
    Vkey(NoteKey),
}

fn key(text: &str) -> Result<Key, Malformed> {
    if text.contains('+') { text.parse().map(Key::Vkey) } else { text.parse().map(Key::Plain) }
}

impl Key {
    /// The key as that of a peer. A vkey says whose it is.
    fn of(&self, peer: &PeerName) -> Result<PublicKey, Error> {
        match self {
            Self::Plain(key) => Ok(*key),
            Self::Vkey(vkey) if vkey.name() == origin(peer) => Ok(vkey.public()),
            Self::Vkey(vkey) => {
                Err(Error::BadRequest(format!("this is the vkey of {}, not of {}", vkey.name(), origin(peer))))
            }
        }
    }
}

fn admit(place: &NodeArgs, name: PeerName, key: &Key) -> Result<ExitCode, Error> {
    let key = key.of(&name)?;
    let answer = NodeClient::open(place)?.admit(name.clone(), key)?;
    let is_new = answer["new"] != Value::Bool(false);
    let verb = if is_new { "admitted" } else { "was admitted already" };
    out!("{name} {verb} at index {}, record {}", answer["index"], text(&answer["id"]))?;
    if is_new {
        out!("  to keep a copy of its ledger: ostrakon peer follow {name}")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn expel(place: &NodeArgs, name: &PeerName, reason: Reason) -> Result<ExitCode, Error> {
    let answer = NodeClient::open(place)?.expel(name, reason)?;
    out!("{name} expelled at index {}, record {}", answer["index"], text(&answer["id"]))?;
    out!("  its ledger is not followed; to admit it again does not follow it again")?;
    Ok(ExitCode::SUCCESS)
}

fn follow(place: &NodeArgs, name: &PeerName, url: Option<&WebhookUrl>) -> Result<ExitCode, Error> {
    let url = url.map_or_else(|| format!("https://{name}"), |url| url.as_str().to_owned());
    let client = NodeClient::open(place)?;
    client.follow(name, &url)?;
    about::compare(&client, name, &url)?;
    out!("{name}: its ledger at {url} is copied and checked while this node is served")?;
    Ok(ExitCode::SUCCESS)
}

fn unfollow(place: &NodeArgs, name: &PeerName) -> Result<ExitCode, Error> {
    NodeClient::open(place)?.unfollow(name)?;
    out!("{name}: not followed any more; mirrors/{name} keeps the copy and what was seen signed")?;
    Ok(ExitCode::SUCCESS)
}

fn list(place: &NodeArgs) -> Result<ExitCode, Error> {
    match NodeClient::open(place)? {
        NodeClient::Closed(here) => {
            let mirrors = here.mirrors();
            for (peer, head) in here.registrar.ledger().reader().authors()? {
                let follows = match mirrors.look_at(&peer) {
                    Ok(copy) => {
                        let state = |forked| if forked { "forked" } else { "not served" };
                        copy.map(|it| json!({ "url": it.url, "state": state(it.forked), "entries": it.entries }))
                    }
                    Err(error) => {
                        Some(json!({ "url": "?", "state": "failing", "entries": 0, "reason": error.to_string() }))
                    }
                };
                let reader = here.registrar.ledger().reader();
                let convicted = reader.conviction_of(&peer)?;
                print(&json!({
                    "peer": peer.as_str(), "key": head.key.to_string(), "seq": head.seq, "imported": head.imported,
                    "state": Standing::of(&head, convicted), "convicted_at_index": convicted,
                    "expelled_at_index": reader.expulsion_of(&peer)?.filter(|_| head.expelled),
                    "follows": follows,
                }))?;
            }
        }
        NodeClient::Served(remote) => {
            remote.get("/v1/peers")?["peers"].as_array().into_iter().flatten().try_for_each(print)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn print(peer: &Value) -> Result<(), OutputError> {
    let imported = if peer["imported"] == Value::Bool(true) { "  imported" } else { "" };
    out!("{}  {}  {} records{imported}", text(&peer["peer"]), text(&peer["key"]), peer["seq"])?;
    if let Some(index) = peer["convicted_at_index"].as_u64() {
        out!("  told two stories: convicted at index {index}, see `ostrakon ledger fork`")?;
    }
    if let Some(index) = peer["expelled_at_index"].as_u64() {
        out!("  expelled at index {index}: it may not vote, send or read evidence here")?;
    }
    let follows = &peer["follows"];
    let Some(url) = follows["url"].as_str() else { return Ok(()) };
    out!("  its ledger at {url}: {}, {} entries copied", text(&follows["state"]), follows["entries"])?;
    for (count, what) in [
        ("taken", "records entered this ledger since the start"),
        ("strangers", "entries by authors who are not admitted here"),
        ("refused", "records were refused; the log says why"),
        (
            "forgotten",
            "records of this node are there and not here: this folder was put back from an old backup, see docs/backup.md",
        ),
    ] {
        if let Some(count) = follows[count].as_u64().filter(|count| *count > 0) {
            out!("    {count} {what}")?;
        }
    }
    if let Some(reason) = follows["reason"].as_str() {
        out!("    {reason}")?;
    }
    Ok(())
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}
