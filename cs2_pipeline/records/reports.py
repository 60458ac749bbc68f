"""Reports: documents that the pipeline writes for people to look at, the newest of each name."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import delete, insert, select

from cs2_pipeline.records.database import Records
from cs2_pipeline.records.tables import REPORTS

DATA: Final = "data"
"""What is stored, where it comes from, and what was left out and why."""


@dataclass(frozen=True)
class Report:
    """A document and when it was made."""

    made_at: datetime
    body: Mapping[str, Any]


def monitoring(model: str) -> str:
    """Name of the report of the latest look at a champion."""
    return f"monitoring {model}"


def replace(records: Records, name: str, body: Mapping[str, Any], *, at: datetime) -> None:
    """Put a document in the place of the former one of its name."""
    with records.writing() as connection:
        connection.execute(delete(REPORTS).where(REPORTS.c.name == name))
        connection.execute(insert(REPORTS).values(name=name, made_at=at, body=json.dumps(body)))


def newest(records: Records, name: str) -> Report | None:
    """The document of a name; None where none was written yet."""
    with records.reading() as connection:
        found = connection.execute(select(REPORTS).where(REPORTS.c.name == name)).one_or_none()
    return None if found is None else Report(found.made_at, json.loads(found.body))
