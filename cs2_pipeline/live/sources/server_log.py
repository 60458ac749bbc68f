"""A game server's own log lines as live events: health, armour, money, equipment, bomb and clock, all of them.

One `ServerLog` reads the lines of one match, in order, and keeps what a line does not say again: who is on which side
with what, the score, the round. A `Match_Start` begins the map anew, so false starts, knife rounds and restarts do not
count. Team A is the one that plays CT at the (last) start. A log line's time has no zone and often only whole
seconds: it orders events, and clocks between them run by arrival.
"""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cs2_pipeline.game.weapons import canonical, price

SOURCE: Final = "server-log"
_LINE: Final = re.compile(r"^(?:L )?(\d\d/\d\d/\d{4}) - (\d\d:\d\d:\d\d(?:\.\d+)?)(?::| -) (.*)$")
_WHO: Final = r'"(?P<{0}name>.*?)<-?\d+><(?P<{0}steam>[^>]*)><(?P<{0}team>[^>]*)>"'
_AT: Final = r"(?: \[[-\d. ]+\])?"
_ATTACKED: Final = re.compile(
    _WHO.format("") + _AT + " attacked " + _WHO.format("v") + _AT
    + r' with "(?P<weapon>[^"]*)" \(damage "(?P<damage>\d+)"\) \(damage_armor "(?P<taken>\d+)"\)'
    r' \(health "(?P<health>-?\d+)"\) \(armor "(?P<armor>-?\d+)"\) \(hitgroup "(?P<hitgroup>[^"]*)"\)'
)  # fmt: skip
_KILLED: Final = re.compile(
    _WHO.format("") + _AT + " killed " + _WHO.format("v") + _AT + r' with "(?P<weapon>[^"]*)"(?P<how>.*)$'
)
_DIED: Final = re.compile(
    _WHO.format("") + _AT + r' (?:committed suicide with "(?P<weapon>[^"]*)"|was killed by the bomb)'
)
_DID: Final = re.compile(
    _WHO.format("") + r' triggered "(?P<what>Planted_The_Bomb|Defused_The_Bomb)"(?: at bombsite (?P<site>[AB]))?'
)
_MONEY: Final = re.compile(_WHO.format("") + r" money change \d+[-+]\d+ = \$(?P<money>\d+)")
_LEFT_BUYZONE: Final = re.compile(_WHO.format("") + r" left buyzone with \[ (?P<items>.*)\]")
_ITEM: Final = re.compile(_WHO.format("") + r' (?P<what>picked up|dropped|purchased) "(?P<item>[^"]*)"')
_SWITCHED: Final = re.compile(
    r'"(?P<name>.*?)<-?\d+><(?P<steam>[^>]*)>" switched from team <[^>]*> to <(?P<team>[^>]*)>'
)
_SWITCHED_TAGGED: Final = re.compile(_WHO.format("") + r" switched from team <[^>]*> to <(?P<to>[^>]*)>")
_GONE: Final = re.compile(_WHO.format("") + r" disconnected")
_WORLD: Final = re.compile(r'^World triggered "(?P<what>[^"]*)"(?: on "(?P<map>[^"]*)")?')
_PLAYING: Final = re.compile(r'^(?:MatchStatus: )?Team playing "(?P<side>CT|TERRORIST)": (?P<name>.*)$')
_WON: Final = re.compile(
    r'^Team "(?P<side>CT|TERRORIST)" triggered "(?P<how>SFUI_Notice_\w+)" \(CT "(?P<ct>\d+)"\) \(T "(?P<t>\d+)"\)'
)
_SCORED: Final = re.compile(r'^Team "(?P<side>CT|TERRORIST)" scored "(?P<score>\d+)" with "(?P<players>\d+)" players')
_STATUS: Final = re.compile(
    r'^MatchStatus: Score: (?P<ct>\d+):(?P<t>\d+) on map "(?P<map>[^"]*)" RoundsPlayed: (?P<rounds>-?\d+)'
)
_MAP: Final = re.compile(r'^(?:Loading|Started) map "(?P<map>[^"]*)"')
_OVER: Final = re.compile(r"^Game Over: .* score (?P<ct>\d+):(?P<t>\d+)")
_REASONS: Final = {
    "SFUI_Notice_Target_Bombed": "bomb_exploded",
    "SFUI_Notice_Bomb_Defused": "bomb_defused",
    "SFUI_Notice_Target_Saved": "time_expired",
}
_ARMOR: Final = re.compile(r"kevlar\((\d+)\)")
_SIDE: Final = {"CT": "CT", "TERRORIST": "T"}
_OTHER_SIDE: Final = {"CT": "T", "T": "CT"}


@dataclass
class _Player:
    """A player, as the lines so far tell him."""

    side: str
    items: list[str] = field(default_factory=list)
    money: int | None = None
    armor: int | None = None
    helmet: bool = False
    kit: bool = False
    items_known: bool = False

    def carries(self, items: str) -> None:
        """What `left buyzone` lists: everything."""
        found = items.split()
        armor = _ARMOR.search(items)
        self.armor = min(100, int(armor[1])) if armor else 0
        self.helmet, self.kit = "helmet" in found, "defuser" in found
        self.items = [item for item in found if item.startswith("weapon_")]
        self.items_known = True

    def gets(self, item: str) -> None:
        """Something is bought or picked up."""
        name = item.removeprefix("item_")
        if name in ("vest", "kevlar", "vesthelm", "assaultsuit"):
            self.armor = 100
            self.helmet = self.helmet or name in ("vesthelm", "assaultsuit")
        elif name == "defuser":
            self.kit = True
        else:
            self.items.append(item)

    def loses(self, item: str) -> None:
        """Something is dropped."""
        name = item.removeprefix("item_")
        if name in ("vest", "vesthelm"):
            self.armor, self.helmet = 0, False
        elif name == "defuser":
            self.kit = False
        elif item in self.items:
            self.items.remove(item)

    def dies(self) -> None:
        """Nothing is carried any more."""
        self.items, self.armor, self.helmet, self.kit = [], 0, False, False

    def value(self) -> float:
        """What the equipment is worth, dollars."""
        worn = (price("kevlar") if self.armor else 0) + (price("helmet") if self.helmet else 0)
        carried = sum(price(item) for item in self.items if canonical(item))
        return worn + (price("defuser") if self.kit else 0) + carried


class ServerLog:
    """The log of one match.

    Args:
        match_id: the match that the lines belong to.
        key: names the server; ids of events follow from it and the event's number.
        best_of: maps of the series; what the server plays after its end belongs to no match.
    """

    def __init__(self, match_id: str, key: str, best_of: int = 1) -> None:
        self.match_id, self._key, self._best_of = match_id, key, best_of
        self.over = False
        self._maps_won = {"A": 0, "B": 0}
        self._map_number, self._map_over = 1, False
        self._map: str | None = None
        self._unnamed: set[str] = set()
        self._score = {"CT": 0, "T": 0}
        self._count = {"CT": 5, "T": 5}
        self._warm_up = False
        self._a_side = "CT"
        self._roster: set[str] = set()
        self._players: dict[str, _Player] = {}
        self._tells_pickups = False
        self._round, self._begun, self._announced, self._reloaded = 0, False, False, False
        self._now, self._seq = 0.0, 0
        self._dirty: dict[str, None] = {}
        self._out: list[dict[str, Any]] = []

    def read(self, lines: Iterable[str]) -> list[dict[str, Any]]:
        """The events that some lines tell; lines that tell nothing of play are left."""
        self._out = []
        for line in lines:
            found = _LINE.match(line.strip("\r\n\0"))
            if found is None or self.over:
                continue
            now = _seconds(found[1], found[2])
            if now != self._now:
                self._flush()
            self._now = now
            self._line(found[3])
        self._flush()
        return self._out

    def _line(self, text: str) -> None:
        if text.startswith('"'):
            self._of_player(text)
        elif text.startswith("Starting Freeze period"):
            self._begin_round()
        elif found := _WORLD.match(text):
            self._of_world(found["what"], found["map"])
        elif found := _WON.match(text):
            self._end_round(_SIDE[found["side"]], found["how"], int(found["ct"]), int(found["t"]))
        elif found := _SCORED.match(text):
            side = _SIDE[found["side"]]
            self._score[side], self._count[side] = int(found["score"]), min(5, int(found["players"]))
        elif found := _STATUS.match(text):
            self._map = found["map"]
            self._score = {"CT": int(found["ct"]), "T": int(found["t"])}
            self._warm_up = int(found["rounds"]) < 0
        elif found := _PLAYING.match(text):
            self._name(_SIDE[found["side"]], found["name"].strip())
        elif found := _MAP.match(text):
            self._map = found["map"]
        elif found := _OVER.match(text):
            self._game_over(int(found["ct"]), int(found["t"]))

    # The world

    def _of_world(self, what: str, on_map: str | None) -> None:
        if what == "Match_Start":
            self._map = on_map or self._map
            self._score = {"CT": 0, "T": 0}
            self._start_map()
        elif what == "Match_Reloaded":
            self._reloaded = True
        elif what == "Round_Start":
            if not self._begun:
                self._begin_round()
            if not self._roster:
                self._roster = {who for who, player in self._players.items() if player.side == "CT"}
            for who, player in self._players.items():
                if player.side in ("CT", "T"):
                    self._dirty[who] = None
            self._say("freeze_time_ended")

    def _start_map(self) -> None:
        if self._map_over:
            self._map_over, self._map_number = False, self._map_number + 1
        self._roster = {who for who, player in self._players.items() if player.side == "CT"}
        self._a_side = "CT"
        if not self._announced:
            self._announced = True
            self._say("match_start", round_no=0, team_a_id="A", team_b_id="B", format=f"bo{self._best_of}")
        self._say("map_start", round_no=0, map_name=self._map or "unknown", map_number=self._map_number)
        self._unnamed = {"CT", "T"}
        self._begin_round()

    def _name(self, side: str, name: str) -> None:
        """A team's name, the first time it is told after a start: later lines may be ahead of a change of sides."""
        if side in self._unnamed:
            self._unnamed.discard(side)
            team = self._team(side).lower()
            self._say("match_start", round_no=0, team_a_id="A", team_b_id="B", **{f"team_{team}_name": name})

    def _begin_round(self) -> None:
        if self._map_over:
            return  # the next map begins with its own start
        if self._roster:
            here = {side: {who for who, p in self._players.items() if p.side == side} for side in ("CT", "T")}
            self._a_side = "CT" if len(here["CT"] & self._roster) >= len(here["T"] & self._roster) else "T"
        self._round = 0 if self._warm_up else sum(self._score.values()) + 1
        if self._reloaded and self._round:
            self._reloaded = False
            self._say("round_restored")
        b_side = _OTHER_SIDE[self._a_side]
        self._say(
            "round_start", team_a_score=self._score[self._a_side], team_b_score=self._score[b_side],
            team_a_side=self._a_side, team_b_side=b_side, team_a_players=self._count[self._a_side] or 5,
            team_b_players=self._count[b_side] or 5,
        )  # fmt: skip
        self._begun = True

    def _end_round(self, winner: str, how: str, ct: int, t: int) -> None:
        reason = _REASONS.get(how, "elimination")
        if reason == "bomb_exploded":
            self._say("bomb_exploded")
        self._score = {"CT": ct, "T": t}
        b_side = _OTHER_SIDE[self._a_side]
        self._say(
            "round_end", winner_team=self._team(winner), win_reason=reason, team_a_score=self._score[self._a_side],
            team_b_score=self._score[b_side],
        )  # fmt: skip
        self._begun = False

    def _game_over(self, ct: int, t: int) -> None:
        scores = {"CT": ct, "T": t}
        a, b = scores[self._a_side], scores[_OTHER_SIDE[self._a_side]]
        winner = "A" if a > b else "B" if b > a else None
        self._say("map_end", team_a_score=a, team_b_score=b, winner_team=winner)
        self._map_over = True
        if winner:
            self._maps_won[winner] += 1
        if max(self._maps_won.values()) > self._best_of // 2 or self._map_number == self._best_of:
            self._say("match_end")
            self.over = True

    # Players

    def _of_player(self, text: str) -> None:
        if found := _ATTACKED.match(text):
            self._attacked(found)
        elif found := _KILLED.match(text):
            self._killed(found)
        elif found := _MONEY.match(text):
            who = self._player(found)
            self._players[who].money = int(found["money"])
            self._dirty[who] = None
        elif found := _LEFT_BUYZONE.match(text):
            who = self._player(found)
            if found["items"].strip():
                self._players[who].carries(found["items"])
                self._dirty[who] = None
        elif found := _ITEM.match(text):
            self._item(found)
        elif found := _DID.match(text):
            who = self._player(found)
            kind = "bomb_planted" if found["what"].startswith("Planted") else "bomb_defused"
            self._say(kind, player_id=who, player_team=self._team(self._players[who].side), site=found["site"])
        elif found := _DIED.match(text):
            who = self._player(found)
            if self._players[who].side in ("CT", "T"):
                self._die(who, who, found["weapon"] or "planted_c4", "")
        elif found := _SWITCHED_TAGGED.match(text):
            self._moves(_identity(found["name"], found["steam"]), found["to"])
        elif found := _SWITCHED.match(text):
            self._moves(_identity(found["name"], found["steam"]), found["team"])
        elif found := _GONE.match(text):
            self._players.pop(_identity(found["name"], found["steam"]), None)

    def _moves(self, who: str, team: str) -> None:
        if team in _SIDE:
            self._players.setdefault(who, _Player(_SIDE[team])).side = _SIDE[team]
        else:
            self._players.pop(who, None)

    def _attacked(self, found: re.Match[str]) -> None:
        attacker, victim = self._player(found), self._player(found, "v")
        player = self._players[victim]
        player.armor = min(100, max(0, int(found["armor"])))
        self._say(
            "player_hurt", attacker_player_id=attacker, attacker_team=self._team(self._players[attacker].side),
            victim_player_id=victim, victim_team=self._team(player.side), damage=min(1000, int(found["damage"])),
            damage_armor=min(1000, int(found["taken"])), weapon=found["weapon"], hitgroup=found["hitgroup"],
            victim_health=min(100, max(0, int(found["health"]))), victim_armor=player.armor,
        )  # fmt: skip

    def _killed(self, found: re.Match[str]) -> None:
        self._die(self._player(found), self._player(found, "v"), found["weapon"], found["how"])

    def _die(self, killer: str, victim: str, weapon: str, how: str) -> None:
        self._say(
            "kill", killer_player_id=killer, killer_team=self._team(self._players[killer].side),
            victim_player_id=victim, victim_team=self._team(self._players[victim].side), weapon=weapon,
            is_headshot="headshot" in how, is_wallbang="penetrated" in how, is_through_smoke="throughsmoke" in how,
            is_no_scope="noscope" in how, attacker_blind="attackerblind" in how,
        )  # fmt: skip
        self._players[victim].dies()
        self._dirty.pop(victim, None)

    def _item(self, found: re.Match[str]) -> None:
        who = self._player(found)
        player, item = self._players[who], found["item"]
        self._tells_pickups = self._tells_pickups or found["what"] == "picked up"
        if found["what"] == "dropped":
            player.loses(item)
        elif found["what"] == "picked up" or not self._tells_pickups:
            player.gets(item)
        player.items_known = True
        self._dirty[who] = None

    def _player(self, found: re.Match[str], which: str = "") -> str:
        who, team = _identity(found[f"{which}name"], found[f"{which}steam"]), found[f"{which}team"]
        player = self._players.setdefault(who, _Player(_SIDE.get(team, team)))
        if team in _SIDE:
            player.side = _SIDE[team]
        return who

    def _team(self, side: str) -> str:
        return "A" if side == self._a_side else "B"

    # Out

    def _flush(self) -> None:
        """Tell what players have, once for all that changed it in one moment."""
        dirty, self._dirty = self._dirty, {}
        for who in dirty:
            player = self._players.get(who)
            if player is None or player.side not in ("CT", "T") or not self._begun:
                continue
            known = player.items_known
            self._say(
                "player_equipment", player_id=who, player_team=self._team(player.side), money=player.money,
                equipment_value=player.value() if known else None, armor=player.armor or 0 if known else None,
                has_helmet=player.helmet if known else None, has_defuse_kit=player.kit if known else None,
            )  # fmt: skip

    def _say(self, kind: str, round_no: int | None = None, **payload: Any) -> None:
        if kind not in ("player_equipment", "map_start", "match_start"):
            self._flush()
        if kind == "round_restored":
            payload = {"round_no": self._round}
        self._seq += 1
        self._out.append({
            "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.match_id}/{self._key}/{self._seq}")),
            "match_id": self.match_id,
            "map_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.match_id}/{self._map_number}")),
            "round_no": self._round if round_no is None else round_no,
            "ts_event": datetime.fromtimestamp(self._now, UTC).isoformat(timespec="milliseconds"), "type": kind,
            "source": SOURCE, "seq_no": self._seq,
            "payload": {key: value for key, value in payload.items() if value is not None},
        })  # fmt: skip


def _identity(name: str, steam: str) -> str:
    """A bot has no id of its own but its name; a human's id outlives his name."""
    return name if steam in ("BOT", "", "Console") else steam


def _seconds(day: str, clock: str) -> float:
    whole, _, part = clock.partition(".")
    moment = datetime.strptime(f"{day} {whole}", "%m/%d/%Y %H:%M:%S").replace(tzinfo=UTC)
    return moment.timestamp() + float(f"0.{part}")
