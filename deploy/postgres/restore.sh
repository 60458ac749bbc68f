#!/bin/sh
# Replace the databases dagster, mlflow and records with the dumps in a folder. Stop everything that uses them first.
# Each dump is read into a new database that takes the old one's place only when all are complete and nobody is connected.
# The server is named by PGHOST, PGPORT, PGUSER and PGPASSWORD, as psql reads them.
set -eu
folder=${1:?usage: restore.sh FOLDER}
query() { psql --quiet --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 --dbname postgres --command "$1"; }
exists() { [ "$(query "SELECT count(*) FROM pg_database WHERE datname = '$1'")" = 1 ]; }
allow_connections() {
    for database in dagster mlflow records; do
        if exists "$database"; then
            query "ALTER DATABASE $database ALLOW_CONNECTIONS $1"
        fi
    done
}

for database in dagster mlflow records; do
    [ -s "$folder/$database.dump" ] || { echo "restore.sh: there is no $folder/$database.dump; nothing was changed" >&2; exit 1; }
done
for database in dagster mlflow records; do
    dropdb --if-exists "${database}_replaced"
    dropdb --if-exists "${database}_restored"
    createdb --owner "$database" --encoding UTF8 --template template0 "${database}_restored"
    pg_restore --exit-on-error --single-transaction --dbname "${database}_restored" "$folder/$database.dump"
done

# All are closed before any is replaced, and opened again whatever ends this script.
trap 'allow_connections true' EXIT
trap 'exit 1' HUP INT TERM
allow_connections false
connected=$(query "SELECT string_agg(DISTINCT datname || ' by ' || coalesce(nullif(application_name, ''), usename), ', ')
    FROM pg_stat_activity WHERE datname IN ('dagster', 'mlflow', 'records')")
if [ -n "$connected" ]; then
    echo "restore.sh: still connected: $connected. Stop what uses the databases; nothing was changed" >&2
    exit 1
fi
# One transaction: never databases of different days.
swap=""
for database in dagster mlflow records; do
    if exists "$database"; then swap="$swap ALTER DATABASE $database RENAME TO ${database}_replaced;"; fi
    swap="$swap ALTER DATABASE ${database}_restored RENAME TO $database; REVOKE ALL ON DATABASE $database FROM PUBLIC;"
done
query "$swap"
for database in dagster mlflow records; do
    dropdb --if-exists "${database}_replaced"
done
