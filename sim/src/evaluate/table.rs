//! The tables that people read.

use std::fmt::{self, Display, Formatter};

use super::{Course, Protocol, Report, Table};
use crate::algorithm::Algorithm;
use crate::measure::Mean;

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "parameters {}\n", self.parameters)?;
        for table in &self.tables {
            match table.protocol {
                Protocol::Fraud => writeln!(
                    f,
                    "fraud: benign against fraudulent users. AUC, mean of {} splits ± 95 % (Student's t over the splits), seed {}",
                    self.splits, self.seed
                )?,
                Protocol::Sign => writeln!(
                    f,
                    "sign: the sign of the last fifth of the votes. AUC, mean of {} draws of the attacker ± 95 % (bootstrap over the tested votes), seed {}",
                    self.splits, self.seed
                )?,
            }
            areas(f, table)?;
            flips(f, table)?;
        }
        for course in &self.courses {
            moments(f, course)?;
        }
        write!(
            f,
            "{}",
            match self.broken_bounds().len() {
                0 => "no attacker weighed more or flipped more subjects than its bound".to_owned(),
                some => format!("BROKEN BOUNDS: {some}"),
            }
        )
    }
}

fn areas(f: &mut Formatter<'_>, table: &Table) -> fmt::Result {
    write!(f, "{:<16}", "case")?;
    table.algorithms.iter().try_for_each(|algorithm| write!(f, "{algorithm:>18}"))?;
    writeln!(f)?;
    for row in &table.rows {
        write!(f, "{:<16}", row.case)?;
        row.cells.iter().try_for_each(|cell| write!(f, "{:>18}", cell.auc.to_string()))?;
        writeln!(f)?;
    }
    writeln!(f)
}

fn flips(f: &mut Formatter<'_>, table: &Table) -> fmt::Result {
    let attacked: Vec<_> =
        table.rows.iter().filter(|row| row.cells.iter().any(|cell| cell.flipped.is_some())).collect();
    if attacked.is_empty() {
        return Ok(());
    }
    writeln!(
        f,
        "{}: subjects with a clear score (.3) whose sign changes; what the engine lets the attacker weigh (full votes); bounds",
        table.protocol
    )?;
    write!(f, "{:<16}", "case")?;
    let has_engine = table.algorithms.contains(&Algorithm::Ostrakon);
    if has_engine {
        write!(f, "{:>18}{:>18}", "weight ≤ bound", "flipped ≤ bound")?;
    }
    let others = || table.signed().filter(|(_, algorithm)| *algorithm != Algorithm::Ostrakon);
    others().try_for_each(|(_, algorithm)| write!(f, "{algorithm:>18}"))?;
    writeln!(f)?;
    for row in attacked {
        write!(f, "{:<16}", row.case)?;
        if let Some(bound) = row.bound {
            let weight = format!("{:.1} ≤ {:.1}", bound.weight.mean, bound.weight_max.mean);
            let flipped = format!("{:.1} ≤ {:.0}", bound.flipped.mean, bound.flipped_max.mean);
            write!(f, "{weight:>18}{flipped:>18}")?;
        }
        for (at, _) in others() {
            write!(f, "{:>18}", row.cells[at].flipped.map_or_else(String::new, |flipped| one_decimal(&flipped)))?;
        }
        writeln!(f)?;
    }
    writeln!(f)
}

fn moments(f: &mut Formatter<'_>, course: &Course) -> fmt::Result {
    writeln!(f, "{} over time in the production book, half-life {} days", course.case, course.half_life_days)?;
    writeln!(
        f,
        "{:<16}{:>18}{:>18}{:>18}{:>18}",
        "votes so far", "AUC without it", "AUC with it", "weight ≤ bound", "flipped ≤ bound"
    )?;
    for moment in &course.moments {
        let bound = &moment.bound;
        let weight = format!("{:.1} ≤ {:.1}", bound.weight.mean, bound.weight_max.mean);
        let flipped = format!("{:.1} ≤ {:.0}", bound.flipped.mean, bound.flipped_max.mean);
        let percent = format!("{} %", moment.percent);
        writeln!(
            f,
            "{percent:<16}{:>18}{:>18}{weight:>18}{flipped:>18}",
            moment.auc_clean.to_string(),
            moment.auc.to_string()
        )?;
    }
    writeln!(f)
}

fn one_decimal(mean: &Mean) -> String {
    mean.half_width.map_or_else(|| format!("{:.1}", mean.mean), |half| format!("{:.1} ± {half:.1}", mean.mean))
}
