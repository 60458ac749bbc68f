"""The C# client, compiled and run on .NET against a real server where both are at hand; its wire format everywhere."""

import http.server
import importlib.util
import json
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[3] / "clients" / "csharp" / "Cs2PredictionsClient.cs"
HERE = Path(__file__).parent / "csharp"
RECORDED = json.loads((HERE / "recorded.json").read_text())
RUNTIME = importlib.util.find_spec("dotnetcore2")
# What the client and the program use, in the order in which the compiler wants them: the core library first.
ASSEMBLIES = [
    "System.Private.CoreLib", "System.Runtime", "System.Collections", "System.Console", "System.Net.Http",
    "System.Net.Primitives", "System.Private.Uri", "System.Text.Json", "System.Threading.Tasks",
]  # fmt: skip
RUN_WITH = {
    "runtimeOptions": {
        "framework": {"name": "Microsoft.NETCore.App", "version": "3.1.0"},
        "configProperties": {"System.Globalization.Invariant": True},
    }
}


@pytest.mark.parametrize("exchange", RECORDED, ids=lambda exchange: exchange["name"])
def test_what_the_client_sends_is_answered_in_the_names_it_reads(server, exchange):
    answer = server.post(exchange["path"], exchange["request"])
    assert (answer.status, answer.json) == (exchange["status"], exchange["response"])


class Difficult(http.server.BaseHTTPRequestHandler):
    """Is busy, without a model, gone in the middle; then answers, and from then on says nothing."""

    protocol_version = "HTTP/1.1"
    bodies: list[bytes]
    paths: set[str]
    done: threading.Event

    def do_POST(self):
        Difficult.paths.add(self.path)
        Difficult.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        attempt = len(Difficult.bodies)
        if attempt == 1:
            self.answer(429, {"detail": "busy"}, {"Retry-After": "0"})
        elif attempt == 2:
            self.answer(503, {"detail": "no model"})
        elif attempt == 3:
            self.close_connection = True
        elif attempt == 4:
            self.answer(200, {"predictedWinner": "T"})
        else:
            Difficult.done.wait(600)

    def answer(self, status, document, headers=None):
        body = json.dumps(document).encode()
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | (headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def difficult():
    Difficult.bodies, Difficult.paths, Difficult.done = [], set(), threading.Event()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Difficult) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        Difficult.done.set()
        running.shutdown()


def compiled(folder):
    """The client and a program around it, for the .NET runtime of the package; the runtime's command to run it."""
    runtime = Path(RUNTIME.origin).parent / "bin"
    (framework,) = runtime.glob("shared/Microsoft.NETCore.App/*")
    references = [f"-r:{framework / name}.dll" for name in ASSEMBLIES]
    program = folder / "program.dll"
    command = ["mcs", "-langversion:7.2", "-nostdlib", "-noconfig", *references, f"-out:{program}"]
    done = subprocess.run([*command, CLIENT, HERE / "Program.cs"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    program.with_suffix(".runtimeconfig.json").write_text(json.dumps(RUN_WITH))
    return [runtime / "dotnet", program]


@pytest.mark.skipif(shutil.which("mcs") is None, reason="no C# compiler: apt-get install mono-mcs")
@pytest.mark.skipif(RUNTIME is None, reason="no .NET runtime: pip install dotnetcore2 (x86-64 Linux)")
def test_the_client_compiles_and_gets_its_answers_on_dotnet(server, difficult, tmp_path):
    addresses = [server.url, f"http://127.0.0.1:{difficult.server_address[1]}/behind/a/proxy"]
    done = subprocess.run([*compiled(tmp_path), *addresses], capture_output=True, text=True, check=False, timeout=600)
    assert done.stdout.splitlines() == [
        "round 0.689974 0.310026 CT 0.645656 0.731059 v1",
        "rounds 2 v1",
        "player Advanced 0.460882 0.460882",
        "newcomer True not enough rounds yet: 40 of the 50 a judgement needs",
        "refused HTTP 422: one field is wrong; ctAlive: must be from 0 to 5, not 9",
        "cancelled True",
        "after retries T",
        "cancelled while waiting True",
        "timeout True",
    ], done.stderr
    (wrong,) = [exchange for exchange in RECORDED if exchange["name"] == "wrong"]
    assert Difficult.paths == {"/behind/a/proxy/predict/round"}
    assert [json.loads(body) for body in Difficult.bodies[:4]] == [wrong["request"]] * 4
