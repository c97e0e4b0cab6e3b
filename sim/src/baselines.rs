//! What others do with votes: published algorithms to compare the engine with, one file each.
//!
//! Honest versions, in floating point, of the forms in the papers; each file names its source and whatever the source
//! leaves open. All are given the same votes and the same trusted voters and make what use of them they can.

pub mod agreement;
pub mod beta;
pub mod eigentrust;
pub mod fairness_goodness;
pub mod mean;
pub mod pagerank;

mod walk;

#[cfg(test)]
mod tests;
