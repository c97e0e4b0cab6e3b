#!/bin/sh
# Builds the node, creates it in ./var on first use, and serves it. OSTRAKON_DIR and OSTRAKON_DOMAIN change folder and name.
set -eu
cd "$(dirname "$0")/.."
bin=${CARGO_TARGET_DIR:-target}/release/ostrakon
dir=${OSTRAKON_DIR:-./var}
domain=${OSTRAKON_DOMAIN:-node.localhost}

echo "run: building in release mode (a first build takes a few minutes)"
cargo build --release --workspace --bins
if [ ! -e "$dir/ostrakon.toml" ]; then
    echo "run: creating a node named $domain in $dir"
    "$bin" init --dir "$dir" --domain "$domain"
fi
cat <<EOF
run: serving $dir; Ctrl-C ends it. When it says \`ready\`, try in another terminal:
  make demo
  $bin vote --dir $dir peer:spam.example -80 --category spam
  $bin explain --dir $dir peer:spam.example
EOF
exec "$bin" serve --dir "$dir"
