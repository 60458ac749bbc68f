"""The table of models: one entry each. All else that must know which models there are reads it.

How to add one is told in docs/adding-a-model.md.
"""

from typing import Any, Final

from cs2_pipeline.artifact.spec import ModelSpec, Monitoring, Requirements, Serving
from cs2_pipeline.game import player, state
from cs2_pipeline.game.features import PLAYER_FEATURES, ROUND_FEATURES
from cs2_pipeline.game.player import TIERS

_PROBABILITY: Final[dict[str, Any]] = {"type": "number", "minimum": 0, "maximum": 1}

ROUND: Final = ModelSpec(
    name="round_predictor",
    command="round",
    description="Who wins the round from here? P(CT) with a 90 % interval, from the state of a round at a moment.",
    dataset="round_dataset",
    extracted="round_snapshots",
    group="match_id",
    groups="matches",
    time="started_at",
    label="ct_wins",
    features=ROUND_FEATURES,
    output="probability",
    intended_use=(
        "Say how likely the CT side is to win the round under way, from its state at a moment.",
        "Not for betting, and not for judging a player.",
    ),
    limits=(
        "Trained on a few hundred simulated matches, it overestimates CT by up to five points in the last ten seconds "
        "before the explosion.",
        "It knows team totals, not who holds which weapon or stands where.",
        "It is valid for play like that in its training data; another game version or level of play changes the odds.",
    ),
    fit="cs2_pipeline.training.changed_play:train",
    audit="cs2_pipeline.datasets.leakage.audit:audit_rounds",
    judge="cs2_pipeline.evaluation.judges:of_rounds",
    drawn=("Predicted probability that CT win", "Share of rounds CT won"),
    monitored=Monitoring("cs2_pipeline.training.monitoring:look"),
    kinds=frozenset({"pytorch", "scikitlearn", "mlflow"}),
    ingested="published_snapshots",
    serving=Serving(
        item="Round",
        one="/predict/round",
        many="/predict/rounds",
        question="Who wins this round?",
        questions="Who wins each of these rounds?",
        listed="states",
        fields=state.ROUND_FIELDS,
        rules=state.rules,
        ids=("match_id", "round_id"),
        example={
            "ct_alive": 4, "t_alive": 3, "ct_equip_value": 20000, "t_equip_value": 15000, "ct_money": 8000,
            "t_money": 4000, "bomb_planted": 0, "time_remaining": 90, "ct_score": 7, "t_score": 8,
        },
        answer={
            "ct_win_probability": _PROBABILITY,
            "t_win_probability": _PROBABILITY,
            "predicted_winner": {"enum": ["CT", "T"]},
            "confidence": {"type": "number", "minimum": 0.5, "maximum": 1},
            "ct_win_interval": {"type": "array", "items": _PROBABILITY, "minItems": 2, "maxItems": 2},
        },
        outputs=("probability", "low", "high"),
        logged=("ct_win_probability", "ct_win_low", "ct_win_high"),
        predictor="cs2_pipeline.artifact.round_odds:RoundPredictor",
    ),
)  # fmt: skip

PLAYER: Final = ModelSpec(
    name="player_classifier",
    command="player",
    description="How strong is this player? The skill tier of a player's later matches, from the earlier ones.",
    dataset="player_dataset",
    extracted="player_match_stats",
    built_first=("players",),
    group="steam_id",
    groups="players",
    time="window_end",
    label="tier",
    features=PLAYER_FEATURES,
    output="scores",
    intended_use=("Say in which skill tier a player's next matches will probably fall, given a window of past ones.",),
    limits=(
        "A tier is only a range of kills per death: it ignores role, opponents and team.",
        "It does not answer for fewer rounds than the manifest requires.",
    ),
    fit="cs2_pipeline.models.player.classifier:train",
    audit="cs2_pipeline.datasets.leakage.audit:audit_players",
    judge="cs2_pipeline.evaluation.judges:of_players",
    # A test part holds far fewer players than rounds: with 200 of them a perfectly calibrated model shows an ECE of
    # about 0.06. More than 0.02 is refused only where chance alone would not give it.
    requirements=Requirements(allow_ece_floor=True, unit="players"),
    drawn=("Predicted probability of the likeliest tier", "Share of players in that tier"),
    split_by_time=False,
    kinds=frozenset({"pytorch", "scikitlearn", "mlflow"}),
    serving=Serving(
        item="Player",
        one="/classify/player",
        many="/classify/players",
        question="How strong is this player?",
        questions="How strong is each of these players?",
        listed="players",
        fields=player.PLAYER_FIELDS,
        rules=player.rules,
        example={
            "avg_kills": 18.5, "avg_deaths": 15.2, "avg_headshots": 8.1, "avg_damage": 1850, "total_clutches": 12,
            "total_clutch_attempts": 40, "avg_first_kills": 2.1, "total_rounds": 480,
        },
        answer={
            "skill_level": {"enum": [*TIERS, None]},
            "confidence": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
            "scores": {
                "type": ["object", "null"],
                "properties": dict.fromkeys(TIERS, _PROBABILITY),
                "required": list(TIERS),
            },
            "reason": {"type": "string", "description": "why there is no skill level, when there is none"},
        },
        optional_parts=("reason",),
        outputs=("scores",),
        logged=tuple(f"score_{tier.lower()}" for tier in TIERS),
        predictor="cs2_pipeline.artifact.player_skill:PlayerClassifier",
    ),
)  # fmt: skip

MATCH: Final = ModelSpec(
    name="match_forecaster",
    command="match",
    description="Who wins this map, this series? The first side's probability with a 90 % interval, before the match.",
    dataset="match_dataset",
    extracted="matches",
    built_too=("directories",),
    group="match_id",
    groups="matches",
    time="started_at",
    label="first_wins",
    features=("latent", "variance", "best_of", "elo"),
    output="probability",
    intended_use=(
        "Say how likely a line-up is to win a map or a series before it begins, given the line-ups and past matches.",
        "Not for betting.",
    ),
    limits=(
        "It knows results, line-ups and published points, not form on the day, injuries or practice.",
        "For a team of unknown players the forecast is a guess, as its wide interval shows.",
    ),
    fit="cs2_pipeline.models.match.forecaster:fit",
    audit="cs2_pipeline.datasets.leakage.audit:audit_matches",
    judge="cs2_pipeline.evaluation.judges:of_matches",
    requirements=Requirements(
        allow_ece_floor=True, baseline_margin=0.02, max_gap=0.05, min_slice_size=200, unit="matches"
    ),
    drawn=("Predicted probability that the first side wins", "Share of matches it won"),
    # What people were told is judged, so nothing is predicted again; inputs are ratings, which move by themselves.
    monitored=Monitoring(
        "cs2_pipeline.training.monitoring:look_at_forecasts",
        table="forecast_settlements",
        alarms=("calibration",),
        dates_changes=False,
    ),
    kinds=frozenset({"numpy", "mlflow"}),
    ingested="published_series",
)

MODELS: tuple[ModelSpec, ...] = (ROUND, PLAYER, MATCH)
"""All models there are, in the order in which they are shown."""


def names() -> tuple[str, ...]:
    """The names of all registered models."""
    return tuple(spec.name for spec in MODELS)


def served() -> tuple[ModelSpec, ...]:
    """The models that the prediction service has endpoints for."""
    return tuple(spec for spec in MODELS if spec.serving is not None)


def spec_of(name: str) -> ModelSpec:
    """The entry of a registered model.

    Raises:
        KeyError: there is no such model; the message lists those there are.
    """
    for spec in MODELS:
        if spec.name == name:
            return spec
    raise KeyError(f"there is no model {name!r}; the models are {', '.join(names())}")
