//! What a peer says of itself in `/.well-known/ostrakon`, beside what this node says: members of one federation agree.

use std::time::Duration;

use ostrakon_ledger::PeerName;
use serde_json::Value;

use crate::{err, error::Error, server::cli::client::NodeClient};

/// How long the peer may take: it is a courtesy to look.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer that is read; ours has half a kilobyte.
const ANSWER_BYTES_MAX: usize = 16 << 10;

/// Warns when the peer whose ledger is at `url` is of another network or has another pepper. One that does not answer, or is
/// read from somebody else's copy, is followed without.
pub(super) fn compare(client: &NodeClient, peer: &PeerName, url: &str) -> Result<(), Error> {
    let Some(theirs) = ask(url).filter(|theirs| theirs["peer"] == peer.as_str()) else { return Ok(()) };
    let (network, pepper) = match client {
        NodeClient::Closed(here) => (here.config.node.network.clone(), Some(here.home.secrets()?.pepper.fingerprint())),
        NodeClient::Served(remote) => {
            let ours = remote.get("/v1/about")?;
            (text(&ours["network"]).unwrap_or_default(), text(&ours["pepper"]))
        }
    };
    if let Some(other) = text(&theirs["network"]).filter(|other| *other != network) {
        err!(
            "warning: {peer} is of network `{other}`, this node is of `{network}`: its records cannot enter this ledger"
        );
    }
    if let (Some(ours), Some(other)) = (pepper, text(&theirs["pepper"]))
        && ours != other
    {
        err!(
            "warning: {peer} has another federation.pepper (fingerprint {other}, here {ours}): what it says about accounts, \
             networks and contents is about none that this node knows (docs/peers.md, Join a federation)"
        );
    }
    Ok(())
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}

fn ask(url: &str) -> Option<Value> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client =
        reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).build().ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async {
        let request = client.get(format!("{}/.well-known/ostrakon", url.trim_end_matches('/')));
        let mut response = request.send().await.ok()?.error_for_status().ok()?;
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.ok()? {
            answer.extend_from_slice(&chunk);
            if answer.len() > ANSWER_BYTES_MAX {
                return None;
            }
        }
        serde_json::from_slice(&answer).ok()
    })
}
