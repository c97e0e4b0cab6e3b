//! The scores that `score` writes.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;
use ostrakon_ledger::Subject;
use ostrakon_reputation::Snapshot;

use super::input::{Names, Row};

/// Writes one row per subject, in the order in which the votes name them.
///
/// Nine decimals from the engine's tallies instead of the thousandths that people read: rankings need the difference.
pub(super) fn write(path: &Path, scores: &Snapshot, rows: &[Row], names: &Names, now_ms: u64) -> Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(["subject", "score", "confidence"])?;
    let mut written = HashSet::new();
    for row in rows.iter().filter(|row| written.insert(row.subject)) {
        let subject = Subject::Peer(names.peer(row.subject).clone());
        let (score, confidence) = scores.score(&subject, now_ms).billionths(scores.parameters().k_nv());
        let (score, confidence) = (decimal(score), decimal(confidence));
        writer.write_record([names.original(row.subject), score.as_bytes(), confidence.as_bytes()])?;
    }
    Ok(writer.flush()?)
}

fn decimal(billionths: i64) -> String {
    let sign = if billionths < 0 { "-" } else { "" };
    let size = billionths.unsigned_abs();
    format!("{sign}{}.{:09}", size / 1_000_000_000, size % 1_000_000_000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn decimals() {
        let cases = [(0, "0.000000000"), (-5, "-0.000000005"), (1_000_000_000, "1.000000000"), (-123, "-0.000000123")];
        cases.iter().for_each(|(n, text)| assert_eq!(super::decimal(*n), *text));
    }
}
