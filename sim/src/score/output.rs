//! The scores that `score` writes.

use std::collections::HashSet;
use std::path::Path;

use anyhow::Result;

use crate::production::Engine;
use crate::votes::{Names, Row};

/// Writes the engine's scores with their confidence.
///
/// Nine decimals from the engine's tallies instead of the thousandths that people read: rankings need the difference.
pub(super) fn write_posteriors(path: &Path, engine: &Engine, rows: &[Row], names: &Names) -> Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(["subject", "score", "confidence"])?;
    let posteriors = engine.posteriors();
    for subject in subjects(rows) {
        let (score, confidence) = posteriors[subject].billionths(engine.parameters().k_nv());
        let (score, confidence) = (decimal(score), decimal(confidence));
        writer.write_record([names.original(subject), score.as_bytes(), confidence.as_bytes()])?;
    }
    Ok(writer.flush()?)
}

/// Writes a baseline's scores, with as many digits as they have.
pub(super) fn write_scores(path: &Path, scores: &[f64], rows: &[Row], names: &Names) -> Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(["subject", "score"])?;
    for subject in subjects(rows) {
        writer.write_record([names.original(subject), scores[subject].to_string().as_bytes()])?;
    }
    Ok(writer.flush()?)
}

/// The subjects in the order in which the votes name them.
fn subjects(rows: &[Row]) -> impl Iterator<Item = usize> {
    let mut written = HashSet::new();
    rows.iter().map(|row| row.subject).filter(move |subject| written.insert(*subject))
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
