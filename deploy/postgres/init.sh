#!/bin/sh
# Run once by the postgres image on an empty data folder: a role and a database each for Dagster, MLflow and the
# platform's records, closed to the others. UTF-8 whatever the server's locale: psycopg reads no text from SQL_ASCII.
set -eu
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres <<'SQL'
\getenv dagster_password DAGSTER_POSTGRES_PASSWORD
\getenv mlflow_password MLFLOW_POSTGRES_PASSWORD
\getenv records_password RECORDS_POSTGRES_PASSWORD
CREATE ROLE dagster LOGIN PASSWORD :'dagster_password';
CREATE ROLE mlflow LOGIN PASSWORD :'mlflow_password';
CREATE ROLE records LOGIN PASSWORD :'records_password';
CREATE DATABASE dagster OWNER dagster ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE mlflow OWNER mlflow ENCODING 'UTF8' TEMPLATE template0;
CREATE DATABASE records OWNER records ENCODING 'UTF8' TEMPLATE template0;
REVOKE ALL ON DATABASE dagster, mlflow, records, postgres FROM PUBLIC;
SQL
