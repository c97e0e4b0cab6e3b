//! The score that decides here: the ledger's votes and the reports of this node's own users together, as the gate adds them up.

use ostrakon_ledger::Subject;
use ostrakon_policies::Verdict;
use ostrakon_reputation::Part;
use serde::Serialize;

/// What a message is judged by in respect of one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// Thousandths, −1000…1000.
    pub score: i16,
    /// Thousandths, 0…1000.
    pub confidence: u16,
    /// What it adds to a message's standing, thousandths of a nat.
    pub standing: i32,
    /// Independent reporters who speak against it, as the fact `accusers` counts them.
    pub accusers: u32,
    /// This node's own users whose reports count.
    pub reporters: u32,
    /// Of a peer: what the rules in force say of a plain message that proves to come from it and is otherwise unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

impl Effective {
    /// From what the gate reads, how many users reported, and what the rules say.
    pub fn new(part: &Part, reporters: u32, verdict: Option<Verdict>) -> Self {
        let Part { score, standing, accusers, .. } = *part;
        Self { score: score.score, confidence: score.confidence, standing, accusers, reporters, verdict }
    }

    /// What it comes to, for people, with what the ledger's votes say alone (`None`: none counts). `None` if no user reported:
    /// then the ledger says it all.
    pub fn sentence(&self, subject: &Subject, ledger: Option<&str>) -> Option<String> {
        if self.reporters == 0 {
            return None;
        }
        let is = match self.verdict {
            Some(Verdict::Reject) => "is refused here on",
            Some(Verdict::Hold) => "is held here on",
            _ => "is judged here by",
        };
        let and = if ledger.is_some() { " and the votes in the ledger" } else { "" };
        let (reporters, score, confidence) = (self.reporters, self.score, self.confidence);
        let whose = format!("the reports of {reporters}");
        let ledger =
            ledger.map_or_else(|| "No vote in the ledger counts.".to_owned(), |it| format!("The ledger: {it}"));
        Some(format!(
            "{subject} {is} {whose} of this node's own users{and}: score {score}, confidence {confidence}. {ledger}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_comes_first() {
        let subject: Subject = "peer:bad.example".parse().unwrap();
        let of = |reporters, verdict| Effective {
            score: -818,
            confidence: 818,
            standing: -1500,
            accusers: 3,
            reporters,
            verdict,
        };
        assert_eq!(of(0, Some(Verdict::Reject)).sentence(&subject, None), None);
        assert_eq!(
            of(3, Some(Verdict::Reject)).sentence(&subject, None).unwrap(),
            "peer:bad.example is refused here on the reports of 3 of this node's own users: score -818, confidence 818. \
             No vote in the ledger counts."
        );
        assert_eq!(
            of(1, Some(Verdict::Accept)).sentence(&subject, Some("it is good.")).unwrap(),
            "peer:bad.example is judged here by the reports of 1 of this node's own users and the votes in the ledger: score \
             -818, confidence 818. The ledger: it is good."
        );
    }
}
