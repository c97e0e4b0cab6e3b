#!/bin/sh
# The crash tests with 200 cycles of `kill -9` instead of 20 (OSTRAKON_KILL_CYCLES), then every fuzz target for ten minutes
# (OSTRAKON_FUZZ_SECONDS), as many beside each other as there are cores: with two cores that is an hour and a half.
set -eu
cd "$(dirname "$0")/.."
export OSTRAKON_KILL_CYCLES="${OSTRAKON_KILL_CYCLES:-200}"
echo "soak: $OSTRAKON_KILL_CYCLES cycles"
cargo test --release -p ostrakon-tests --test crashes "$@"
export OSTRAKON_FUZZ_SECONDS="${OSTRAKON_FUZZ_SECONDS:-600}"
echo "soak: every fuzz target for $OSTRAKON_FUZZ_SECONDS seconds"
exec cargo test --release -p ostrakon-tests --test fuzz "$@"
