//! Published algorithms to compare the engine with, one file each.
//!
//! They follow the papers, in floating point. Each file names its source, and what the source leaves open. All
//! algorithms get the same votes and the same trusted voters.

pub mod agreement;
pub mod beta;
pub mod eigentrust;
pub mod fairness_goodness;
pub mod mean;
pub mod pagerank;

mod walk;

#[cfg(test)]
mod tests;
