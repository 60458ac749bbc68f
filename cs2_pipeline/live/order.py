"""The order of a match's events: a function of which events there are, not of when or how often they arrived.

For one source and map the order is that of `seq_no`. Where a source begins to number anew, its events are cut where
the new numbering begins. Where several sources report one map, the one that tells more kinds of things is followed
(ties: the first by name); rounds it does not have, or broke off, come from the next one. Corrections change or remove
the events they name and have no place of their own.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cs2_pipeline.live.events import Correction, Event, EventError, MapStart, amended

RENUMBERED: Final = 1_000
"""A number so far below the highest of its source is a new numbering, not a late event."""
INFORMING: Final = frozenset(
    {"freeze_time_ended", "economy_update", "player_equipment", "kill", "player_hurt", "bomb_planted"}
)
"""Types of which a source that sends more is the more complete one: what a price is made of."""
_BEGINNINGS: Final = ("match_start", "map_start")
_ENDS: Final = ("map_end", "match_end")


@dataclass
class Ordered:
    """A match's events in order.

    Attributes:
        events: corrected; without corrections, void events and those of sources that are not followed.
        problems: event id and reason of each correction that could not be carried out.
        followed: by map, the source that is followed.
        kinds: by map and source, what it tells (`INFORMING`).
        borrowed: sources, by map, that are not followed but had rounds to add.
    """

    events: list[Event]
    problems: dict[str, str] = field(default_factory=dict)
    followed: dict[str, str] = field(default_factory=dict)
    kinds: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    borrowed: set[tuple[str, str]] = field(default_factory=set)


def ordered(events: Iterable[Event]) -> Ordered:
    """The events of one match in order; repeats of an `event_id` count once."""
    found = Ordered([])
    unique = {event.event_id: event for event in events}
    standing = _corrected(unique, found)
    maps: dict[str, list[Event]] = {}
    for event in standing:
        maps.setdefault(event.map_id, []).append(event)
    merged = {map_id: _merged(map_id, of_map, found) for map_id, of_map in maps.items()}
    for map_id in sorted(merged, key=lambda one: _place(one, merged[one])):
        found.events += merged[map_id]
    return found


def in_numbering(events: Sequence[Event]) -> list[list[Event]]:
    """One source's events of one map by `seq_no`, cut where a new numbering begins."""
    numberings: list[dict[int, Event]] = [{}]
    highest = -1
    for event in sorted(events, key=lambda one: (one.ts_event, one.seq_no, one.event_id)):
        if event.seq_no in numberings[-1] or event.seq_no < highest - RENUMBERED:
            numberings.append({})
            highest = -1
        numberings[-1][event.seq_no] = event
        highest = max(highest, event.seq_no)
    return [[one[number] for number in sorted(one)] for one in numberings if one]


def _corrected(events: dict[str, Event], found: Ordered) -> list[Event]:
    corrections = sorted(
        (event for event in events.values() if isinstance(event.payload, Correction)),
        key=lambda one: (one.ts_event, one.seq_no, one.event_id),
    )
    standing = {key: event for key, event in events.items() if not isinstance(event.payload, Correction)}
    originals = dict(standing)
    for event in corrections:
        assert isinstance(event.payload, Correction)  # noqa: S101  # chosen so
        target = str(event.payload.event_id)
        if target not in originals:
            found.problems[event.event_id] = f"there is no event {target} in this match to correct"
        elif event.payload.void:
            standing.pop(target, None)
        else:
            try:
                standing[target] = amended(originals[target], event.payload)
            except EventError as error:
                found.problems[event.event_id] = f"the correction of {target} does not fit: {error}"
    return list(standing.values())


def _merged(map_id: str, events: list[Event], found: Ordered) -> list[Event]:
    """The events of one map, from the sources to follow."""
    by_source: dict[str, list[Event]] = {}
    for event in events:
        by_source.setdefault(event.source, []).append(event)
    kinds = {name: {event.type for event in of_source} & INFORMING for name, of_source in by_source.items()}
    ranking = sorted(by_source, key=lambda name: (-len(kinds[name]), name))
    found.followed[map_id] = ranking[0]
    found.kinds |= {(map_id, name): known for name, known in kinds.items()}
    lines = [[event for numbering in in_numbering(by_source[name]) for event in numbering] for name in ranking]
    line = lines[0]
    for other in lines[1:]:
        line = _completed(line, other)
    found.borrowed |= {(map_id, event.source) for event in line if event.source != ranking[0]}
    return line


def _completed(line: list[Event], other: list[Event]) -> list[Event]:
    """A line of events with the rounds it lacks or broke off, its beginning and its end from another source."""
    rounds, theirs = _rounds(line), _rounds(other)
    have = {number: place for place, (number, _) in enumerate(rounds) if number}
    for place, (number, of_round) in enumerate(theirs):
        if not number:
            continue
        if number not in have:
            before = [mine for mine, (known, _) in enumerate(rounds) if known < number]
            rounds.insert(before[-1] + 1, (number, _play(of_round)))
            have = {known: mine for mine, (known, _) in enumerate(rounds) if known}
        elif have[number] == len(rounds) - 1 and _broke_off(rounds[-1][1]) and place < len(theirs) - 1:
            rounds[-1] = (number, _play(of_round))
    merged = [event for _, of_round in rounds for event in of_round]
    first = [event for event in other if event.type in _BEGINNINGS and not _tells(merged, event.type)]
    last = [event for event in other if event.type in _ENDS and not _tells(merged, event.type)]
    return first + merged + last


def _rounds(line: list[Event]) -> list[tuple[int, list[Event]]]:
    """A line cut at each round's start; what comes before the first has the number 0."""
    found: list[tuple[int, list[Event]]] = [(0, [])]
    for event in line:
        if event.type == "round_start":
            found.append((event.round_no, []))
        found[-1][1].append(event)
    return found


def _play(of_round: list[Event]) -> list[Event]:
    return [event for event in of_round if event.type not in _BEGINNINGS and event.type not in _ENDS]


def _broke_off(of_round: list[Event]) -> bool:
    return not _tells(of_round, "round_end")


def _tells(events: list[Event], kind: str) -> bool:
    return any(event.type == kind for event in events)


def _place(map_id: str, events: list[Event]) -> tuple[int, float, str]:
    """Where a map stands in its match: by its number, else by when it was first heard of."""
    numbers = [event.payload.map_number for event in events if isinstance(event.payload, MapStart)]
    return min(numbers, default=99), min(event.ts_event for event in events), map_id
