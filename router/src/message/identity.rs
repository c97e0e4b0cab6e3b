//! One form for each identifier, whatever protocol and spelling it came in: equal things get equal subjects, facts and
//! limit keys.
//!
//! | protocol | sender | domain | account |
//! |---|---|---|---|
//! | mail | `Ann+news@Example.ORG`, `<ann@example.org>` | `example.org` | `ann@example.org` |
//! | mail | `ann@[IPv6:2001:db8::7]` | `[2001:db8::/64]` | `ann@[2001:db8::/64]` |
//! | XMPP | `ann@example.org/phone` | `example.org` | `ann@example.org` |
//! | Matrix | `@ann:example.org:8448` | `example.org` | `ann@example.org` |
//! | fediverse | `@ann@example.org`, `acct:ann@example.org` | `example.org` | `ann@example.org` |
//! | ActivityPub | `https://example.org/users/Ann` | `example.org` | `https://example.org/users/Ann` |
//! | anything else | `Ann` | none | `ann` |
//!
//! The other side chooses most of these, so no text is refused.

mod host;
mod network;

pub use host::Host;
use host::authority;
pub(crate) use network::network_key;

/// Longest local part or path that is told apart, in bytes: SMTP allows 64, XMPP 1023 for what nobody types.
const LOCAL_BYTES_MAX: usize = 512;
/// How often an address is read again at most; ordinary ones are the same the second time.
const ROUNDS_MAX: usize = 8;
/// Schemes that only say how to reach the address behind them.
const SCHEMES: [&str; 5] = ["acct:", "mailto:", "xmpp:", "sip:", "sips:"];

/// How addresses are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// Mail: the domain stands behind the last `@`, and what follows a `+` in the local part is the receiver's own.
    Mail,
    /// Other messages: an XMPP resource may follow the domain, and `+` is a letter.
    Chat,
    /// A user of whom the protocol is not known: as in chats, but without what follows a `+`, so that nobody is many.
    User,
}

/// An address in its normal form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    /// The normal form; empty for the null sender.
    pub(crate) key: String,
    /// The domain that it belongs to, if it names one.
    pub(crate) domain: Option<Host>,
}

impl Account {
    /// The normal form of `address`, which is its own normal form.
    pub(crate) fn parse(address: &str, syntax: Syntax) -> Self {
        let mut account = Self::once(address, syntax);
        // What is left of a made-up address can look like another kind of address.
        for _ in 0..ROUNDS_MAX {
            if account.key == address {
                break;
            }
            let next = Self::once(&account.key, syntax);
            if next == account {
                break;
            }
            account = next;
        }
        account
    }

    fn once(address: &str, syntax: Syntax) -> Self {
        let text = bare(address);
        if let Some(account) = actor(text) {
            return account;
        }
        let split = if text.starts_with('@') { handle(text, syntax) } else { split(text, syntax) };
        let Some((local, host)) = split else { return Self { key: shown(text, LOCAL_BYTES_MAX), domain: None } };
        let local = match syntax {
            Syntax::Chat => local,
            Syntax::Mail | Syntax::User => without_tag(unquoted(local)),
        };
        let key = format!("{}@{host}", shown(local, LOCAL_BYTES_MAX));
        Self { key, domain: Some(host) }
    }
}

/// An actor's address: case matters in its path, a fragment names one of its keys.
fn actor(text: &str) -> Option<Account> {
    let rest = strip_prefix_ci(text, "https://").or_else(|| strip_prefix_ci(text, "http://"))?;
    let (authority, path) = authority(rest);
    let host = Host::parse(authority.rsplit_once('@').map_or(authority, |(_user, host)| host));
    if host.as_str().is_empty() {
        return None;
    }
    let path = path.split('#').next().unwrap_or_default();
    let path: String = printable(cut(path, LOCAL_BYTES_MAX)).collect();
    let path = if path == "/" { "" } else { path.trim_end() };
    Some(Account { key: format!("https://{host}{path}"), domain: Some(host) })
}

/// `@name@server` and `@name:server`.
fn handle(text: &str, syntax: Syntax) -> Option<(&str, Host)> {
    let handle = text.strip_prefix('@')?;
    let (name, host) = match handle.contains('@') {
        true => split(handle, syntax)?,
        false => handle.split_once(':').map(|(name, server)| (name.trim(), domain(server, syntax)))?,
    };
    (!name.is_empty() && !name.starts_with('@') && !host.as_str().is_empty()).then_some((name, host))
}

/// The local part and the domain of an address.
fn split(text: &str, syntax: Syntax) -> Option<(&str, Host)> {
    let at = |at: usize| {
        let (local, rest) = (text[..at].trim(), &text[at + 1..]);
        let host = domain(rest, syntax);
        (!local.is_empty() && !host.as_str().is_empty()).then_some((local, host))
    };
    // In chats the first @ that is followed by a domain: a resource may hold further ones.
    let first = || {
        let mut splits = text.match_indices('@').filter_map(|(found, _)| at(found));
        splits.find(|(_, host)| !matches!(host, Host::Odd(_)))
    };
    let found = if syntax == Syntax::Mail { None } else { first() };
    found.or_else(|| at(text.rfind('@')?))
}

/// What stands behind the `@`: in chats without an XMPP resource.
fn domain(text: &str, syntax: Syntax) -> Host {
    Host::parse(if syntax == Syntax::Mail { text } else { authority(text).0 })
}

/// Without angle brackets, a name before them, schemes and source routes.
fn bare(text: &str) -> &str {
    host::until_bare(text, stripped)
}

fn stripped(text: &str) -> &str {
    let text = text.trim();
    if let Some(open) = text.strip_suffix('>')
        && let Some((_name, inside)) = open.rsplit_once('<')
    {
        return inside;
    }
    if let Some(rest) = SCHEMES.iter().find_map(|scheme| strip_prefix_ci(text, scheme)) {
        return rest;
    }
    // `@relay.example,@other.example:ann@example.org` (RFC 5321 §4.1.2): routes are ignored.
    match text.split_once(':') {
        Some((route, rest)) if route.starts_with('@') && rest.contains('@') => rest,
        _ => text,
    }
}

/// `"ann"` is `ann` (RFC 5321 §4.1.2), unless the quotes are needed.
fn unquoted(local: &str) -> &str {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".!#$%&'*+-=?^_`{|}~".contains(&byte);
    match local.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(inside) if !inside.is_empty() && inside.bytes().all(plain) => inside,
        _ => local,
    }
}

/// `ann+news` is `ann`.
fn without_tag(local: &str) -> &str {
    match local.split_once('+') {
        Some((name, _tag)) if !name.is_empty() && !name.starts_with('"') => name.trim_end(),
        _ => local,
    }
}

/// In lower case, without control characters, at most `max` bytes.
fn shown(text: &str, max: usize) -> String {
    let lower: String = printable(cut(text, max)).collect::<String>().to_lowercase();
    cut(&lower, max).trim().to_owned()
}

/// Without control characters, and without what would be taken off again.
fn printable(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().map(|c| if c.is_control() || matches!(c, '<' | '>') { char::REPLACEMENT_CHARACTER } else { c })
}

/// The first `max` bytes, or fewer where a character would be cut.
fn cut(text: &str, max: usize) -> &str {
    let mut end = max.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn strip_prefix_ci<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests;
