#!/bin/sh
# Three parts: our signature check beside `verify_strict` on ten million signatures (OSTRAKON_SIGNATURES); the crash tests with
# 200 cycles of `kill -9` instead of 20 (OSTRAKON_KILL_CYCLES); every fuzz target for ten minutes (OSTRAKON_FUZZ_SECONDS), as many
# beside each other as there are cores: with two cores that is an hour and a half.
set -eu
cd "$(dirname "$0")/.."
export OSTRAKON_SIGNATURES="${OSTRAKON_SIGNATURES:-10000000}"
echo "soak: $OSTRAKON_SIGNATURES signatures"
cargo test --release -p ostrakon-ledger --lib multiples_agree
export OSTRAKON_KILL_CYCLES="${OSTRAKON_KILL_CYCLES:-200}"
echo "soak: $OSTRAKON_KILL_CYCLES cycles"
cargo test --release -p ostrakon-tests --test crashes "$@"
export OSTRAKON_FUZZ_SECONDS="${OSTRAKON_FUZZ_SECONDS:-600}"
echo "soak: every fuzz target for $OSTRAKON_FUZZ_SECONDS seconds"
exec cargo test --release -p ostrakon-tests --test fuzz "$@"
