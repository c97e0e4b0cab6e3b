#!/bin/sh
# Formatting and lints; the same two lines that CI runs.
set -eu
cd "$(dirname "$0")/.."
echo "check: formatting"
cargo fmt --all --check
echo "check: clippy, warnings are errors"
cargo clippy --release --workspace --all-targets -- -D warnings
