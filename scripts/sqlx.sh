#!/usr/bin/env bash
# Writes control/store/.sqlx anew: what Postgres says of every checked statement, so that a build needs no database.
# Run it after a statement or a migration changed (`make sqlx`). Starts a cluster of its own and removes it.
set -euo pipefail
cd "$(dirname "$0")/.."
source "${AGENT_FOUNDRY_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/agent-foundry}/env.sh"

binaries=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
[ -n "$binaries" ] || binaries=$(pg_config --bindir)
folder=$(mktemp -d)
chmod 755 "$folder"
as_user=()
if [ "$(id -u)" = 0 ]; then
  chown postgres "$folder"
  as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups --)
fi
stop() {
  (cd / && "${as_user[@]}" "$binaries/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1) || true
  rm -rf "$folder"
}
trap stop EXIT
(
  cd /
  "${as_user[@]}" "$binaries/initdb" -D "$folder/data" -U foundry_owner --auth=trust -E UTF8 --locale=C.UTF-8 -N >/dev/null
  "${as_user[@]}" "$binaries/pg_ctl" -D "$folder/data" -l "$folder/log" -w \
    -o "-c listen_addresses= -c unix_socket_directories=$folder -c fsync=off" start >/dev/null
)
for file in control/store/src/roles.sql control/store/migrations/*.sql; do
  psql -q -1 -v ON_ERROR_STOP=1 -h "$folder" -U foundry_owner -d postgres -f "$file" >/dev/null
done
rm -rf control/store/.sqlx
mkdir control/store/.sqlx
touch control/store/src/lib.rs
DATABASE_URL="postgres://foundry_owner@localhost/postgres?host=$folder" SQLX_OFFLINE_DIR="$PWD/control/store/.sqlx" \
  cargo check -q -p control-store
echo "$(ls control/store/.sqlx | wc -l) statements in control/store/.sqlx"
