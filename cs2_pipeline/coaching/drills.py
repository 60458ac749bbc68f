"""The catalogue of drills: data files, one a game, that anybody can extend.

A file is TOML with a table ``[[drill]]`` for each drill. What is wrong with one is said with its file, its drill and
its field; a catalogue with a mistake is not used at all.
"""

import tomllib
from collections.abc import Iterable
from dataclasses import MISSING, dataclass, fields
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from cs2_pipeline.coaching.skills import CoachingError, Skill

_KINDS: Final = {str: "text", int: "a whole number"}
MOST_MINUTES: Final = 240


@dataclass(frozen=True)
class Drill:
    """Something to practise.

    Attributes:
        name: identifier, unique in its game.
        title: what a player reads.
        skill: name of the skill it is for.
        purpose: why it should help, in a sentence.
        how: what to do.
        minutes: of one session.
        sessions: a week.
        measure: how the player sees by himself whether a session went well.
    """

    name: str
    title: str
    skill: str
    purpose: str
    how: str
    minutes: int
    sessions: int
    measure: str

    @property
    def minutes_a_week(self) -> int:
        """Its dose."""
        return self.minutes * self.sessions


def shipped(game: str, skills: Iterable[Skill]) -> tuple[Drill, ...]:
    """The platform's own catalogue of a game (``counterstrike``, ``rocket_league``)."""
    source = files("cs2_pipeline.coaching") / "drills" / f"{game}.toml"
    return parse(source.read_text(encoding="utf-8"), skills, name=f"{game}.toml")


def load(path: Path, skills: Iterable[Skill]) -> tuple[Drill, ...]:
    """A catalogue of one's own.

    Raises:
        CoachingError: it cannot be read, or something in it is wrong; all mistakes are named.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CoachingError(f"{path}: cannot be read as text: {error}") from error
    return parse(text, skills, name=path.name)


def parse(text: str, skills: Iterable[Skill], *, name: str) -> tuple[Drill, ...]:
    """Read a catalogue.

    Args:
        text: TOML.
        skills: that drills may be for.
        name: of the file, for messages.

    Raises:
        CoachingError: as `load`.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CoachingError(f"{name}: not TOML: {error}") from error
    entries = document.get("drill")
    if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
        raise CoachingError(f"{name}: there is no [[drill]] in it")
    known = {skill.name for skill in skills}
    wrong: list[str] = []
    seen: set[str] = set()
    for number, entry in enumerate(entries, start=1):
        label = f"{name}: drill {number} ({entry.get('name', 'without a name')})"
        wrong += [f"{label}: {mistake}" for mistake in _mistakes(entry, known)]
        if entry.get("name") in seen:
            wrong.append(f"{label}: stands twice")
        seen.add(str(entry.get("name")))
    if wrong:
        raise CoachingError("\n".join(wrong))
    return tuple(Drill(**entry) for entry in entries)


def _mistakes(entry: dict[str, Any], skills: set[str]) -> list[str]:
    found = [f"unknown field {field}" for field in entry if field not in {one.name for one in fields(Drill)}]
    for field in fields(Drill):
        assert isinstance(field.type, type)  # noqa: S101  narrows for the type checker
        value = entry.get(field.name, MISSING)
        if value is MISSING:
            found.append(f"{field.name} is missing")
        elif not isinstance(value, field.type) or isinstance(value, bool):
            found.append(f"{field.name} must be {_KINDS[field.type]}, not {value!r}")
        elif value == "" or (isinstance(value, int) and value <= 0):
            found.append(f"{field.name} must not be {value!r}")
    if isinstance(entry.get("skill"), str) and entry["skill"] not in skills:
        found.append(f"skill {entry['skill']!r} is not defined; there are {', '.join(sorted(skills))}")
    if isinstance(entry.get("minutes"), int) and entry["minutes"] > MOST_MINUTES:
        found.append(f"minutes must be at most {MOST_MINUTES}")
    return found
