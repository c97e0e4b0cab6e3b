#!/bin/sh
# Builds everything as `make run` and `make test` do, then prints the table of benchmarks. Takes about four minutes.
set -eu
cd "$(dirname "$0")/.."
echo "bench: building in release mode"
cargo build --release --workspace --bins
exec "${CARGO_TARGET_DIR:-target}/release/bench" "$@"
