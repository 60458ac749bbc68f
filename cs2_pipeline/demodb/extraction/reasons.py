"""Why rows do not reach the training tables, and the count kept of them.

The reasons themselves and their book-keeping belong here; the rules that apply them live with the extraction.
Each reason has its line in docs/demo-database.md.
"""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import pandas as pd

UNFINISHED_MATCH: Final = "match not finished"
DUPLICATE_DEMO: Final = "demo imported twice"
WARM_UP: Final = "warm-up round"
KNIFE_ROUND: Final = "knife round"
UNFINISHED_ROUND: Final = "round not finished"
NO_WINNER: Final = "round without a winner"
UNKNOWN_WINNER: Final = "winner in no known spelling"
CONTRADICTED_WINNER: Final = "winner contradicted by how the round ended"
NOBODY_WON: Final = "round that nobody won"
PLAYED_AGAIN: Final = "round played again after a restart"
BEFORE_RESTART: Final = "round before a restart"
LONGER_THAN_CLOCKS: Final = "round longer than its clocks allow"
MISSING_VALUE: Final = "value missing"

BOT: Final = "bot"
HLTV: Final = "HLTV"
COACH: Final = "coach"
NO_STEAM_ID: Final = "player without a SteamId"
NO_ROUNDS_PLAYED: Final = "player without a round played"
SECOND_RECORD: Final = "second record of a player"

TICKS_BACKWARDS: Final = "ticks that run backwards"
UNKNOWN_TICK_RATE: Final = "tick rate unknown"
NO_PLAYERS: Final = "round without players"
NO_EVENTS: Final = "round without events"
PLANT_WITHOUT_EVENT: Final = "bomb planted but no plant among the events"
UNKNOWN_SIDES: Final = "sides of the players unknown"
UNKNOWN_TEAMS: Final = "rounds whose teams are unknown"
NO_FINAL_SCORE: Final = "map without a final score"
NO_LINE_UP: Final = "map without a known line-up"
NO_ECONOMY: Final = "equipment not recorded"
NO_POSITIONS: Final = "money and armour not recorded: no PlayerPositions at the end of freeze time"
NO_MONEY: Final = "money never written: 0 in all PlayerPositions of the match"
NO_ARMOR: Final = "armour never written: 0 in all PlayerPositions of the match"
NO_INVENTORY: Final = "weapons not recorded: no inventory changes in Equipment"
TEAM_TOO_LARGE: Final = "more than five players on a side"
TEAM_INCOMPLETE: Final = "players of the round not all known"
STRANGER: Final = "kill or hit of a player not in the round"
EVENT_INCOMPLETE: Final = "kill or hit with a value missing"
FATAL_WITHOUT_KILL: Final = "fatal hit and no kill among the events"
EVENT_ELSEWHERE: Final = "event of a round left out"
EVENT_AFTER_END: Final = "event after the round's end"
SECOND_DEATH: Final = "second death in a round"

PLAYED_BY_NAME: Final = "match ordered by the date in its file's name"
IMPORT_ORDER: Final = "match ordered by its import: when it was played is not known"
EXPECTED: Final = frozenset(
    {
        *(WARM_UP, KNIFE_ROUND, NOBODY_WON, PLAYED_AGAIN, BEFORE_RESTART, UNFINISHED_ROUND, DUPLICATE_DEMO),
        *(BOT, HLTV, COACH, NO_ROUNDS_PLAYED, EVENT_ELSEWHERE, EVENT_AFTER_END, SECOND_RECORD),
    }
)
"""What a whole recording loses as well: not the reason why there is too little."""

LATE_EVENT: Final = "late event moved to the round before"
WINNERS_EXCHANGED: Final = "winner exchanged throughout the match, as the ends of its rounds show: the other side taken"
WINNERS_DISAGREE: Final = "winners that many ends of rounds contradict: as recorded"
SCORE_BEFORE: Final = "score recorded before the round: the winner's point added"
NOT_WRITTEN: Final = "equipment and money never written in the match: taken from PlayerPositions and Equipment"
PLANT_NOT_MARKED: Final = "plant among the events of a round not marked as planted"
UNKNOWN_ITEM: Final = "item of unknown price: counted as nothing"
PAUSE: Final = "pause in freeze time: not counted in the duration"
CLOCK_NOT_RECORDED: Final = "round clock not recorded: the game's default taken"
CLOCK_IN_MINUTES: Final = "round clock recorded in minutes: taken as seconds"

OTHER_ROUNDS_COUNTED: Final = "player record that counts other rounds than the live ones: counted from the events"
COUNT_NOT_WRITTEN: Final = "count never written in the match: counted from the events"
ROUND_NOT_WRITTEN: Final = "survivors, money, equipment or bomb never written in the match: taken from the events"


def disagreeing(count: str) -> str:
    """The reason by which matches are counted whose records and events disagree on a count."""
    return f"recorded {count.replace('_', ' ')} that disagree with the events: as recorded"


REFUSED_COLUMNS: Final = ("table", "row_id", "reason", "detail", "started_at")


@dataclass
class Tally:
    """Counts of what was left out, and the rows refused because they are wrong.

    Attributes:
        left_out: number of rows left out by reason, the refused ones included.
        mapped: number of rows taken with a correction, by reason.
    """

    left_out: Counter[str] = field(default_factory=Counter)
    mapped: Counter[str] = field(default_factory=Counter)
    _refused: list[pd.DataFrame] = field(default_factory=list)

    def leave_out(self, frame: pd.DataFrame, out: pd.Series, reason: str) -> pd.DataFrame:
        """The rows of `frame` where `out` is false; the others are counted under the reason."""
        if out.any():
            self.left_out[reason] += int(out.sum())
            return frame[~out]
        return frame

    def refuse(
        self, frame: pd.DataFrame, out: pd.Series, reason: str, *, table: str, key: str, detail: pd.Series | str
    ) -> pd.DataFrame:
        """As `leave_out`, and the rows themselves are kept with the reason.

        Args:
            frame: rows with `started_at`, the start of their match: the day a refusal belongs to.
            table: the database's table the rows come from.
            key: the column of `frame` that holds the row's Id.
            detail: what is wrong, one text for all or one per row of `frame`.
        """
        if out.any():
            self.note(frame[out], reason, table=table, key=key, detail=detail)
        return self.leave_out(frame, out, reason)

    def note(self, rows: pd.DataFrame, reason: str, *, table: str, key: str, detail: pd.Series | str) -> None:
        """Keep rows with their reason without counting them; arguments as those of `refuse`."""
        said = detail if isinstance(detail, str) else detail[rows.index]
        kept = {"table": table, "row_id": rows[key], "reason": reason, "detail": said, "started_at": rows["started_at"]}
        self._refused.append(pd.DataFrame(kept, index=rows.index))

    def refused(self) -> pd.DataFrame:
        """All refused rows in a stable order: table, row_id, reason, detail, started_at of the match."""
        none = pd.DataFrame({name: [] for name in REFUSED_COLUMNS}).astype(
            {"table": "str", "row_id": "int64", "reason": "str", "detail": "str", "started_at": "datetime64[us, UTC]"}
        )
        every = pd.concat([none, *self._refused], ignore_index=True) if self._refused else none
        return every.sort_values(list(REFUSED_COLUMNS[:3]), ignore_index=True)
