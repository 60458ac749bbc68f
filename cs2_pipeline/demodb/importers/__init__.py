"""Recordings of matches into an embedded demo database, in the Demo Lens schema.

`ingest` adds `.dem` files and folders of exported events, `ingest_exports` what other programs exported; `failed`
lists what could not be read. The steps: a parser (`demo_file`, `event_folder`; for exports `cs_demo_analyzer`,
`csv_export` and `demo_format` through `exported`) reads a recording into the form of `parsed`; `timeline` cuts it into
rounds, `roster` tells who played where, `facts` what happened, `statistics` counts; `assemble` makes the rows and
`ledger` writes them.
"""

from cs2_pipeline.demodb.importers.exported import NO_DATE
from cs2_pipeline.demodb.importers.exports import ingest_exports
from cs2_pipeline.demodb.importers.ingest import UNDATED, IngestReport, Outcome, failed, ingest
from cs2_pipeline.demodb.importers.ledger import Quarantined

__all__ = ["NO_DATE", "UNDATED", "IngestReport", "Outcome", "Quarantined", "failed", "ingest", "ingest_exports"]
