//! C2SP `tlog-policy`: which logs and witnesses are trusted, and how many of them have to agree.
//!
//! ```text
//! # one line each; names are of our own choosing
//! log a.example/ostrakon+1c2d…+AQ… https://a.example
//! witness north north.example/witness+…+BA… https://north.example/witness
//! witness south south.example/witness+…+BA… https://south.example/witness
//! group both all north south
//! quorum both
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use crate::error::Unproven;
use crate::malformed::Malformed;
use crate::note::{KeyKind, Note, NoteKey};

/// Longest file.
pub const QUORUM_BYTES_MAX: usize = 256 << 10;
/// Most logs, most witnesses and most groups. The specification asks for at least 32.
pub const LINES_MAX: usize = 1024;
/// How a file says that nobody has to agree.
const NONE: &str = "none";

/// A log that is trusted to be what its key signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedLog {
    /// Its key; the key's name is its origin.
    pub key: NoteKey,
    /// Where it is served.
    pub url: Option<String>,
}

/// A witness that is trusted to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedWitness {
    /// What the file calls it.
    pub name: String,
    /// Its key.
    pub key: NoteKey,
    /// Where it takes checkpoints: `add-checkpoint` is appended.
    pub url: Option<String>,
}

/// A trust file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quorum {
    logs: Vec<TrustedLog>,
    witnesses: Vec<TrustedWitness>,
    groups: BTreeMap<String, Group>,
    required: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    needed: usize,
    members: Vec<String>,
}

impl Quorum {
    /// The logs, in the order of the file.
    pub fn logs(&self) -> &[TrustedLog] {
        &self.logs
    }

    /// The witnesses, in the order of the file.
    pub fn witnesses(&self) -> &[TrustedWitness] {
        &self.witnesses
    }

    /// Whether anybody has to agree.
    pub fn is_required(&self) -> bool {
        self.required.is_some()
    }

    /// Checks that the witnesses who cosigned a note are enough. Cosignatures of others are ignored.
    ///
    /// # Errors
    /// [`Unproven::BadSignature`] when a trusted witness's line does not verify, [`Unproven::Quorum`]
    pub fn check(&self, note: &Note) -> Result<(), Unproven> {
        let keys: Vec<NoteKey> = self.witnesses.iter().map(|witness| witness.key.clone()).collect();
        let signers = note.signers(&keys)?;
        let Some(required) = &self.required else { return Ok(()) };
        let signed = |name: &str| {
            let witness = self.witnesses.iter().find(|witness| witness.name == name);
            witness.is_some_and(|witness| signers.contains(&&witness.key))
        };
        if self.agrees(required, &signed) { Ok(()) } else { Err(Unproven::Quorum { quorum: required.clone() }) }
    }

    /// Whether a witness or group agrees. Members are named before their group, so that this ends.
    fn agrees(&self, name: &str, signed: &impl Fn(&str) -> bool) -> bool {
        match self.groups.get(name) {
            Some(group) => group.members.iter().filter(|member| self.agrees(member, signed)).count() >= group.needed,
            None => signed(name),
        }
    }

    fn line(&mut self, line: &str, names: &mut DefinedNames) -> Result<(), &'static str> {
        let mut words = line.split_ascii_whitespace();
        let verb = words.next().unwrap_or_default();
        let words: Vec<&str> = words.collect();
        match (verb, words.as_slice()) {
            ("log", [key, url @ ..]) => {
                let key = vkey(key, KeyKind::Log)?;
                if self.logs.iter().any(|log| log.key == key) {
                    return Err("names a log twice");
                }
                self.logs.push(TrustedLog { key, url: only(url)? });
                within(self.logs.len())
            }
            ("witness", [name, key, url @ ..]) => {
                names.define(name)?;
                let key = vkey(key, KeyKind::Cosigner)?;
                if self.witnesses.iter().any(|witness| witness.key == key) {
                    return Err("names one witness key twice, which would count double");
                }
                self.witnesses.push(TrustedWitness { name: (*name).to_owned(), key, url: only(url)? });
                within(self.witnesses.len())
            }
            ("group", [name, rule, members @ ..]) if !members.is_empty() => {
                for member in members {
                    names.put_into_group(member)?;
                }
                names.define(name)?;
                let needed = match *rule {
                    "all" => members.len(),
                    "any" => 1,
                    count => count.parse().map_err(|_| "has neither `all`, `any` nor a number")?,
                };
                if needed == 0 || needed > members.len() {
                    return Err("needs none, or more members than there are");
                }
                let members = members.iter().map(|member| (*member).to_owned()).collect();
                self.groups.insert((*name).to_owned(), Group { needed, members });
                within(self.groups.len())
            }
            ("quorum", [name]) if !names.quorum_seen => {
                names.quorum_seen = true;
                if *name != NONE {
                    if !names.defined.contains(*name) {
                        return Err("asks for a witness or group that no line above defines");
                    }
                    self.required = Some((*name).to_owned());
                }
                Ok(())
            }
            ("quorum", [_]) => Err("is a second quorum line"),
            _ => Err("is no log, witness, group or quorum line"),
        }
    }
}

/// What the lines so far have named.
#[derive(Default)]
struct DefinedNames {
    defined: BTreeSet<String>,
    grouped: BTreeSet<String>,
    quorum_seen: bool,
}

impl DefinedNames {
    fn define(&mut self, name: &str) -> Result<(), &'static str> {
        if name == NONE {
            return Err("takes the name `none`, which has a meaning");
        }
        if self.defined.insert(name.to_owned()) { Ok(()) } else { Err("defines a name twice") }
    }

    /// A member of two groups could count twice for one quorum.
    fn put_into_group(&mut self, name: &str) -> Result<(), &'static str> {
        if !self.defined.contains(name) {
            return Err("has a member that no line above defines");
        }
        if self.grouped.insert(name.to_owned()) { Ok(()) } else { Err("has a member that is in a group already") }
    }
}

impl FromStr for Quorum {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        if text.len() > QUORUM_BYTES_MAX {
            return Err(Malformed::TooLong { what: "trust file", len_bytes: text.len(), max_bytes: QUORUM_BYTES_MAX });
        }
        let (mut this, mut names) = (Self::default(), DefinedNames::default());
        for line in text.lines() {
            let content = line.split('#').next().unwrap_or_default().trim();
            if !content.is_empty() {
                this.line(content, &mut names).map_err(|reason| Malformed::value("trust line", line, reason))?;
            }
        }
        // A file that was cut off must not be one that asks for nobody.
        if this.logs.is_empty() && this.witnesses.is_empty() && !names.quorum_seen {
            return Err(Malformed::value("trust file", "", "says nothing"));
        }
        if !this.witnesses.is_empty() && !names.quorum_seen {
            let reason = "has witnesses and no quorum line; `quorum none` says that nobody has to agree";
            return Err(Malformed::value("trust file", "", reason));
        }
        Ok(this)
    }
}

fn vkey(text: &str, kind: KeyKind) -> Result<NoteKey, &'static str> {
    let key: NoteKey = text.parse().map_err(|_| "has a verifier key that cannot be used")?;
    if key.kind() == kind { Ok(key) } else { Err("has a key of the other type: 1 is a log's, 4 a witness's") }
}

fn only(urls: &[&str]) -> Result<Option<String>, &'static str> {
    match urls {
        [] => Ok(None),
        [url] if url.starts_with("http://") || url.starts_with("https://") => Ok(Some((*url).to_owned())),
        _ => Err("ends in something other than one http:// or https:// address"),
    }
}

fn within(lines: usize) -> Result<(), &'static str> {
    if lines > LINES_MAX { Err("is one too many of its sort") } else { Ok(()) }
}
