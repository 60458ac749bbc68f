"""Records whose tables are there already: to migrate an empty file takes longer than most tests that need one."""

import tempfile
from functools import cache
from pathlib import Path

from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings


def put_into(home: Path) -> None:
    """Let a home have records without any row, if it has none; whoever opens them finds nothing to migrate."""
    home.mkdir(parents=True, exist_ok=True)
    if not (home / "records.db").exists():
        (home / "records.db").write_bytes(_migrated())


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as home:
        open_records(Settings(home=Path(home))).close()
        return (Path(home) / "records.db").read_bytes()
