"""Client of the Counter-Strike 2 prediction service, in one file and with the standard library alone.

>>> client = Predictions("http://localhost:8000")
>>> client.predict_round({"ct_alive": 4, ...})["ct_win_probability"]
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from http.client import HTTPException
from typing import Any, Literal, NotRequired, TypedDict, cast

Tier = Literal["Beginner", "Intermediate", "Advanced", "Pro"]


class RoundState(TypedDict):
    """A round at a moment; money and equipment are team sums in dollars, times are in seconds."""

    ct_alive: int
    t_alive: int
    ct_equip_value: float
    t_equip_value: float
    ct_money: float
    t_money: float
    bomb_planted: int
    time_remaining: float
    ct_score: int
    t_score: int
    map_name: NotRequired[str]
    ct_health: NotRequired[float]
    t_health: NotRequired[float]
    ct_armor: NotRequired[float]
    t_armor: NotRequired[float]
    ct_helmets: NotRequired[int]
    t_helmets: NotRequired[int]
    ct_defuse_kits: NotRequired[int]


class RoundOdds(TypedDict):
    """Who wins a round; ``model_version`` is missing in an item of `RoundOddsBatch`.

    ``ignored_inputs`` names the values given that the model ignores, because they never varied in its training.
    """

    ct_win_probability: float
    t_win_probability: float
    predicted_winner: Literal["CT", "T"]
    confidence: float
    ct_win_interval: tuple[float, float]
    ignored_inputs: NotRequired[list[str]]
    model_version: NotRequired[str]


class RoundOddsBatch(TypedDict):
    """One answer for each state, in their order."""

    predictions: list[RoundOdds]
    model_version: str


class PlayerRecord(TypedDict):
    """What is known of a player; averages are per match."""

    avg_kills: float
    avg_deaths: float
    avg_headshots: float
    avg_damage: float
    total_clutches: int
    total_clutch_attempts: int
    avg_first_kills: float
    total_rounds: int
    kd_ratio: NotRequired[float]
    headshot_pct: NotRequired[float]
    clutch_rate: NotRequired[float]
    adr: NotRequired[float]


class PlayerTier(TypedDict):
    """A player's tier; all of it is None, with the reason, where the record holds too few rounds."""

    skill_level: Tier | None
    confidence: float | None
    scores: dict[Tier, float] | None
    reason: NotRequired[str]
    model_version: NotRequired[str]


class PlayerTierBatch(TypedDict):
    """One answer for each player, in their order."""

    predictions: list[PlayerTier]
    model_version: str


class PredictionsError(Exception):
    """Anything that keeps the client from an answer."""


class ServiceUnreachableError(PredictionsError):
    """No answer after all attempts: nothing listens there, or what does is not the prediction service."""


class PredictionError(PredictionsError):
    """The service answered, and did not predict.

    Attributes:
        status: the HTTP status.
        problem: what the service said (RFC 9457); ``problem["errors"]`` names the wrong fields of a request.
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        errors = "".join(f"; {error['field']}: {error['message']}" for error in problem.get("errors", ()))
        super().__init__(f"HTTP {status}: {problem.get('detail', 'no details')}{errors}")
        self.status = status
        self.problem = problem


class Predictions:
    """Asks the service.

    Args:
        url: where it is.
        api_key: sent as X-API-Key when given.
        timeout: seconds for one attempt.
        retries: further attempts after 429, 503 or a failed connection. A prediction changes nothing, so that is safe.
        longest_wait: seconds between two attempts at most, whatever Retry-After says.

    Every method raises `PredictionError` where the service refuses, `ServiceUnreachableError` where it does not answer.
    """

    def __init__(
        self, url: str, *, api_key: str | None = None, timeout: float = 5, retries: int = 3, longest_wait: float = 5
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"the service's address begins with http:// or https://, not {url!r}")
        self._url = url.rstrip("/")
        self._headers = {"Content-Type": "application/json"} | ({"X-API-Key": api_key} if api_key else {})
        self._timeout = timeout
        self._retries = retries
        self._longest_wait = longest_wait

    def predict_round(self, state: RoundState) -> RoundOdds:
        """Who wins this round?"""
        return cast(RoundOdds, self._post("/predict/round", state))

    def predict_rounds(self, states: Iterable[RoundState]) -> RoundOddsBatch:
        """Who wins each of these rounds (1 to 10,000)?"""
        return cast(RoundOddsBatch, self._post("/predict/rounds", {"states": list(states)}))

    def classify_player(self, player: PlayerRecord) -> PlayerTier:
        """How strong is this player?"""
        return cast(PlayerTier, self._post("/classify/player", player))

    def classify_players(self, players: Iterable[PlayerRecord]) -> PlayerTierBatch:
        """How strong is each of these players (1 to 10,000)?"""
        return cast(PlayerTierBatch, self._post("/classify/players", {"players": list(players)}))

    def _post(self, path: str, document: Mapping[str, Any]) -> dict[str, Any]:
        body = json.dumps(document).encode()
        for attempt in range(self._retries + 1):
            wait = 0.1 * 2**attempt
            try:
                return self._send(path, body)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in (429, 503) or attempt == self._retries:
                        raise PredictionError(error.code, _problem(error.read())) from None
                    wait = _seconds(error.headers.get("Retry-After"), wait)
            except (OSError, HTTPException) as error:
                if attempt == self._retries:
                    raise ServiceUnreachableError(f"{self._url} does not answer: {error}") from error
            time.sleep(min(wait, self._longest_wait))
        raise AssertionError("the last attempt returns or raises")

    def _send(self, path: str, body: bytes) -> dict[str, Any]:
        request = urllib.request.Request(self._url + path, body, self._headers)  # noqa: S310 (checked when made)
        with urllib.request.urlopen(request, timeout=self._timeout) as response:  # noqa: S310
            content = response.read()
        try:
            answer: dict[str, Any] = json.loads(content)
        except ValueError as error:
            raise ServiceUnreachableError(f"{self._url} responds, but it is not the prediction service") from error
        return answer


def _seconds(retry_after: str | None, otherwise: float) -> float:
    """Retry-After in seconds; it may also be a date, for which there is no need here."""
    try:
        return float(retry_after or otherwise)
    except ValueError:
        return otherwise


def _problem(body: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
