#!/bin/sh
# Replace the databases dagster and mlflow with the dumps in a folder. Stop everything that uses them first.
# Each dump is read into a new database that takes the old one's place only when it is complete.
# The server is named by PGHOST, PGPORT, PGUSER and PGPASSWORD, as psql reads them.
set -eu
folder=${1:?usage: restore.sh FOLDER}
for database in dagster mlflow; do
    [ -s "$folder/$database.dump" ] || { echo "restore.sh: there is no $folder/$database.dump; nothing was changed" >&2; exit 1; }
done
for database in dagster mlflow; do
    dropdb --if-exists "${database}_restored"
    createdb --owner "$database" "${database}_restored"
    pg_restore --exit-on-error --single-transaction --dbname "${database}_restored" "$folder/$database.dump"
done
for database in dagster mlflow; do
    psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres <<SQL
DROP DATABASE IF EXISTS $database;
ALTER DATABASE ${database}_restored RENAME TO $database;
REVOKE ALL ON DATABASE $database FROM PUBLIC;
SQL
done
