"""How Alembic runs the migrations: in the transaction that `Records.migrate` has begun, and in no other."""

from alembic import context

from cs2_pipeline.records.tables import METADATA

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=METADATA, render_as_batch=True, transactional_ddl=True)
context.run_migrations()
