//! Which servers matter to this node, so that a list that blocks them is noticed.

use std::collections::BTreeSet;

use ostrakon_ledger::PeerName;

use super::super::{NodeArgs, client::NodeClient};
use crate::{
    config::Config,
    error::Error,
    import::{OwnNames, Role, is_pseudo_peer},
    server::home::Home,
};

/// This node, its seeds, its peers, and where it reads their ledgers. Of a node that is reached by its address only, the seeds
/// are not known.
pub(super) fn of(place: &NodeArgs, client: &NodeClient) -> Result<Vec<OwnNames>, Error> {
    let own = client.domain()?;
    let mut ours = BTreeSet::from([OwnNames { name: own.clone(), role: Role::Node }]);
    let mut add = |name: PeerName, role| {
        if name != own && !is_pseudo_peer(&name, &own) {
            ours.insert(OwnNames { name, role });
        }
    };
    match client {
        NodeClient::Closed(here) => {
            seeds(&here.config).into_iter().for_each(|seed| add(seed, Role::Seed));
            let mirrors = here.mirrors();
            for (peer, _) in here.registrar.ledger().reader().authors()? {
                let copy = mirrors.look_at(&peer).ok().flatten();
                copy.and_then(|copy| host(&copy.url)).into_iter().for_each(|host| add(host, Role::Mirror));
                add(peer, Role::Peer);
            }
        }
        NodeClient::Served(remote) => {
            if place.node.is_none() {
                let config = Home::at(&place.dir).config(std::env::vars_os())?;
                seeds(&config).into_iter().for_each(|seed| add(seed, Role::Seed));
            }
            let peers = remote.get("/v1/peers")?;
            for peer in peers["peers"].as_array().into_iter().flatten() {
                let url = peer["follows"]["url"].as_str();
                url.and_then(host).into_iter().for_each(|host| add(host, Role::Mirror));
                let name = peer["peer"].as_str().and_then(|name| PeerName::parse(name).ok());
                name.into_iter().for_each(|name| add(name, Role::Peer));
            }
        }
    }
    // Of several roles the weightiest is named.
    let mut ours: Vec<_> = ours.into_iter().collect();
    ours.dedup_by(|later, first| later.name == first.name);
    Ok(ours)
}

fn seeds(config: &Config) -> BTreeSet<PeerName> {
    let others = config.reputation.viewpoints.values().flat_map(|seeds| seeds.iter());
    config.reputation.seeds.iter().chain(others).map(|(seed, _)| seed.clone()).collect()
}

fn host(url: &str) -> Option<PeerName> {
    let url = url::Url::parse(url).ok()?;
    PeerName::normalise(url.host_str()?).ok()
}
