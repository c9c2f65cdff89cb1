#!/usr/bin/env bash
# The newcomer's path in a fresh Debian root made with debootstrap, which has only git, make and cargo: `make run`
# from a clean clone until the page answers and an agent speaks. Needs root; takes as long as a release build.
set -euo pipefail
cd "$(dirname "$0")/.."
[ "$(id -u)" = 0 ] || { echo "error: needs root (debootstrap and chroot)" >&2; exit 1; }
command -v debootstrap >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends debootstrap; }

suite=${SUITE:-bookworm}
root=$(mktemp -d /var/tmp/newcomer.XXXXXX)
port=${PORT:-7960}
server=""
cleanup() {
  [ -n "$server" ] && kill "$server" 2>/dev/null && wait "$server" 2>/dev/null || true
  for mount in root/.cargo root/.rustup proc dev sys; do
    if mountpoint -q "$root/$mount"; then umount -R "$root/$mount" || umount -R -l "$root/$mount" || true; fi
  done
  # What is still mounted belongs to this machine: never remove through it.
  if grep -q " $root/" /proc/self/mounts; then echo "error: still mounted below $root; unmount and remove it by hand" >&2; return; fi
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT

echo "==> a fresh $suite in $root"
mirror=$(awk '/^deb /{print $2; exit} /^URIs:/{print $2; exit}' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true)
debootstrap --variant=minbase --include=git,make,ca-certificates "$suite" "$root" ${mirror:+"$mirror"} >/dev/null
for file in /etc/apt/sources.list /etc/resolv.conf /etc/hosts /etc/pip.conf; do [ -f "$file" ] && cp -L "$file" "$root$file"; done
cp -a /etc/apt/sources.list.d /etc/apt/apt.conf.d "$root/etc/apt/" 2>/dev/null || true
cp -a /usr/local/share/ca-certificates "$root/usr/local/share/" 2>/dev/null || true
cp -a /etc/ssl/certs/. "$root/etc/ssl/certs/" 2>/dev/null || true
for file in .npmrc .config/pip/pip.conf .pip/pip.conf; do
  [ -f "$HOME/$file" ] && mkdir -p "$root/root/$(dirname "$file")" && cp "$HOME/$file" "$root/root/$file"
done
# Cargo is there already: the one of this machine.
mkdir -p "$root/root/.cargo" "$root/root/.rustup"
mount --bind "${CARGO_HOME:-$HOME/.cargo}" "$root/root/.cargo"
mount --bind "${RUSTUP_HOME:-$HOME/.rustup}" "$root/root/.rustup"
mount -t proc proc "$root/proc"; mount --rbind /dev "$root/dev"; mount --make-rslave "$root/dev"; mount -t sysfs sys "$root/sys"
git clone -q . "$root/root/agent-foundry"

echo "==> make run"
log=$(mktemp)
chroot "$root" /usr/bin/env -i HOME=/root PATH=/root/.cargo/bin:/usr/sbin:/usr/bin:/sbin:/bin \
  $(env | grep -E '^(PIP_|CARGO_|RUSTUP_|npm_config_|https?_proxy|HTTPS?_PROXY|no_proxy|SSL_CERT|NODE_EXTRA_CA)' | grep -vE '^(CARGO_TARGET_DIR|CARGO_HOME|RUSTUP_HOME)=' | tr '\n' ' ') \
  make -C /root/agent-foundry run ARGS="--listen 127.0.0.1:$port" >"$log" 2>&1 &
server=$!
for _ in $(seq 1 2400); do
  curl -fs "http://127.0.0.1:$port/readyz" >/dev/null 2>&1 && break
  kill -0 "$server" 2>/dev/null || { tail -40 "$log"; echo "error: make run ended" >&2; exit 1; }
  sleep 1
done
curl -fs "http://127.0.0.1:$port/readyz" || { tail -40 "$log"; echo "error: not ready" >&2; exit 1; }
echo; echo "==> a call to it"
chroot "$root" /root/.cache/agent-foundry/target/release/foundry call --url "http://127.0.0.1:$port" --agent front-desk \
  --wav /root/agent-foundry/testkit/speech/desk_hours.wav --json
echo "==> proven on a fresh $suite"
