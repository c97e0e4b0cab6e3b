//! Names of pseudo-peers: an injective map from whatever a source calls itself to a domain below our own.
//!
//! A name that is a canonical domain already stands as it is (`6`, `mastodon.social`). Everything else is escaped into
//! labels that begin with `x-`: `a-p r-z 0-9` stand for themselves, every other byte is `q` and two hexadecimal digits, and
//! a new label begins where one is full. A name that is a domain and has a label with `x-` is escaped, too.

use ostrakon_ledger::PeerName;

/// What the labels of an escaped name begin with.
const ESCAPED: &str = "x-";
/// Longest label of a domain (RFC 1035 §2.3.4).
const LABEL_LEN_MAX: usize = 63;

/// `<source>.<format>.imported.<own>`.
///
/// # Errors
/// Why there is no such name.
pub(super) fn pseudo_peer(source: &str, format: &str, own: &PeerName) -> Result<PeerName, &'static str> {
    if source.is_empty() {
        return Err("is empty");
    }
    let name = format!("{}.{format}.imported.{own}", escape(source));
    PeerName::parse(&name).map_err(|_| "does not fit into a name of 253 bytes below this node's domain")
}

/// The same for a source that is a server, whose domain may be spelled in any way, or a list, whose name is taken as it is.
///
/// # Errors
/// Why there is no such name.
pub(super) fn pseudo_peer_of_server(source: &str, format: &str, own: &PeerName) -> Result<PeerName, &'static str> {
    match PeerName::normalise(source) {
        Ok(name) => pseudo_peer(name.as_str(), format, own),
        Err(_) => pseudo_peer(source.trim(), format, own),
    }
}

fn escape(source: &str) -> String {
    let plain = PeerName::parse(source).is_ok() && !source.split('.').any(|label| label.starts_with(ESCAPED));
    if plain {
        return source.to_owned();
    }
    let mut labels = vec![ESCAPED.to_owned()];
    for byte in source.bytes() {
        let piece = match byte {
            b'a'..=b'p' | b'r'..=b'z' | b'0'..=b'9' => char::from(byte).to_string(),
            other => format!("q{other:02x}"),
        };
        match labels.last_mut() {
            Some(label) if label.len() + piece.len() <= LABEL_LEN_MAX => label.push_str(&piece),
            _ => labels.push(format!("{ESCAPED}{piece}")),
        }
    }
    labels.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The inverse of [`escape`], which shows that no two sources share a name.
    fn unescape(name: &str) -> Option<String> {
        if !name.starts_with(ESCAPED) {
            return Some(name.to_owned());
        }
        let text: String = name.split('.').map(|label| label.strip_prefix(ESCAPED)).collect::<Option<_>>()?;
        let mut bytes = Vec::new();
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let len = if first == 'q' { 3 } else { 1 };
            let (piece, behind) = rest.split_at_checked(len)?;
            bytes.push(if len == 3 { u8::from_str_radix(&piece[1..], 16).ok()? } else { piece.as_bytes()[0] });
            rest = behind;
        }
        String::from_utf8(bytes).ok()
    }

    fn own() -> PeerName {
        PeerName::parse("own.example").expect("a name")
    }

    #[test]
    fn names_that_people_will_see() {
        for (source, name) in [
            ("6", "6.otc.imported.own.example"),
            ("mastodon.social", "mastodon.social.otc.imported.own.example"),
            ("gardenfence", "gardenfence.otc.imported.own.example"),
            ("The Bad Space", "x-q54heq20q42adq20q53pace.otc.imported.own.example"),
            ("-a", "x-q2da.otc.imported.own.example"),
            ("x-a", "x-xq2da.otc.imported.own.example"),
            ("a.x-b", "x-aq2exq2db.otc.imported.own.example"),
            ("bücher", "x-bqc3qbccher.otc.imported.own.example"),
        ] {
            assert_eq!(pseudo_peer(source, "otc", &own()).map(|name| name.to_string()), Ok(name.to_owned()));
        }
        assert_eq!(pseudo_peer("", "otc", &own()), Err("is empty"));
        assert!(pseudo_peer(&"é".repeat(60), "otc", &own()).is_err_and(|reason| reason.contains("253 bytes")));
    }

    proptest! {
        #[test]
        fn no_two_sources_share_a_name(source in prop_oneof!["\\PC{1,40}", "[a-zA-Z0-9.-]{1,80}", "(x-)?[a-q]{1,5}(\\.(x-)?[a-q-]{0,3})?"]) {
            let escaped = escape(&source);
            prop_assert_eq!(unescape(&escaped), Some(source.clone()));
            if escaped.len() <= 200 {
                prop_assert!(pseudo_peer(&source, "otc", &own()).is_ok(), "{}", escaped);
            }
        }
    }
}
