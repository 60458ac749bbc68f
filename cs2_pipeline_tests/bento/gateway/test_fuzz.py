"""Schemathesis against the gateway's own OpenAPI document: nothing fails, and every answer is as declared.

Left out is the one check that cannot hold here: that whatever fits the schema is accepted. An id fits it and may be
nobody's. Streams that never end are not asked for either.
"""

import os
import re
import subprocess
import sys

from cs2_pipeline.records.database import open_records
from cs2_pipeline.settings import Settings
from cs2_pipeline_tests.bento.gateway.process import gateway
from cs2_pipeline_tests.forecasting import league

EXAMPLES = os.environ.get("CS2_FUZZ_EXAMPLES", "3")
ASKED = "^/(forecast|auth|api/v1/(forecasts|maps|teams|players|announcements)|health|livez|readyz)"


def test_the_gateway_answers_whatever_comes_as_its_document_says(tmp_path):
    records = open_records(Settings(home=tmp_path))
    league.fill(records)
    records.close()
    with gateway(tmp_path) as port:
        options = ["--include-path-regex", ASKED, "--exclude-path-regex", "stream|steam", "--max-examples", EXAMPLES]
        options += ["--checks", "all", "--exclude-checks", "positive_data_acceptance", "--seed", "1"]
        options += ["--phases", "examples,coverage,fuzzing", "--request-timeout", "600"]
        address = f"http://127.0.0.1:{port}/openapi.json"
        ended = subprocess.run(
            [sys.executable, "-m", "schemathesis.cli", "run", address, *options],
            cwd=tmp_path, text=True, capture_output=True, check=False,
        )  # fmt: skip
        assert ended.returncode == 0, ended.stdout[-5000:] + ended.stderr[-2000:]
        assert re.search(r"Tested: [2-9]\d", ended.stdout), ended.stdout[-2000:]
    assert "Traceback" not in (tmp_path / f"log-{port}").read_text()
