"""One module a migration, named after its number. A new one follows the newest: there is one line, no branches.

Written by ``alembic`` for nobody: copy the newest, and let the test that compares tables and migrations say what is
missing.
"""
