"""A Counter-Strike 2 machine-learning platform: from a demo database to served, trusted probabilities.

Importing it turns off the telemetry of the libraries it uses, in this process and in those it starts: they read these
variables when they are imported. ONNX Runtime would write a device id and an event database into the user's home.
"""

import os
from typing import Final

NO_TELEMETRY: Final = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""What turns telemetry off, by environment variable. The images set the same."""

for _name, _value in NO_TELEMETRY.items():
    os.environ.setdefault(_name, _value)
