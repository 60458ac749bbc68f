"""Client of the Counter-Strike 2 prediction service, in one file and with the standard library alone.

>>> client = Predictions("http://localhost:8000")
>>> client.predict_round({"ct_alive": 4, ...})["ct_win_probability"]
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any


class PredictionError(Exception):
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

    def predict_round(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Who wins this round?"""
        return self._post("/predict/round", state)

    def predict_rounds(self, states: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Who wins each of these rounds (1 to 10,000)?"""
        return self._post("/predict/rounds", {"states": list(states)})

    def classify_player(self, player: Mapping[str, Any]) -> dict[str, Any]:
        """How strong is this player?"""
        return self._post("/classify/player", player)

    def classify_players(self, players: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """How strong is each of these players (1 to 10,000)?"""
        return self._post("/classify/players", {"players": list(players)})

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
                    wait = float(error.headers.get("Retry-After") or wait)
            except (ConnectionError, urllib.error.URLError):
                if attempt == self._retries:
                    raise
            time.sleep(min(wait, self._longest_wait))
        raise AssertionError("the last attempt returns or raises")

    def _send(self, path: str, body: bytes) -> dict[str, Any]:
        request = urllib.request.Request(self._url + path, body, self._headers)  # noqa: S310 (checked when made)
        with urllib.request.urlopen(request, timeout=self._timeout) as response:  # noqa: S310
            answer: dict[str, Any] = json.load(response)
        return answer


def _problem(body: bytes) -> dict[str, Any]:
    try:
        problem = json.loads(body)
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}
