"""A model that nobody knew of when the platform was written: this package and one entry (`ENTRY`), nothing else.

It says who wins a round from the value of the equipment alone.
"""

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import ModelSpec, Requirements, Serving
from cs2_pipeline.game.state import ROUND_FIELDS

FEATURES = ("ct_equip_value", "t_equip_value")

ENTRY = ModelSpec(
    name="equipment",
    command="equipment",
    description="Who wins the round, going by the value of the equipment alone?",
    dataset="round_dataset",
    extracted="round_snapshots",
    group="match_id",
    groups="matches",
    time="started_at",
    label="ct_wins",
    features=FEATURES,
    output="probability",
    intended_use=("Nothing but a test.",),
    limits=("It knows two numbers.",),
    fit="cs2_pipeline_tests.third_model.estimator:fit",
    audit="cs2_pipeline.datasets.leakage.audit:audit_rounds",
    requirements=Requirements(max_ece=0.1, max_gap=0.1, min_slice_size=10, unit="matches"),
    serving=Serving(
        item="Equipment",
        one="/weigh/equipment",
        many="/weigh/many-equipments",
        question="Who has more equipment?",
        questions="Who has more equipment in each?",
        listed="counts",
        fields=tuple(field for field in ROUND_FIELDS if field.name in FEATURES),
        rules=lambda values: (),
        example={"ct_equip_value": 20000, "t_equip_value": 15000},
        answer={"ct_probability": {"type": "number", "minimum": 0, "maximum": 1}},
        outputs=("probability",),
        logged=("ct_probability",),
        predictor="cs2_pipeline.artifact.probability:Probability",
    ),
)


def enter() -> None:
    """Add the entry to this process's table."""
    catalog.MODELS = (*catalog.MODELS, ENTRY)
