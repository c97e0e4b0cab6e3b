//! Results for programs.

use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

/// Writes a result as indented JSON with a final newline.
///
/// # Errors
/// The file cannot be written.
pub fn write(path: &Path, result: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(result)?;
    std::fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}
