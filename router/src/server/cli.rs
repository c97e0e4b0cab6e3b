//! The command line. Commands that read or write a node's state ask the node while it is served, and open its
//! directory while it is not; both ways end in the same [`Registrar`](crate::flow::registrar::Registrar).

mod client;
mod evidence;
mod explain;
mod fork;
mod import;
mod input;
mod ledger;
mod peer;
mod proof;
mod serve;
mod speak;
mod subject;
mod waiting;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use ostrakon_ledger::{Answer, Category, PeerName, RecordId};

use self::subject::Named;
use crate::{
    error::{Blame, Error},
    flow::{
        decision::DecisionId,
        explaining::{Audience, Question},
    },
    output::{CLOSED, is_closed},
    server::home::{Home, close_new_files},
    units::Span,
};

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  trouble of this node's own: a store, a file, a listener
  2  the command line cannot be read
  3  the request was refused: by the ledger, the policy or the configuration
  4  `ledger verify` or `ledger import` found damage
  5  the directory or an address is in use
  141  standard output was closed before everything was printed

Examples:
  ostrakon init --dir var --domain node.example
  ostrakon serve --dir var
  ostrakon vote peer:spam.example -80 --category spam
  ostrakon explain peer:spam.example";

/// A router that decides whether a message from another server deserves to be accepted.
#[derive(Debug, Parser)]
#[command(name = "ostrakon", version, after_help = AFTER_HELP, max_term_width = 110)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// Where the node is.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The node's directory
    #[arg(long, default_value = "var", env = "OSTRAKON_DIR", value_name = "DIR")]
    pub dir: PathBuf,
    /// Ask the node at this address of its local listener instead of looking into a directory
    #[arg(long, value_name = "URL", conflicts_with = "dir")]
    pub node: Option<String>,
    /// The token of a node that is asked by address; in the environment nobody else on the machine can see it
    #[arg(long, env = "OSTRAKON_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make a new node: key, configuration, policy and an empty ledger
    #[command(after_help = "Example:\n  ostrakon init --dir var --domain node.example")]
    Init {
        /// The directory to make it in
        #[arg(long, value_name = "DIR")]
        dir: PathBuf,
        /// The domain that names this server to its peers
        #[arg(long, value_name = "NAME", value_parser = PeerName::parse)]
        domain: PeerName,
        /// The federation it belongs to
        #[arg(long, default_value = "ostrakon", value_name = "NETWORK")]
        network: String,
    },
    /// Serve a node until SIGTERM or Ctrl-C; SIGHUP reads the policy again
    #[command(after_help = "Prints one line `ready public=ADDR local=ADDR` when both listeners are open.\n\n\
                            Example:\n  ostrakon serve --dir var --public 127.0.0.1:0")]
    Serve {
        /// The node's directory
        #[arg(long, default_value = "var", env = "OSTRAKON_DIR", value_name = "DIR")]
        dir: PathBuf,
        /// Listen here for peers instead of where the configuration says
        #[arg(long, value_name = "ADDR")]
        public: Option<SocketAddr>,
        /// Listen here for operators and adapters instead of where the configuration says
        #[arg(long, value_name = "ADDR")]
        local: Option<SocketAddr>,
    },
    /// Admit peers, follow their ledgers, list them
    #[command(subcommand)]
    Peer(peer::Command),
    /// Cast a vote of this node's own
    #[command(
        after_help = "A subject is peer:<domain>, domain:<domain>, account:<tag>, net:<tag> or content:<tag>; with the node's \
                            directory also account:<address> and net:<IP address or prefix>.\n\n\
                            Example:\n  ostrakon vote peer:spam.example -80 --category spam --expires 90d"
    )]
    Vote {
        /// Whom it is about
        subject: Named,
        /// −100 (as bad as it gets) to 100, not 0
        #[arg(allow_negative_numbers = true, value_parser = clap::value_parser!(i8).range(-100..=100))]
        value: i8,
        /// spam, scam, malware, abuse, flood, ham or vouch
        #[arg(long)]
        category: Category,
        /// When it ends, from now; never by default
        #[arg(long, value_name = "90d")]
        expires: Option<Span>,
        /// What it rests on: kept beside the ledger, committed to in the vote, readable by peers, erasable
        #[arg(long, value_name = "FILE")]
        evidence: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Take back a vote of this node's own
    #[command(after_help = "The id is what `ostrakon vote` printed.")]
    Retract {
        /// The vote's record id
        id: RecordId,
        #[command(flatten)]
        place: Place,
    },
    /// Answer a vote about this node; the answer is shown beside the vote
    #[command(after_help = "Example:\n  ostrakon rebut 5b0c… --answer resolved --evidence what-we-did.txt")]
    Rebut {
        /// The vote's record id
        id: RecordId,
        /// denied, mistaken or resolved
        #[arg(long)]
        answer: Answer,
        /// What else there is to say: kept beside the ledger, readable by peers, erasable
        #[arg(long, value_name = "FILE")]
        evidence: Option<PathBuf>,
        #[command(flatten)]
        place: Place,
    },
    /// Erase the evidence behind a vote or rebuttal; the record and every proof about it stay
    Erase {
        /// The record's id
        id: RecordId,
        #[command(flatten)]
        place: Place,
    },
    /// Print the evidence behind a vote or rebuttal
    #[command(
        after_help = "A terminal is shown the text with everything spelled out that it would obey; files and pipes get the bytes."
    )]
    Evidence {
        /// The record's id
        id: RecordId,
        /// The bytes as they are, also on a terminal
        #[arg(long)]
        raw: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Go on with a new key for this node's own records; the ledger keeps its own
    Rotate {
        #[command(flatten)]
        place: Place,
    },
    /// Take a score apart: who voted what, and why that counts
    #[command(
        after_help = "Examples:\n  ostrakon explain peer:spam.example\n  ostrakon explain peer:spam.example --viewpoint friends\n  ostrakon explain peer:spam.example --redacted --json"
    )]
    Explain {
        /// Whom it is about
        subject: Named,
        /// Seen from this viewpoint of `[reputation.viewpoints]` instead of this node's own
        #[arg(long, value_name = "NAME")]
        viewpoint: Option<String>,
        /// Leave out what outsiders may not see: whom this node trusts, and what its own users say
        #[arg(long)]
        redacted: bool,
        /// Print all of it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Print the subject that an address, network or other identifier in clear has in the ledger
    #[command(
        after_help = "Examples:\n  ostrakon tag ann@example.org\n  ostrakon tag 203.0.113.7\n  ostrakon tag content:9f86…"
    )]
    Tag {
        /// An address, a network, or kind:identifier
        identifier: String,
        #[command(flatten)]
        place: Place,
    },
    /// Import what others publish
    #[command(subcommand)]
    Import(ImportCommand),
    /// Look after the ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Look after the policy
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// See and rule on held messages
    #[command(subcommand)]
    Hold(waiting::Holds),
    /// See what waits for delivery
    #[command(subcommand)]
    Queue(waiting::Queue),
    /// See what was given up, and deliver it after all
    #[command(subcommand)]
    Dead(waiting::Dead),
    /// Show a decision: why a message got its verdict, and what it was judged by
    #[command(
        after_help = "Messages that do not prove who they are from are judged by claims; `ostrakon explain claim:…` takes one apart.\n\n\
                            Example:\n  ostrakon decision 079f22d18ab7644d0d524cabb24f9071"
    )]
    Decision {
        /// The decision's id, as answers and the log have it
        id: DecisionId,
        /// Print all of it as JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Debug, Subcommand)]
enum ImportCommand {
    /// Turn a third party's list into signed votes of one pseudo-peer per source; importing twice adds nothing
    #[command(after_help = "Example:\n  ostrakon import votes blocklist.csv --format mastodon --source oliphant")]
    Votes(Box<import::Options>),
    /// Take back what an import wrote: all of a source, one row, or what a file names; doing it twice adds nothing
    #[command(after_help = "Examples:\n  ostrakon import withdraw --source oliphant\n  \
                            ostrakon import withdraw --source oliphant --row peer:friend.example\n  \
                            ostrakon import withdraw --source oliphant --format mastodon --file blocklist.csv")]
    Withdraw(import::WithdrawOptions),
}

#[derive(Debug, Subcommand)]
enum LedgerCommand {
    #[command(flatten)]
    Keep(ledger::Command),
    /// Print the receipt of a record, or check one without any node
    #[command(after_help = "Examples:\n  ostrakon ledger proof 5b0c… > vote.tlog-proof\n  \
                            ostrakon ledger proof --verify vote.tlog-proof --vkey node.example/ostrakon+1c2d…")]
    Proof(Box<proof::Options>),
    /// Print the proof that a peer told two stories, or check one without any node
    #[command(after_help = "Examples:\n  ostrakon ledger fork liar.example > fork.json\n  \
                            ostrakon ledger fork --check fork.json")]
    Fork(fork::Options),
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Load a policy without putting it in force; says what is wrong and where
    Check {
        /// The policy file
        file: PathBuf,
    },
}

impl Cli {
    /// Carries out the command.
    ///
    /// # Errors
    /// What kept it from being done; [`exit_code`] has the number.
    pub fn run(self) -> Result<ExitCode, Error> {
        close_new_files();
        match self.command {
            Command::Init { dir, domain, network } => serve::init(&Home::at(dir), &domain, &network),
            Command::Serve { dir, public, local } => serve::serve(Home::at(dir), public, local),
            Command::Peer(command) => peer::run(command),
            Command::Vote { subject, value, category, expires, evidence, place } => {
                speak::vote(&place, subject.resolve(&place)?, value, category, expires, evidence.as_deref())
            }
            Command::Rebut { id, answer, evidence, place } => speak::rebut(&place, id, answer, evidence.as_deref()),
            Command::Erase { id, place } => speak::erase(&place, id),
            Command::Evidence { id, raw, place } => {
                evidence::print(&place, id, if raw { evidence::Form::Raw } else { evidence::Form::Shown })
            }
            Command::Rotate { place } => speak::rotate(&place),
            Command::Retract { id, place } => speak::retract(&place, id),
            Command::Explain { subject, viewpoint, redacted, json, place } => {
                let audience = if redacted { Audience::Outsider } else { Audience::Operator };
                let subject = subject.resolve(&place)?;
                explain::explain(&place, &Question { subject, viewpoint, audience }, json)
            }
            Command::Tag { identifier, place } => subject::print(&place, &identifier),
            Command::Import(ImportCommand::Votes(options)) => import::votes(&options),
            Command::Import(ImportCommand::Withdraw(options)) => import::withdraw(&options),
            Command::Ledger(LedgerCommand::Keep(command)) => ledger::run(command),
            Command::Ledger(LedgerCommand::Proof(options)) => proof::run(&options),
            Command::Ledger(LedgerCommand::Fork(options)) => fork::run(&options),
            Command::Policy(PolicyCommand::Check { file }) => speak::check_policy(&file),
            Command::Hold(command) => waiting::holds(command),
            Command::Queue(command) => waiting::queue(command),
            Command::Dead(command) => waiting::dead(command),
            Command::Decision { id, json, place } => waiting::decision(&place, id, json),
        }
    }
}

/// The process's exit code for `error`, as `--help` documents them.
pub fn exit_code(error: &Error) -> ExitCode {
    use ostrakon_ledger::{LedgerError, StoreError};
    match error {
        Error::Store(StoreError::Locked { .. })
        | Error::Ledger(LedgerError::Store(StoreError::Locked { .. }))
        | Error::Listen { .. } => ExitCode::from(5),
        error if is_closed(error) => ExitCode::from(CLOSED),
        error if error.blame() == Blame::Us => ExitCode::from(1),
        _ => ExitCode::from(3),
    }
}
