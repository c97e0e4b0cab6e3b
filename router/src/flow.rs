//! What becomes of a message and of a record, as values that are driven: no runtime, no socket, no clock.
//!
//! `sim` runs what stands here; [`crate::server`] drives it for real traffic.

pub mod decision;
pub mod explaining;
pub mod gate;
pub mod journal;
pub mod rebuttals;
pub mod registrar;
pub mod scores;
