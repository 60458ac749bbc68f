"""What differs between models: the form of an entry in the table of models (`artifact.catalog`).

An entry is read by training, by Dagster's definitions, by the command line, by MLflow's side and by the services, so it
lives where all of them may import from, and it is light: plain values and the game's field tables. Whatever needs more
(torch, pandas, numpy) is named by an import path, ``"package.module:function"``, and resolved when it is needed.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

from cs2_pipeline.game.contradictions import Rule
from cs2_pipeline.game.state import Field

Schema = Mapping[str, Any]
"""A JSON schema."""
Values = dict[str, Any]
"""A request's values by field name, all of the form's fields among them; None where one is not given."""

Columns = Mapping[str, Sequence[Any]]
"""Many items by field: each field's values in the items' order, None where one is not given."""

IGNORED: Final = "ignored_inputs"
"""The part of an answer that names the values given which the model ignores: they never varied in its training."""


@dataclass(frozen=True)
class Requirements:
    """What a candidate must show to be promoted.

    Attributes:
        max_ece: the largest calibration error overall.
        allow_ece_floor: whether an ECE is also accepted when 39 of 40 perfectly calibrated models could show as much
            on so few rows (the upper end of `Evidence.ece_floor`).
        max_gap: how far mean prediction minus mean outcome may surely be from zero in a slice.
        min_slice_size: slices with fewer rounds (players) are shown but do not decide.
        harm_margin: how far above zero the interval of the difference to the champion may reach, in log loss.
        baseline_margin: how far above zero the interval of the difference to the baseline may reach, in log loss. Above
            0 where on few rows nothing is surely better than the baseline; the judge must then ask for something else.
        unit: what a slice's size counts: the column of the table of slices that holds it.
    """

    max_ece: float = 0.02
    allow_ece_floor: bool = False
    max_gap: float = 0.02
    min_slice_size: int = 500
    harm_margin: float = 0.0
    baseline_margin: float = 0.0
    unit: str = "rounds"


@dataclass(frozen=True, eq=False)
class Serving:
    """How applications ask a model over HTTP.

    Attributes:
        item: what is asked about, as the schemas of the OpenAPI document are named ("Round").
        one, many: paths of the endpoints for one item and for many.
        question, questions: what each of them answers, as a sentence.
        listed: the name of the list in a body with many.
        fields: the table of a request's fields.
        rules: the rules that tie fields together, of one item's values or of a table's columns.
        example: a request's values.
        answer: the schema of each part of an answer, by snake_case name.
        optional_parts: parts of an answer that only some answers have.
        outputs: names of the artifact's outputs that the service reads.
        logged: columns of the prediction log that hold the prediction, all of them float64.
        predictor: import path of the class that predicts, see `artifact.predictors.Predictor`.
        ids: the caller's own identifiers that may come along; they are only logged.
    """

    item: str
    one: str
    many: str
    question: str
    questions: str
    listed: str
    fields: Sequence[Field]
    rules: Callable[[Mapping[str, Any]], Iterable[Rule]]
    example: Mapping[str, Any]
    answer: Mapping[str, Schema]
    outputs: tuple[str, ...]
    logged: tuple[str, ...]
    predictor: str
    optional_parts: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Monitoring:
    """How a champion is watched, once it is promoted.

    Attributes:
        look: import path of ``look(version, artifact, table, *, seed) -> Look`` (`training.monitoring`).
        table: the asset that holds the table it looks at; None for the extracted daily table.
        alarms: the kinds of alarm it can raise (`training.monitoring.KINDS`).
        dates_changes: whether the training table heeds when play changed, as an alarm estimates it.
    """

    look: str
    table: str | None = None
    alarms: tuple[str, ...] = ("calibration", "drift")
    dates_changes: bool = True


@dataclass(frozen=True, eq=False)
class ModelSpec:
    """One model: an entry in the table of models.

    Attributes:
        name: of the registered model, of its MLflow experiment and of the Dagster asset.
        command: the word for it on the command line (``cs2 train round``) and in the job's name (``train_round``).
        description: what it answers, in a sentence.
        dataset: the asset that holds its training table.
        extracted: the daily table that the training table is made of: new days there are something new to learn.
        built_first: other assets that the training job builds before the dataset.
        built_too: other assets that the training job builds from the dataset, so that the model can be asked.
        group: the column of what is never split between parts; resampling takes whole groups too.
        groups: the word for them.
        time: the column of the time order.
        label: the column that holds what came.
        features: names of the features it may read, in the order of the columns of a matrix.
        output: the artifact's output that is measured: probabilities of shape (rows,) or scores of (rows, classes).
        intended_use, limits: sentences of the model card.
        fit: import path of ``fit(dataset, *, seed, folder, progress) -> Training`` (`models.training.Training`); it
            never reads rows whose ``part`` is ``test``.
        audit: import path of ``audit(dataset) -> AuditReport`` (`datasets.leakage`).
        judge: import path of ``judge(case) -> Evidence``, with an `evaluation.evidence.Case`.
        requirements: of promotion.
        drawn: axis titles of its reliability curve: what was predicted, what was observed.
        split_by_time: whether a row may be known to a champion only by its time (``learned_until``): such rows are left
            out of the comparison with it. False where the parts are disjoint in groups for ever.
        monitored: how its champion is watched; None for a model that is not monitored.
        kinds: Dagster's marks of what the asset is made with.
        ingested: the asset of what was ingested from a file, which it can be trained on too; None where there is none.
        serving: how applications ask it through the prediction service; None where they do not.
    """

    name: str
    command: str
    description: str
    dataset: str
    extracted: str
    group: str
    groups: str
    time: str
    label: str
    features: tuple[str, ...]
    output: str
    intended_use: tuple[str, ...]
    limits: tuple[str, ...]
    fit: str
    audit: str
    judge: str = "cs2_pipeline.evaluation.evidence:of_outcome"
    requirements: Requirements = field(default_factory=Requirements)
    drawn: tuple[str, str] = ("Predicted probability", "Share of rows in which it came")
    built_first: tuple[str, ...] = ()
    built_too: tuple[str, ...] = ()
    split_by_time: bool = True
    monitored: Monitoring | None = None
    kinds: frozenset[str] = frozenset({"mlflow"})
    ingested: str | None = None
    serving: Serving | None = None

    @property
    def job(self) -> str:
        """The name of the job that trains it."""
        return f"train_{self.command}"

    @property
    def promotion(self) -> str:
        """The asset that settles the verdict on a version just trained."""
        return f"{self.name}_promotion"

    @property
    def monitoring(self) -> str:
        """The asset that holds what monitoring found."""
        return f"{self.command}_monitoring"

    @property
    def changes(self) -> str:
        """The asset that stands for what monitoring's alarms say of changes of play."""
        return f"{self.command}_play_changes"


def serving_of(spec: ModelSpec) -> Serving:
    """How applications ask a model.

    Raises:
        KeyError: they do not.
    """
    if spec.serving is None:
        raise KeyError(f"{spec.name} is not answered by the prediction service")
    return spec.serving


def resolve(path: str) -> Any:
    """What an import path names.

    Args:
        path: ``"package.module:name"``.

    Raises:
        ImportError: there is no such module, or it has no such name.
    """
    module, _, name = path.partition(":")
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        raise ImportError(f"{module} has no {name!r}, which the table of models names") from None
