"""No library that the platform loads writes about its user or asks another host."""

import os
import subprocess
import sys

from cs2_pipeline import NO_TELEMETRY

# Every import first, then a model that runs: telemetry starts with the first session. Every look-up of a host and
# every connection beyond this machine is refused and printed.
SCRIPT = """
import socket, sys

asked = []

def hook(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in ("localhost", "127.0.0.1", None):
        asked.append(arguments[0])

sys.addaudithook(hook)
import cs2_pipeline.definitions
import bento.predictions.service, bento.predictions.http.app
import cs2_pipeline.registry.runs
import numpy as np
from onnx import TensorProto, helper
from cs2_pipeline.artifact.artifact import _session

row = helper.make_tensor_value_info("features", TensorProto.FLOAT, [1])
out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1])
graph = helper.make_graph([helper.make_node("Identity", ["features"], ["out"])], "one", [row], [out])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
_session(model.SerializeToString()).run(None, {"features": np.zeros(1, np.float32)})
assert not asked, asked
"""


def test_importing_everything_and_running_a_model_writes_nothing_into_the_home_and_asks_nobody(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    telling = {"XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", *NO_TELEMETRY}
    environment = {name: value for name, value in os.environ.items() if name not in telling}
    environment |= {"HOME": str(home), "CS2_HOME": str(tmp_path / "cs2"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"BENTOML_HOME": str(tmp_path / "bentoml"), "MPLCONFIGDIR": str(tmp_path / "matplotlib")}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()] == []


def test_what_a_user_has_chosen_is_kept():
    environment = os.environ | {"GX_ANALYTICS_ENABLED": "true"}
    script = "import os, cs2_pipeline; print(os.environ['GX_ANALYTICS_ENABLED'])"
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "true"
