"""Replay files: parsed by subtr-actor in a process of its own, which has so much time and memory and no more.

A stranger's file may hang, exhaust or crash a parser; nothing of it is executed here, and what goes wrong costs that
file alone. The parser is an extra: ``pip install 'cs2-pipeline[rocket-league]'``.
"""

import json
import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cs2_pipeline.coaching.skills import CoachingError
from cs2_pipeline.limits import LimitError, Limits, limit_myself

MOST_BYTES: Final = 32 * 2**20
LIMITS: Final = Limits(seconds=120, memory=2 * 2**30)
_MODULES: Final = ["core", "boost", "movement", "positioning", "demo"]
_TANK: Final = 255 / 100
"""The parser counts boost in the game's own 255 for a full tank."""
_NOT_INSTALLED: Final = 3


class ReplayError(CoachingError):
    """A file that no game can be read from; the message names it and says why."""


def read(path: Path, *, limits: Limits = LIMITS) -> dict[str, Any]:
    """A replay as a document in ballchasing.com's form, with the statistics that `observations` reads.

    Raises:
        ReplayError: it is too large, no replay, cut short, of a kind the parser does not know, or takes more than the
            limits; or the parser is not installed.
    """
    try:
        size = path.stat().st_size
    except OSError as error:
        raise ReplayError(f"{path.name}: cannot be read: {error.strerror}") from error
    if size > MOST_BYTES:
        raise ReplayError(f"{path.name}: {size} bytes; at most {MOST_BYTES} are read")
    try:
        done = limits.run(__name__, str(path))
    except LimitError as error:
        raise ReplayError(f"{path.name}: {error}") from None
    if done.returncode == _NOT_INSTALLED:
        raise ReplayError("the replay parser is not installed: pip install 'cs2-pipeline[rocket-league]'")
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = said[-1] if said else f"the parser ended with status {done.returncode}"
        raise ReplayError(f"{path.name}: not a complete Rocket League replay that the parser knows: {reason[:300]}")
    return of_statistics(json.loads(done.stdout), name=path.stem)


def of_statistics(found: Mapping[str, Any], *, name: str) -> dict[str, Any]:
    """What the parser gives, in ballchasing.com's form.

    Raises:
        ReplayError: it names no players, or its date is none.
    """
    headers = dict(found["replay_meta"]["all_headers"])
    players = {
        team: [_player(one, found["modules"]) for one in found["replay_meta"].get(key, [])]
        for team, key in (("blue", "team_zero"), ("orange", "team_one"))
    }
    if not any(players.values()):
        raise ReplayError(f"{name}: the replay names no players")
    size = headers.get("TeamSize")
    return {
        "id": headers.get("Id") or name,
        "rocket_league_id": headers.get("Id") or name,
        "status": "ok",
        "date": _moment(str(headers.get("Date", "")), name),
        "playlist_id": f"replay {headers.get('MatchType', '')}".strip().lower(),
        "team_size": size,
        **{team: {"players": members} for team, members in players.items()},
    }


def _moment(written: str, name: str) -> str:
    """A replay's date, ``2026-03-10 18-55-49`` or, in games of before 2017, ``2016-12-03:22-55``, as ISO 8601."""
    for form in ("%Y-%m-%d %H-%M-%S", "%Y-%m-%d:%H-%M"):
        with suppress(ValueError):
            return datetime.strptime(written, form).replace(tzinfo=UTC).isoformat()
    raise ReplayError(f"{name}: the replay has the date {written[:50]!r}, which is none")


def _player(player: Mapping[str, Any], modules: Mapping[str, Any]) -> dict[str, Any]:
    stats: dict[str, Mapping[str, Any]] = {
        module: next((one["stats"] for one in table["player_stats"] if one["player_id"] == player["remote_id"]), {})
        for module, table in modules.items()
    }
    core, boost, moved, placed, demo = (stats[module] for module in _MODULES)
    time = float(moved.get("tracked_time") or 0) or sum(
        float(moved.get(part) or 0) for part in ("time_on_ground", "time_low_air", "time_high_air")
    )

    def share(part: Any, whole: float = time) -> float | None:
        return None if part is None or whole <= 0 else 100 * float(part) / whole

    tracked = float(placed.get("tracked_time") or 0)
    document = {
        "core": {key: core.get(key) for key in ("shots", "goals", "saves", "assists")},
        "boost": {
            "amount_stolen": _scaled(boost.get("amount_stolen")),
            "amount_overfill": _scaled(boost.get("overfill_total")),
            "percent_zero_boost": share(boost.get("time_zero_boost")),
        },
        "movement": {
            "avg_speed": float(moved["speed_integral"]) / time if time > 0 and "speed_integral" in moved else None,
            "percent_supersonic_speed": share(moved.get("time_supersonic_speed")),
            "percent_ground": share(moved.get("time_on_ground")),
            "percent_high_air": share(moved.get("time_high_air")),
        },
        "positioning": {
            "percent_behind_ball": share(placed.get("time_behind_ball"), tracked),
            "percent_most_back": share(placed.get("time_most_back"), tracked),
            "goals_against_while_last_defender": core.get("goals_conceded_while_last_defender"),
        },
        "demo": {"taken": demo.get("demos_taken")},
    }
    return {
        "id": _identity(player["remote_id"]),
        "name": player.get("name"),
        "start_time": 0,
        "end_time": time,
        "stats": document,
    }


def _identity(remote: Mapping[str, Any]) -> dict[str, str]:
    """A player's id as ballchasing.com writes it; empty for bots."""
    ((platform, who),) = remote.items()
    if platform == "PlayStation":
        return {"platform": "ps4", "id": str(who["name"])}
    if platform == "Xbox":
        return {"platform": "xbox", "id": int(who).to_bytes(8, "little").hex()}
    if platform in ("Steam", "Epic") and who:
        return {"platform": platform.lower(), "id": str(who)}
    return {}


def _scaled(amount: float | None) -> float | None:
    return None if amount is None else float(amount) / _TANK


def _main(arguments: list[str]) -> None:
    try:
        import subtr_actor  # noqa: PLC0415  an extra, and in this process only
    except ImportError:
        sys.exit(_NOT_INSTALLED)
    (path,) = limit_myself(arguments)
    try:
        found = subtr_actor.get_summed_stats(path, _MODULES)
    except BaseException as error:
        sys.exit(f"{type(error).__name__}: {error}".splitlines()[0])
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    _main(sys.argv[1:])
