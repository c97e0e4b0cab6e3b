//! Names of peers: domains in their canonical ASCII form.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{Emoji, GeneralCategory},
};
use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};

use crate::malformed::Malformed;

/// Longest name in bytes (RFC 1035 §2.3.4, without the root's dot).
pub const NAME_BYTES_MAX: usize = 253;
/// Longest label in bytes (RFC 1035 §2.3.4).
const LABEL_BYTES_MAX: usize = 63;

/// A domain in lower-case A-label form, 1..=253 bytes: labels of `a-z 0-9 -`, no leading or trailing hyphen,
/// no final dot. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerName(Arc<str>);

impl PeerName {
    /// Takes a name that is canonical already; refuses every other spelling.
    ///
    /// # Errors
    /// [`Malformed::Value`] when it is empty, too long, not lower-case, or a label is not a valid A-label.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let fault = |reason| Err(Malformed::value("peer name", text, reason));
        if text.is_empty() || text.len() > NAME_BYTES_MAX {
            return fault("must be 1 to 253 bytes long");
        }
        let mut punycode = false;
        for label in text.split('.') {
            let bytes = label.as_bytes();
            let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else { return fault("has an empty label") };
            if bytes.len() > LABEL_BYTES_MAX || *first == b'-' || *last == b'-' {
                return fault("has a label that is too long or begins or ends with a hyphen");
            }
            if !bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-') {
                return fault("must be lower-case ASCII letters, digits, hyphens and dots");
            }
            punycode |= bytes.starts_with(b"xn--");
        }
        if punycode && to_ascii(text).as_deref() != Some(text) {
            return fault("has a label that is not valid IDNA");
        }
        Ok(Self(text.into()))
    }

    /// Brings what a person typed into canonical form: lower case, IDNA A-labels (UTS 46), no final dot.
    ///
    /// # Errors
    /// [`Malformed::Value`] when there is no such form.
    pub fn normalise(text: &str) -> Result<Self, Malformed> {
        let trimmed = text.trim();
        let trimmed = trimmed.strip_suffix('.').unwrap_or(trimmed);
        // Size before decoding: no character of a name takes more than four bytes.
        if trimmed.len() > 4 * NAME_BYTES_MAX {
            return Err(Malformed::value("peer name", trimmed, "must be 1 to 253 bytes long"));
        }
        // Most names come as they should be.
        let canonical = match Self::parse(trimmed) {
            Ok(canonical) => Some(canonical),
            Err(_) => to_ascii(trimmed).and_then(|ascii| Self::parse(&ascii).ok()),
        };
        canonical
            .filter(Self::is_registrable)
            .ok_or_else(|| Malformed::value("peer name", trimmed, "is not a domain name"))
    }

    /// Whether its labels have characters of domains only. UTS 46 lets symbols and punctuation through, such as quotation marks
    /// around a name, for the sake of what browsers once accepted; IDNA 2008 does not. Emoji stay. Names that are on record already
    /// are read with [`PeerName::parse`], which does not ask.
    fn is_registrable(&self) -> bool {
        if !self.0.contains("xn--") {
            return true;
        }
        let (unicode, valid) = Uts46::new().to_unicode(self.0.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast);
        valid.is_ok() && unicode.chars().all(|c| c == '.' || c == '-' || is_of_labels(c))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether IDNA 2008 takes a character into a label: letters, marks and digits (RFC 5892 §2.1), and those that it makes exceptions
/// for (§2.6). Which neighbours the exceptions need is not looked at.
fn is_of_labels(c: char) -> bool {
    use GeneralCategory as Category;
    is_emoji(c)
        || matches!(
            CodePointMapData::<Category>::new().get(c),
            Category::LowercaseLetter
                | Category::UppercaseLetter
                | Category::OtherLetter
                | Category::ModifierLetter
                | Category::NonspacingMark
                | Category::SpacingMark
                | Category::DecimalNumber
        )
        || matches!(
            c,
            '\u{b7}'
                | '\u{375}'
                | '\u{5f3}'
                | '\u{5f4}'
                | '\u{6fd}'
                | '\u{6fe}'
                | '\u{f0b}'
                | '\u{200c}'
                | '\u{200d}'
                | '\u{3007}'
                | '\u{30fb}'
        )
}

/// Whether a character is a picture. IDNA 2008 takes none into a label, but some registries sell such names, and lists block
/// them; a picture around a name cannot be taken for a part of the text that it stands in, as a quotation mark can.
fn is_emoji(c: char) -> bool {
    use GeneralCategory as Category;
    let category = CodePointMapData::<Category>::new().get(c);
    matches!(category, Category::OtherSymbol | Category::ModifierSymbol)
        && !c.is_ascii()
        && CodePointSetData::new::<Emoji>().contains(c)
}

fn to_ascii(text: &str) -> Option<String> {
    Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast, DnsLength::Verify)
        .ok()
        .map(|ascii| ascii.into_owned())
}

impl AsRef<str> for PeerName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerName({})", self.0)
    }
}

impl FromStr for PeerName {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        Self::parse(text)
    }
}

serde_as_text!(PeerName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_have_letters_digits_and_hyphens_in_any_script() {
        for (text, name) in [
            ("Bücher.Example.", Some("xn--bcher-kva.example")),
            ("例え.テスト", Some("xn--r8jz45g.xn--zckzah")),
            ("नेपाल.example", Some("xn--l2bey1c2b.example")),
            ("l·l.example", Some("xn--ll-0ea.example")),
            ("\u{201c}quoted.example\u{201d}", None),
            ("xn--quoted-oi0c.xn--example-b46c", None),
            ("i\u{2764}.example", Some("xn--i-7iq.example")),
            ("\u{1f4a9}.example", Some("xn--ls8h.example")),
            ("xn--ls8h.example", Some("xn--ls8h.example")),
            ("\u{2192}.example", None),
            ("a\u{2026}b.example", None),
            ("under_score.example", None),
            ("\"a.example\"", None),
            ("a b.example", None),
        ] {
            assert_eq!(PeerName::normalise(text).ok().as_ref().map(PeerName::as_str), name, "{text}");
        }
        assert!(PeerName::parse("xn--quoted-oi0c.xn--example-b46c").is_ok(), "records that have it are read");
    }
}
