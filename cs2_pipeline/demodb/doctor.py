"""What is found when a demo database's address is tried step by step, for `cs2 doctor`.

Only the examination belongs here; the sentences for failures are those of `demodb.failures`.
"""

import socket
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

from cs2_pipeline.demodb import content, tables
from cs2_pipeline.demodb.connection import drivers, urls
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.connection.errors import DemoDatabaseError, EmptyDatabaseError
from cs2_pipeline.demodb.extraction import extract, watermark

NEEDED: Final = tuple(tables.METADATA.tables)
_DAY_WITHOUT_MATCHES: Final = date(1999, 1, 1)
"""Extracting it touches every column the pipeline reads, and no row."""


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Attributes:
        level: ``error`` stops the pipeline, ``warning`` deserves a look, ``ok`` is as it should be.
        topic: what was looked at: address, driver, network, login, tables, content.
        message: what was found, and for errors and warnings the next step. Never holds a password.
    """

    level: Literal["ok", "warning", "error"]
    topic: str
    message: str


def diagnose(url: str) -> list[Finding]:
    """Try a demo database's address: driver, network, login, tables, content; stops at the first error.

    Takes seconds at most, also where nothing answers. Never raises for what it finds.
    """
    findings: list[Finding] = []
    topic = "address"
    try:
        with DemoDatabase(url) as db:
            findings.append(Finding("ok", topic, f"the demo database is {db.address}"))
            topic = "driver"
            findings += _drivers(db)
            topic = "network"
            findings += _network(db.address)
            if any(found.level == "error" for found in findings):
                return findings
            topic = "login"
            findings.append(Finding("ok", topic, f"connected; rows are read by {db.route.name}"))
            topic = "tables"
            findings += _tables(db)
            topic = "content"
            findings += _content(db)
    except DemoDatabaseError as error:
        findings.append(Finding("error", topic, str(error)))
    return findings


def require_demos(db: DemoDatabase) -> watermark.Watermark:
    """The watermark of a database that holds demos.

    Raises:
        EmptyDatabaseError: it holds none.
        DemoDatabaseError: it cannot be read.
    """
    found = watermark.read(db)
    if found.demo_id == 0:
        raise EmptyDatabaseError(
            f"{db.address} has the tables and no demo in them; fill it with `cs2 simulate` or `cs2 ingest demos`, or "
            "point CS2_DATABASE_URL at the database your application fills"
        )
    return found


def _drivers(db: DemoDatabase) -> list[Finding]:
    chosen = db.driver
    others = [
        Finding("ok", "driver", f"{driver}: {driver.problem or 'found, not needed'}")
        for driver in drivers.candidates(db.address)
        if driver != chosen
    ]
    return [Finding("ok", "driver", f"{chosen} is used"), *others]


def _network(address: urls.Address) -> list[Finding]:
    """Whether the host has an address and the port answers; nothing for files and local sockets."""
    if not address.host or not address.port or address.host.startswith("/"):
        return []
    try:
        socket.create_connection((address.host, address.port), timeout=urls.CONNECT_TIMEOUT).close()
    except socket.gaierror:
        text = f"no host is named {address.host}; check the name in CS2_DATABASE_URL and this machine's name service"
        return [Finding("error", "network", text)]
    except TimeoutError:
        text = (
            f"{address.host} does not answer on port {address.port} within {urls.CONNECT_TIMEOUT} s; usually a "
            "firewall: open the port for this machine, or check host and port"
        )
        return [Finding("error", "network", text)]
    except OSError as error:
        text = (
            f"{address.host} port {address.port} cannot be reached ({error.strerror or error}); start the server, "
            "and have it listen on TCP at that port"
        )
        return [Finding("error", "network", text)]
    return [Finding("ok", "network", f"{address.host} answers on port {address.port}")]


def _tables(db: DemoDatabase) -> list[Finding]:
    missing = db.schema.missing(NEEDED)
    if missing:
        _ = db.schema[missing[0]]  # raises, and says what is there instead
    for extraction in (extract.rounds, extract.player_match_stats, extract.event_tables):
        extraction(db, _DAY_WITHOUT_MATCHES, _DAY_WITHOUT_MATCHES)
    return [Finding("ok", "tables", f"all {len(NEEDED)} tables are there, with every column the pipeline reads")]


def _content(db: DemoDatabase) -> list[Finding]:
    mark = require_demos(db)
    found = [Finding("ok", "content", f"demos up to Id {mark.demo_id}, the last parsed {mark.parsed_at or 'never'}")]
    found += [Finding(remark.level, "content", remark.message) for remark in content.examine(db)]
    if undated := watermark.without_a_day(db):
        found.append(Finding("warning", "content", undated))
    return found
