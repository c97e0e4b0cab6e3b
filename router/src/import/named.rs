//! What a list names, also in rows that cannot be used: what it names has not left it.

use std::collections::HashSet;

use ostrakon_ledger::{PeerName, Subject};

use super::Checked;

/// Whom a row names that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// What a vote could never have been about.
    Nobody,
    /// One subject.
    Subject(Subject),
    /// Any server whose name has this form.
    Pattern(Pattern),
}

/// The name of a server of which parts are hidden: each run of `*` stands for any text, also for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<String>);

impl Pattern {
    /// The pattern of a text with `*`. A label with other characters than a name has in ASCII can be anything: it is hidden
    /// before it would be encoded.
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim().trim_end_matches('.').to_ascii_lowercase();
        let labels: Vec<_> = text.split('.').map(|label| if label.is_ascii() { label } else { "*" }).collect();
        let mut parts: Vec<String> = Vec::new();
        for part in labels.join(".").split('*') {
            // Of two `*` in a row one says as much.
            if !part.is_empty() || parts.is_empty() {
                parts.push(part.to_owned());
            }
        }
        if text.ends_with('*') || labels.last() == Some(&"*") {
            parts.push(String::new());
        }
        Self(parts)
    }

    /// Whether a name has the form.
    pub fn matches(&self, name: &PeerName) -> bool {
        let Some((first, rest)) = self.0.split_first() else { return false };
        let Some(mut left) = name.as_str().strip_prefix(first.as_str()) else { return false };
        let Some((last, middle)) = rest.split_last() else { return left.is_empty() };
        for part in middle {
            let Some(at) = left.find(part.as_str()) else { return false };
            left = &left[at + part.len()..];
        }
        left.ends_with(last.as_str())
    }
}

/// Everything that a list names.
#[derive(Debug, Default)]
pub struct Named {
    subjects: HashSet<Subject>,
    patterns: Vec<Pattern>,
}

impl Named {
    /// What the rows of a file name, those that were skipped among them.
    pub fn of(checked: &Checked) -> Self {
        let mut named = Self::default();
        named.subjects.extend(checked.votes.iter().map(|vote| vote.subject.clone()));
        for row in &checked.skipped {
            match &row.names {
                Names::Nobody => {}
                Names::Subject(subject) => drop(named.subjects.insert(subject.clone())),
                Names::Pattern(pattern) => named.patterns.push(pattern.clone()),
            }
        }
        named
    }

    /// Whether a subject is named, or may be.
    pub fn has(&self, subject: &Subject) -> bool {
        let fits = |name| self.patterns.iter().any(|pattern| pattern.matches(name));
        self.subjects.contains(subject) || matches!(subject, Subject::Peer(name) if fits(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hidden_part_is_any_text() {
        for (text, name, fits) in [
            ("exa***le.com", "example.com", true),
            ("exa***le.com", "exale.com", true),
            ("Exa*le.COM.", "example.com", true),
            ("exa***le.com", "example.org", false),
            ("exa***le.com", "example.com.evil.example", false),
            ("exa***le.com", "www.example.com", false),
            ("***", "example.com", true),
            ("*.com", "example.com", true),
            ("example.*", "example.com", true),
            ("e*a*p*e.com", "example.com", true),
            ("e*p*a*e.com", "example.com", false),
            // The end is not taken from what the middle has matched.
            ("ab*b.de", "ab.de", false),
            ("b\u{fc}*.de", "xn--bcher-kva.de", true),
            ("a*.\u{fc}\u{fc}", "abc.xn--tdaa", true),
            ("b\u{fc}*.de", "xn--bcher-kva.com", false),
        ] {
            assert_eq!(Pattern::of(text).matches(&PeerName::parse(name).unwrap()), fits, "{text} {name}");
        }
    }
}
