"""A stand-in for SQL Server that speaks its wire protocol, for tests (see `server` for what it is and is not)."""
