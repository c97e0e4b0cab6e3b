#!/bin/sh
# The crash tests with 200 cycles of `kill -9` instead of 20, or as many as OSTRAKON_KILL_CYCLES says, after the comparison of
# our signature check with `verify_strict` on ten million signatures instead of ten thousand, or OSTRAKON_SIGNATURES.
set -eu
cd "$(dirname "$0")/.."
export OSTRAKON_KILL_CYCLES="${OSTRAKON_KILL_CYCLES:-200}"
export OSTRAKON_SIGNATURES="${OSTRAKON_SIGNATURES:-10000000}"
echo "soak: $OSTRAKON_SIGNATURES signatures, $OSTRAKON_KILL_CYCLES cycles"
cargo test --release -p ostrakon-ledger --lib multiples_agree
exec cargo test --release -p ostrakon-tests --test crashes "$@"
