"""What the follower of champions last found, as a file that the workers read."""

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import msgspec

STATUS_FILE: Final = "status.json"


@dataclass
class Status:
    """What the last look at MLflow found.

    Attributes:
        looked_at: Unix time.
        error: why MLflow could not be asked, if so.
        champions: what MLflow last said by model: the champion's version, or None where there is none. A model is
            missing here until MLflow has answered for it.
        refused: reason by model, where the champion's artifact failed its checks.
    """

    looked_at: float
    error: str | None = None
    champions: dict[str, str | None] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, cache: Path) -> Self | None:
        """The status noted in a cache folder, or None."""
        try:
            return msgspec.json.decode((cache / STATUS_FILE).read_bytes(), type=cls)
        except (OSError, ValueError):
            return None

    def write(self, cache: Path) -> None:
        """Note it; readers see the former or the new one, never half of it."""
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=cache, delete=False) as file:
            file.write(msgspec.json.encode(self))
        Path(file.name).replace(cache / STATUS_FILE)
