#!/usr/bin/env bash
# Builds the pages when their sources changed since the last build. usage: scripts/web.sh build|check|test
set -euo pipefail
cd "$(dirname "$0")/../web"
source "${AGENT_FOUNDRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/agent-foundry}/env.sh"

install() {
  local stamp=node_modules/.installed
  if [ ! -f "$stamp" ] || [ package-lock.json -nt "$stamp" ]; then
    # Not `npm ci`: it refuses a lock without download addresses whose optional packages are for other systems. The
    # lock pins every version and its checksum all the same.
    npm install --no-save --no-audit --no-fund --loglevel=error >&2
    touch "$stamp"
  fi
}

case ${1:-build} in
  build)
    sources=$(find . -name node_modules -prune -o -path '*/dist' -prune -o -type f -print0 | sort -z | xargs -0 sha256sum | sha256sum)
    if [ "$(cat node_modules/.built 2>/dev/null)" != "$sources" ] || [ ! -f pages/dist/manual.html ] || [ ! -f widget/dist/widget.js ] \
      || [ ! -f console/dist/index.html ]; then
      install
      npm run --silent build >&2
      printf '%s\n' "$sources" >node_modules/.built
    fi ;;
  check) install; npm run --silent check ;;
  test) install; npm test --silent ;;
esac
