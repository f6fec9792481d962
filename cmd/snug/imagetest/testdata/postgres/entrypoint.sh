#!/usr/bin/env bash
# What the public image does at its start: it initialises an empty folder, for a role, a database and a password that
# come by environment, and listens by TCP only when that is done.
set -euo pipefail

if [ "$1" = postgres ]; then
  if [ "$(id -u)" = 0 ]; then
    chown postgres "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$0" "$@"
  fi
  chmod 0700 "$PGDATA"
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    password=${POSTGRES_PASSWORD:-$(cat "${POSTGRES_PASSWORD_FILE:?}")}
    user=${POSTGRES_USER:-postgres}
    # The arguments are words for the shell, as they are there.
    # shellcheck disable=SC2086
    initdb --username="$user" --pwfile=<(printf '%s\n' "$password") ${POSTGRES_INITDB_ARGS:-}
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    pg_ctl start --wait --options="-c listen_addresses=''"
    createdb --host=/var/run/postgresql --username="$user" "${POSTGRES_DB:-$user}"
    pg_ctl stop --wait --mode=fast
  fi
fi
exec "$@"
