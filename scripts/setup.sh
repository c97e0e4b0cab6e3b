#!/bin/sh
# Makes a machine ready to build Ostrakon. Safe to run again: when everything is there it changes nothing and needs no network.
#
#  1. a Rust toolchain must be there: this script does not install one
#  2. where apt is: gcc and libc headers (a linker for cargo), libclang (RocksDB's bindings), librocksdb
#  3. an untracked .cargo/config.toml that points cargo at the system's RocksDB, so that plain `cargo` works too
#
# Elsewhere RocksDB's bundled C++ sources are built, which is slow: docs/decisions/0002-rocksdb-from-debian.md.
set -eu
cd "$(dirname "$0")/.."

packages="gcc libc6-dev librocksdb-dev libclang-dev"
config=.cargo/config.toml

say() { printf 'setup: %s\n' "$*"; }

if ! command -v cargo >/dev/null 2>&1; then
    say "cargo is not on the PATH. Install a Rust toolchain first: https://rustup.rs"
    exit 1
fi

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]; }

missing() {
    for package in $packages; do
        installed "$package" || printf '%s ' "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null 2>&1; then
        sudo "$@"
    else
        return 127
    fi
}

# RocksDB releases that rocksdb 0.20 has been linked with. An older or newer library gets the bundled copy instead.
system_rocksdb_fits() {
    case "$(dpkg-query -W -f='${Version}' librocksdb-dev 2>/dev/null || true)" in
        7.8.* | 7.9.*) return 0 ;;
        *) return 1 ;;
    esac
}

# Our own file is marked; one that somebody wrote is left alone. $1 is the line under [env], $2 what it is for.
mark='# Written by scripts/setup.sh; untracked.'
write_config() {
    wanted=$(printf '%s\n[env]\n%s' "$mark" "$1")
    found=$(cat "$config" 2>/dev/null || true)
    [ "$found" != "$wanted" ] || return 0
    if [ -n "$found" ] && [ "$(head -n 1 "$config")" != "$mark" ]; then
        say "$config is not ours and stays as it is; under [env] it should hold: $1"
        return 0
    fi
    mkdir -p .cargo
    printf '%s\n' "$wanted" >"$config"
    say "wrote $config: $2"
}

# Says why, then leaves RocksDB to cargo. The bundled 7.9 forgets an include that newer C++ compilers insist on.
bundled() {
    say "$1"
    say "RocksDB is built from its bundled C++ sources, once: about 30 minutes on two cores."
    command -v c++ >/dev/null 2>&1 || say "That needs a C++17 compiler (c++), which is not on the PATH."
    say "It needs libclang as well; LIBCLANG_PATH names its folder where it is not found."
    write_config 'CXXFLAGS = "-include cstdint"' "the bundled RocksDB"
    exit 0
}

if ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-query >/dev/null 2>&1; then
    bundled "no apt here."
fi

absent=$(missing)
if [ -n "$absent" ]; then
    say "installing with apt: $absent"
    # shellcheck disable=SC2086 # a list of package names
    if ! { as_root apt-get update -q && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $absent; }; then
        say "apt could not install: $absent"
        say "As root: apt-get install $absent"
        installed librocksdb-dev || bundled "going on without Debian's RocksDB."
    fi
fi

system_rocksdb_fits || bundled "librocksdb-dev here is not 7.8 or 7.9, which the rocksdb crate in use was made for."

lib=$(dpkg -L librocksdb-dev | grep -m 1 '/librocksdb\.so$' || true)
[ -n "$lib" ] || bundled "librocksdb-dev brings no librocksdb.so."

write_config "ROCKSDB_LIB_DIR = \"$(dirname "$lib")\"" "RocksDB from $(dirname "$lib")"
