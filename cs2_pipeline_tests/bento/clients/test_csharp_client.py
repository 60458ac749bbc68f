"""The C# client, compiled and run against a real server where a compiler is at hand; its wire format everywhere."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[3] / "clients" / "csharp" / "Cs2PredictionsClient.cs"
HERE = Path(__file__).parent / "csharp"
MONO = "apt-get install mono-mcs mono-runtime libmono-system-net-http4.0-cil libmono-system-core4.0-cil"
RECORDED = json.loads((HERE / "recorded.json").read_text())


@pytest.mark.parametrize("exchange", RECORDED, ids=lambda exchange: exchange["name"])
def test_what_the_client_sends_is_answered_in_the_names_it_reads(server, exchange):
    answer = server.post(exchange["path"], exchange["request"])
    assert (answer.status, answer.json) == (exchange["status"], exchange["response"])


@pytest.mark.skipif(not (shutil.which("mcs") and shutil.which("mono")), reason=f"no C# compiler: {MONO}")
def test_the_client_compiles_and_gets_its_answers(server, tmp_path):
    program = tmp_path / "program.exe"
    sources = [CLIENT, HERE / "Json.cs", HERE / "Program.cs"]
    compiled = subprocess.run(
        ["mcs", "-langversion:7.2", "-r:System.Net.Http.dll", "-r:System.Core.dll", f"-out:{program}", *sources],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert compiled.returncode == 0, compiled.stdout + compiled.stderr
    done = subprocess.run(["mono", program, server.url], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines() == [
        "round 0.689974 0.310026 CT 0.645656 0.731059 v1",
        "rounds 2 v1",
        "player Advanced 0.460882 0.460882",
        "newcomer True not enough rounds yet: 40 of the 50 a judgement needs",
        "refused HTTP 422: one field is wrong; ctAlive: must be from 0 to 5, not 9",
        "cancelled True",
    ], done.stderr
