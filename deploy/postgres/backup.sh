#!/bin/sh
# Write dagster.dump, mlflow.dump and records.dump into a folder. A dump takes its name only when it is complete.
# The server is named by PGHOST, PGPORT, PGUSER and PGPASSWORD, as psql reads them.
# Dumps hold digests of passwords and keys: they are their owner's alone.
set -eu
umask 077
folder=${1:?usage: backup.sh FOLDER}
mkdir -p "$folder"
for database in dagster mlflow records; do
    pg_dump --format=custom --file "$folder/$database.dump.part" "$database"
    pg_restore --list "$folder/$database.dump.part" >/dev/null
    mv "$folder/$database.dump.part" "$folder/$database.dump"
done
