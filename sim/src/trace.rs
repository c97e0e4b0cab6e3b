//! Plays a labelled mail trace against a running node over HTTP, and measures the verdicts on spam and ham.
//!
//! Messages are sent one after the other in `seq` order, so that the node judges each by the messages before it. The
//! peer of a message is the relay's network. Its other subjects are the relay's address, the envelope's domain and the
//! envelope's sender. A share of the mail is reported by its recipient. Some recipients always report the opposite of
//! the truth.

mod play;
mod reader;
mod stats;

use std::path::PathBuf;

pub use play::{Draw, Run, play};
pub use reader::{Message, TraceError, read};
pub use stats::{Latency, Tally, Verdicts};

/// The arguments of `ostrakon-sim trace`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The trace: CSV with a header and the columns seq, label, env_addr, env_domain, relay_ip, relay_16, rcpt, n_bytes
    pub file: PathBuf,
    /// The node's local listener, e.g. http://127.0.0.1:8025
    #[arg(long, value_name = "URL")]
    pub node: String,
    /// Share of the mail that its recipient reports, 0 to 1
    #[arg(long, default_value_t = 0.1, value_parser = share)]
    pub feedback: f64,
    /// Share of the recipients that always report the opposite, 0 to 1 (never the busiest recipient)
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    pub liars: f64,
    /// Seed of the draw of reports and liars
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The node's token, if it asks for one
    #[arg(long, env = "OSTRAKON_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub token: Option<String>,
    /// Also write the result as JSON to this file
    #[arg(long, value_name = "OUT")]
    pub json: Option<PathBuf>,
    /// Play only the first N messages
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Prefix of the message ids. Two runs with the same one against the same node are the same messages: judged and
    /// counted once. Default: a new one for each run
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share is a number from 0 to 1".to_owned()),
    }
}

/// Reads the trace, plays it, prints the table and, if asked, writes the JSON.
///
/// # Errors
/// [`TraceError`]: the file cannot be read (with line and column), the node gives no answer to the first message, or
/// the result cannot be written.
pub fn run(arguments: &Arguments) -> Result<Tally, TraceError> {
    let mut messages = read(&arguments.file)?;
    messages.truncate(arguments.limit.unwrap_or(usize::MAX));
    let draw = Draw { feedback: arguments.feedback, liars: arguments.liars, seed: arguments.seed };
    let node = crate::node::Node::new(&arguments.node).with_token(arguments.token.clone());
    let run = Run { id: arguments.run.clone().unwrap_or_else(fresh_run_id), node };
    let tally = play(&run, &messages, &draw)?;
    ostrakon_router::output::lines(&tally.to_string())?;
    if let Some(path) = &arguments.json {
        let text = serde_json::to_string_pretty(&tally).map_err(std::io::Error::other);
        text.and_then(|text| std::fs::write(path, text + "\n"))
            .map_err(|reason| TraceError::File { file: path.clone(), reason })?;
    }
    Ok(tally)
}

/// A run id that no earlier run had: the time in milliseconds.
fn fresh_run_id() -> String {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{:x}", since.as_millis())
}
