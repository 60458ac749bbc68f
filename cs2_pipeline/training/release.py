"""A training table's way to a registered version with a verdict: audit, fit, judge, decide, register.

`train` walks it for any model of the table of models (`artifact.catalog`). What became of it is acted on by
`training.settling`.
"""

import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.artifact.spec import ModelSpec
from cs2_pipeline.datasets.digest import digest
from cs2_pipeline.models.training import Progress
from cs2_pipeline.training import stops
from cs2_pipeline.training.nothing_new import already_known, sentence
from cs2_pipeline.training.registration import Registry, Release, register
from cs2_pipeline.training.stops import Champion, Judged


def train(
    spec: ModelSpec,
    dataset: pd.DataFrame,
    registry: Registry,
    *,
    seed: int,
    tags: Mapping[str, str],
    progress: Progress,
) -> Release | ModelVersion:
    """Train a model, judge it on the test part, and register it with all evidence, whichever way the verdict went.

    Args:
        spec: the model's entry.
        dataset: its training table.
        registry: where it goes.
        seed: of training and resampling: the same data and seed give the same model.
        tags: of the run (``dagster_run_id``, ``git_commit``).
        progress: told what is being done.

    Returns:
        What was registered. Where the same data, seed and code were trained on before, with the verdict that would come
        of it now, the version made then.

    Raises:
        TrainingError: the dataset cannot be trained on.
        RegistryUnavailableError: MLflow does not answer; nothing is registered.
    """
    began = time.time()
    present = registry.models.champion(spec.name)
    known = already_known(spec.name, registry, digest=digest(dataset), seed=seed, tags=tags, champion=present)
    if known is not None:
        progress(sentence(known))
        return known
    report = stops.audit(spec, dataset)
    with tempfile.TemporaryDirectory() as folder:  # the artifact's, until it is registered
        training = stops.fit(spec, dataset, seed=seed, folder=Path(folder), progress=progress)
        progress("measuring on the test part")
        champion = Champion(present, registry.models.fetch(present)) if present is not None else None
        evidence = stops.judge(spec, dataset, training, report, champion=champion, seed=seed)
        constant = stops.constant_inputs(spec, dataset, training)
        evidence = replace(evidence, constant_inputs=constant, ignored_inputs=training.ignored_inputs)
        decision = stops.decide(spec, evidence)
        judged = Judged(spec, dataset, report, training, evidence, decision, present)
        return register(judged, registry, seed=seed, tags=tags, began=began)
