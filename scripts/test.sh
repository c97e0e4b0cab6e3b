#!/usr/bin/env bash
# Runs the whole test suite and ends with one line that sums it up: `N passed, N failed, N skipped`.
# Exit code: cargo's; 1 when not one test ran. Arguments go to `cargo test`.
# A test whose data is not on this machine writes `skipped: …` to stderr and returns; it counts as skipped, not as passed.
set -u -o pipefail
cd "$(dirname "$0")/.."

scripts/go-check.sh
echo "test: building and running the whole suite in release mode (a first build takes a few minutes)"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# The programs first: tests that run them would build what is missing, and look as if they hung.
{ cargo build --release --workspace --bins && cargo test --release --workspace --no-fail-fast "$@"; } 2>&1 | tee "$log"
status=${PIPESTATUS[0]}

read -r passed failed skipped < <(awk '
    /^test result:/ { for (i = 2; i <= NF; i++) { if ($i ~ /^passed/) p += $(i-1); if ($i ~ /^failed/) f += $(i-1); if ($i ~ /^ignored/) s += $(i-1) } }
    /(^|\.\.\. )skipped: / { s += 1; p -= 1 }
    END { print p + 0, f + 0, s + 0 }' "$log")
if [ "$((passed + failed))" -eq 0 ] && [ "$status" -eq 0 ]; then
    echo "test: not one test ran" >&2
    status=1
fi
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
