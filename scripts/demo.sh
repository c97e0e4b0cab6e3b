#!/bin/sh
# Plays generated traffic against the node that `make run` serves from ./var. Arguments go to `ostrakon-sim demo`.
set -eu
cd "$(dirname "$0")/.."
bin=${CARGO_TARGET_DIR:-target}/release/ostrakon-sim
dir=${OSTRAKON_DIR:-./var}

if [ ! -e "$dir/run.json" ]; then
    echo "demo: no node is served from $dir. Start one with \`make run\` in another terminal, then try again." >&2
    exit 1
fi
cargo build --release -q --workspace --bins
exec "$bin" demo --dir "$dir" "$@"
