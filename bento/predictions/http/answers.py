"""From predictions to what is answered, in the spelling of the request."""

from typing import Any, Final

from bento.predictions.champions.predictors import Skill
from bento.predictions.http.requests import CAMEL, Style, camel
from cs2_pipeline.artifact.round_odds import Odds
from cs2_pipeline.game.player import TIERS

_CAMEL: Final = {
    name: camel(name)
    for name in (
        "ct_win_probability", "t_win_probability", "predicted_winner", "confidence", "ct_win_interval",
        "skill_level", "scores", "reason", "model_version",
    )
}  # fmt: skip


def round_answer(odds: Odds, style: Style) -> dict[str, Any]:
    """The answer for one state, without the model's version."""
    probability, low, high = odds
    other = round(1 - probability, 6)
    winner, confidence = ("CT", probability) if probability >= other else ("T", other)
    answer = {
        "ct_win_probability": probability,
        "t_win_probability": other,
        "predicted_winner": winner,
        "confidence": confidence,
        "ct_win_interval": (low, high),
    }
    return answer if style is not CAMEL else _in_camel_case(answer)


def player_answer(skill: Skill, style: Style) -> dict[str, Any]:
    """The answer for one player, without the model's version."""
    if skill.scores is None:
        answer: dict[str, Any] = {"skill_level": None, "confidence": None, "scores": None, "reason": skill.reason}
    else:
        confidence = max(skill.scores)
        level = TIERS[skill.scores.index(confidence)]
        scores = dict(zip(TIERS, skill.scores, strict=True))
        answer = {"skill_level": level, "confidence": confidence, "scores": scores}
    return answer if style is not CAMEL else _in_camel_case(answer)


def version_key(style: Style) -> str:
    """What the model's version is called."""
    return "modelVersion" if style is CAMEL else "model_version"


def _in_camel_case(answer: dict[str, Any]) -> dict[str, Any]:
    return {_CAMEL[name]: value for name, value in answer.items()}
