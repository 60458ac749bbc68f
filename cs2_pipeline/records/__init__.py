"""The platform's own database: accounts, keys, quotas, the forecasts' ledger, events to hand out.

`database` opens it (SQLite in the home, or PostgreSQL by CS2_RECORDS_URL) and brings it up to date with `migrations`;
`tables` says what it holds. Each concern has a module of functions and classes over an open `Records`.
"""
