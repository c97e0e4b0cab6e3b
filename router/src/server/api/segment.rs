//! A part of a path that a client fills in, with its percent-encoding taken off.

use std::{convert::Infallible, fmt, ops::Deref, str::FromStr};

use percent_encoding::percent_decode_str;

/// One segment. What is no UTF-8 once decoded stays as it came, and is the name of nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment(String);

impl FromStr for Segment {
    type Err = Infallible;
    fn from_str(raw: &str) -> Result<Self, Infallible> {
        let decoded = percent_decode_str(raw).decode_utf8();
        Ok(Self(decoded.map_or_else(|_| raw.to_owned(), std::borrow::Cow::into_owned)))
    }
}

impl Deref for Segment {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, decoded: &str) {
        assert_eq!(&*raw.parse::<Segment>().unwrap(), decoded);
    }

    #[test]
    fn a_segment_is_decoded_once() {
        check("peer:a.example", "peer:a.example");
        check("peer%3Aa.example", "peer:a.example");
        check("peer%3aa.example", "peer:a.example");
        check("%2541", "%41");
        check("a%2Fb", "a/b");
        check("100%", "100%");
        check("%ff", "%ff");
        check("a+b", "a+b");
    }
}
