//! Two minutes of generated federated traffic against a running node, with a report of what happens.
//!
//! Three honest servers, a spammer and a ring of false identities that vouch for one another and for the spammer. The
//! votes are real signed records on the public listener, the messages real checks on the local one. What is played is
//! a pure function of the seed ([`script`]); only the pace is wall time.

mod cast;
mod ending;
mod script;
mod stage;
mod table;

use std::io;
use std::path::{Path, PathBuf};

use ostrakon_ledger::Malformed;
use serde::Deserialize;

use self::{
    script::Step,
    stage::{Pace, Stage},
};
use crate::node::{Node, NodeError};

/// The arguments of `ostrakon-sim demo`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The folder of a node that is being served on this machine; its run.json names both listeners
    #[arg(long, value_name = "D", required_unless_present = "node")]
    pub dir: Option<PathBuf>,
    /// The node's local listener, e.g. http://127.0.0.1:7401
    #[arg(long, value_name = "URL", requires = "public", conflicts_with = "dir")]
    pub node: Option<String>,
    /// The node's public listener, e.g. http://127.0.0.1:7400
    #[arg(long, value_name = "URL", requires = "node")]
    pub public: Option<String>,
    /// The token of a node that is given by address; with --dir it is read from there
    #[arg(long, env = "OSTRAKON_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// How long the demo takes, in seconds; 0 plays as fast as the node answers
    #[arg(long, default_value_t = 120)]
    pub seconds: u64,
    /// Seed of names, keys and traffic
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// Why the demo could not be played.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The folder holds no readable run.json: no node is served from it.
    #[error("{}: {reason}. Is a node served from there? Start one with `ostrakon serve --dir {}`", file.display(), file.parent().unwrap_or(file).display())]
    NotServed {
        /// The run.json that was looked for.
        file: PathBuf,
        /// The message of the system or the decoder.
        reason: io::Error,
    },
    /// The node's token cannot be read.
    #[error("{}: {reason}. Run this as the node's user, or put the token into the environment as OSTRAKON_TOKEN", file.display())]
    NoToken {
        /// The file that holds it.
        file: PathBuf,
        /// The message of the system.
        reason: io::Error,
    },
    /// The node did not answer as promised.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The node named something that is not well-formed.
    #[error("the node's answer is malformed")]
    Malformed(#[from] Malformed),
    /// The node knows an actor's name with another key.
    #[error("{peer} is known to this node with the key {found}, which is not the demo's; try another --seed")]
    NameTaken {
        /// The actor.
        peer: String,
        /// The key that the node has for it, in hexadecimal.
        found: String,
    },
    /// Standard output is closed.
    #[error("standard output")]
    Output(#[from] io::Error),
}

/// Where the node listens, and its folder if it is known.
pub(crate) struct Listeners {
    local: String,
    public: String,
    dir: Option<PathBuf>,
    token: Option<String>,
}

#[derive(Deserialize)]
struct RunFile {
    public: String,
    local: String,
}

impl Listeners {
    fn of(arguments: &Arguments) -> Result<Listeners, DemoError> {
        if let (Some(local), Some(public)) = (&arguments.node, &arguments.public) {
            let (local, public, token) = (local.clone(), public.clone(), arguments.token.clone());
            return Ok(Listeners { local, public, dir: None, token });
        }
        let dir = arguments.dir.clone().unwrap_or_else(|| PathBuf::from("."));
        let file = dir.join("run.json");
        let run = std::fs::read(&file).and_then(|bytes| Ok(serde_json::from_slice::<RunFile>(&bytes)?));
        let run = run.map_err(|reason| DemoError::NotServed { file, reason })?;
        let token = match &arguments.token {
            Some(token) => token.clone(),
            None => read_token(&dir.join("local.token"))?,
        };
        Ok(Listeners { local: url(&run.local), public: url(&run.public), dir: Some(dir), token: Some(token) })
    }

    /// How the command line reaches the node.
    fn dir(&self) -> &Path {
        self.dir.as_deref().unwrap_or(Path::new("D"))
    }
}

/// What requests to the local listener carry.
fn read_token(file: &Path) -> Result<String, DemoError> {
    let token = std::fs::read_to_string(file);
    let token = token.map_err(|reason| DemoError::NoToken { file: file.to_owned(), reason })?;
    Ok(token.trim().to_owned())
}

/// The URL of a bound address; one that stands for every interface is reached over loopback.
fn url(address: &str) -> String {
    let reachable = match address.rsplit_once(':') {
        Some(("0.0.0.0", port)) => format!("127.0.0.1:{port}"),
        Some(("[::]", port)) => format!("[::1]:{port}"),
        _ => address.to_owned(),
    };
    format!("http://{reachable}")
}

/// Plays the demo and writes what happens to `out`.
///
/// # Errors
/// [`DemoError`]
pub fn run(arguments: &Arguments, out: &mut dyn io::Write) -> Result<(), DemoError> {
    let listeners = Listeners::of(arguments)?;
    let script = script::write(arguments.seed);
    let mut stage = Stage::open(
        Node::new(&listeners.local).with_token(listeners.token.clone()),
        Node::new(&listeners.public),
        cast::actors(arguments.seed)?,
        Pace::new(arguments.seconds, script::length(&script)),
    )?;
    writeln!(out, "Playing against {} (local {}, public {}).", stage.host(), listeners.local, listeners.public)?;
    writeln!(
        out,
        "In the tables: votes is a peer's score by the ledger; score, conf and standing are what its last message"
    )?;
    writeln!(out, "was judged by, this node's own users' reports included.")?;
    for step in &script {
        perform(&mut stage, step, out)?;
    }
    ending::tell(&mut stage, &listeners, out)
}

fn perform(stage: &mut Stage, step: &Step, out: &mut dyn io::Write) -> Result<(), DemoError> {
    match step {
        Step::Say(text) => Ok(writeln!(out, "\n== {text}")?),
        Step::Admit(actor) => stage.admit(*actor),
        Step::Vouch(actor) => stage.vouch(*actor),
        Step::Vote { voter, subject, value, category } => stage.vote(*voter, *subject, *value, *category),
        Step::Message(sent) => stage.send(sent),
        Step::Table => table::print(stage, out),
        Step::NoteScore => stage.note_score(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_every_interface_is_reached_over_loopback() {
        assert_eq!(url("0.0.0.0:7400"), "http://127.0.0.1:7400");
        assert_eq!(url("[::]:7400"), "http://[::1]:7400");
        assert_eq!(url("192.0.2.7:7400"), "http://192.0.2.7:7400");
    }

    #[test]
    fn a_folder_that_is_not_served_is_named_with_the_command_to_try() {
        let dir = Some(PathBuf::from("no/such/dir"));
        let arguments = Arguments { dir, node: None, public: None, token: None, seconds: 0, seed: 1 };
        let error = run(&arguments, &mut io::sink()).unwrap_err().to_string();
        assert!(error.starts_with("no/such/dir/run.json: "), "{error}");
        assert!(error.contains("ostrakon serve --dir no/such/dir"), "{error}");
    }
}
