"""Recordings of matches into an embedded demo database, in the Demo Lens schema.

`ingest.ingest` adds `.dem` files and folders of exported events, `exports.ingest_exports` what other programs exported;
`ingest.failed` lists what could not be read. The steps: a parser (`demo_file`, `event_folder`; for exports
`cs_demo_analyzer`, `csv_export` and `demo_format` through `exported`) reads a recording into the form of `parsed`;
`timeline` cuts it into rounds, `roster` tells who played where, `facts` what happened, `statistics` counts; `assemble`
makes the rows and `ledger` writes them.

Nothing is imported here: `worker`, which runs in a new process for each recording, needs only some of these modules.
"""
