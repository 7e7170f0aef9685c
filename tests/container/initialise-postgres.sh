#!/bin/sh
# The part of the official image's entry point that Charter's docker-compose.yml relies on.
set -eu
umask 077
export PGDATA="${PGDATA:-/var/lib/postgresql/data}"
as_postgres() { setpriv --reuid=postgres --regid=postgres --init-groups "$@"; }
mkdir -p "$PGDATA" && chown postgres:postgres "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    printf '%s\n' "$POSTGRES_PASSWORD" > /run/password && chown postgres /run/password
    # the arguments are several words
    as_postgres initdb --username="$POSTGRES_USER" --pwfile=/run/password \
        --auth-local=trust --auth-host=scram-sha-256 ${POSTGRES_INITDB_ARGS:-}
    rm /run/password
    echo 'host all all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
    as_postgres pg_ctl -w -o "-c listen_addresses='' -k /tmp" start
    as_postgres createdb --host=/tmp --username="$POSTGRES_USER" "$POSTGRES_DB"
    as_postgres pg_ctl -w -m fast stop
fi
exec setpriv --reuid=postgres --regid=postgres --init-groups \
    postgres -c listen_addresses='*' -k /tmp "$@"
