"""Whether a training could find anything that is not known: same data, seed and code give the same model."""

import re
from collections.abc import Mapping

from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.registry import promotion
from cs2_pipeline.training.registration import REFUSE, Registry

_COMMIT = re.compile(r"[0-9a-f]{7,40}")
"""Only a commit without changes beside it tells what the code was."""


def already_known(
    name: str, registry: Registry, *, digest: str, seed: int, tags: Mapping[str, str], champion: ModelVersion | None
) -> ModelVersion | None:
    """The version that a training would make again with the same verdict; None where there is none.

    Args:
        name: the model's.
        registry: where its versions are.
        digest: of the training table.
        seed: of the training.
        tags: of the run: ``git_commit`` is the code.
        champion: whom the candidate would be compared with.

    Returns:
        The champion itself, or the newest version where it was compared with this champion and refused.
    """
    commit = tags.get("git_commit", "")
    if not _COMMIT.fullmatch(commit):
        return None
    number = champion.version if champion is not None else ""
    newest = promotion.versions(registry.tracking_uri, name, most=1)
    for version in filter(None, (champion, *newest)):
        same = version.tags.get("seed") == str(seed) and version.tags.get("git_commit") == commit
        settled = version.version == number or (
            version.tags.get("decision") == REFUSE and version.tags.get("compared_with") == number
        )
        if same and settled and version.dataset_digest == digest:
            return version
    return None


def sentence(version: ModelVersion) -> str:
    """What to say instead of training."""
    return (
        f"nothing new: version {version.version} was made from the same data, seed and code, so the same model and "
        "verdict would come of it; more matches, another CS2_SEED or other code make a difference"
    )
