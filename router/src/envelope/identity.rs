//! One form for each identifier, whatever protocol and spelling it came in: equal things get equal subjects.
//!
//! | protocol | sender | domain | account |
//! |---|---|---|---|
//! | mail | `Ann@Example.ORG` | `example.org` | `ann@example.org` |
//! | XMPP | `ann@example.org/phone` | `example.org` | `ann@example.org` |
//! | Matrix | `@ann:example.org:8448` | `example.org` | `ann@example.org` |
//! | fediverse | `@ann@example.org`, `acct:ann@example.org` | `example.org` | `ann@example.org` |
//! | ActivityPub | `https://example.org/users/Ann` | `example.org` | `https://example.org/users/Ann` |
//! | anything else | `Ann` | none | `ann` |

use std::net::IpAddr;

use ostrakon_ledger::PeerName;

/// Schemes that only say how to reach the address behind them.
const SCHEMES: [&str; 5] = ["acct:", "mailto:", "xmpp:", "sip:", "sips:"];

/// The domain that an address belongs to, if it names one.
pub(super) fn domain_of(address: &str) -> Option<PeerName> {
    split(address).map(|(_, domain)| domain)
}

/// The normal form of an address.
pub(super) fn account_key(address: &str) -> String {
    match split(address) {
        Some((Local::Path(path), domain)) => format!("https://{domain}{path}"),
        Some((Local::Name(name), domain)) => format!("{}@{domain}", name.to_lowercase()),
        None => address.trim().to_lowercase(),
    }
}

/// The normal form of a network: an IP address or prefix in its canonical spelling (host bits cleared, IPv4 inside IPv6
/// taken out), anything else in lower case.
pub(super) fn network_key(network: &str) -> String {
    let text = network.trim();
    let (address, prefix) = text.split_once('/').map_or((text, None), |(address, prefix)| (address, Some(prefix)));
    let Ok(given) = address.parse::<IpAddr>() else { return text.to_lowercase() };
    let canonical = given.to_canonical();
    let mapped_bits = if given.is_ipv6() && canonical.is_ipv4() { 96 } else { 0 };
    let Some(prefix) = prefix else { return canonical.to_string() };
    let bits_max = if canonical.is_ipv4() { 32 } else { 128 };
    match prefix.parse::<u32>().ok().and_then(|bits| bits.checked_sub(mapped_bits)).filter(|bits| *bits <= bits_max) {
        Some(bits) => format!("{}/{bits}", masked(canonical, bits)),
        None => text.to_lowercase(),
    }
}

fn masked(address: IpAddr, bits: u32) -> IpAddr {
    match address {
        IpAddr::V4(v4) => IpAddr::from((v4.to_bits() & u32::MAX.checked_shl(32 - bits).unwrap_or(0)).to_be_bytes()),
        IpAddr::V6(v6) => IpAddr::from((v6.to_bits() & u128::MAX.checked_shl(128 - bits).unwrap_or(0)).to_be_bytes()),
    }
}

enum Local<'a> {
    /// A user name; case does not matter in any protocol that has one.
    Name(&'a str),
    /// A path of an actor's address; case matters.
    Path(&'a str),
}

fn split(address: &str) -> Option<(Local<'_>, PeerName)> {
    let text = address.trim();
    if let Some(rest) = strip_http(text) {
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        return host(authority).map(|domain| (Local::Path(path), domain));
    }
    let text = SCHEMES.iter().find_map(|scheme| text.strip_prefix(scheme)).unwrap_or(text);
    if let Some(handle) = text.strip_prefix('@') {
        let (name, server) = handle.split_once('@').or_else(|| handle.split_once(':'))?;
        return host(server).filter(|_| !name.is_empty()).map(|domain| (Local::Name(name), domain));
    }
    // The first @ that is followed by a domain: an XMPP resource may hold further ones, a quoted local part earlier ones.
    text.match_indices('@').find_map(|(at, _)| {
        let domain = text[at + 1..].split('/').next()?;
        PeerName::normalise(domain).ok().map(|domain| (Local::Name(&text[..at]), domain))
    })
}

fn strip_http(text: &str) -> Option<&str> {
    text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))
}

/// A domain with or without a port behind it.
fn host(authority: &str) -> Option<PeerName> {
    let domain = match authority.rsplit_once(':') {
        Some((domain, port)) if port.parse::<u16>().is_ok() => domain,
        _ => authority,
    };
    PeerName::normalise(domain).ok()
}
