#!/bin/sh
# The crash tests with 200 cycles of `kill -9` instead of 20, or as many as OSTRAKON_KILL_CYCLES says.
set -eu
cd "$(dirname "$0")/.."
export OSTRAKON_KILL_CYCLES="${OSTRAKON_KILL_CYCLES:-200}"
echo "soak: $OSTRAKON_KILL_CYCLES cycles"
exec cargo test --release -p ostrakon-tests --test crashes "$@"
