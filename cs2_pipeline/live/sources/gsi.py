"""Game state integration as live events: what a spectating client (or, poorer, a player's) posts of its game.

Each body is the whole state as the client sees it; what changed since the last one becomes events. A spectator's client
sends all players, so equipment, health and deaths are known; a player's sends only the score, the round's phase and the
bomb, and prices have wide intervals. Bodies that lack what is needed change nothing.
"""

import uuid
from datetime import UTC, datetime
from typing import Any, Final

from cs2_pipeline.live.events import NOBODY_KNOWN

SOURCE: Final = "gsi"
_OTHER: Final = {"CT": "T", "T": "CT"}
_PHASES: Final = ("live", "overtime", "intermission", "gameover")


class StateIntegration:
    """The posts of one client.

    Args:
        match_id: the match that it shows.
        key: names the client; ids of events follow from it.
    """

    def __init__(self, match_id: str, key: str) -> None:
        self.match_id, self._key = match_id, key
        self._map: str | None = None
        self._map_number, self._map_over = 0, False
        self._phase, self._bomb = "", ""
        self._score = {"CT": 0, "T": 0}
        self._a_side = "CT"
        self._a_name: str | None = None
        self._players: dict[str, dict[str, Any]] = {}
        self._round, self._ended, self._seq, self._now = 0, True, 0, 0.0
        self._out: list[dict[str, Any]] = []

    def read(self, body: dict[str, Any], now: float) -> list[dict[str, Any]]:
        """The events that a body tells.

        Args:
            now: when it came; used where it does not say when it was sent.
        """
        self._out = []
        of_map, of_round = _object(body, "map"), _object(body, "round")
        if of_map.get("mode") is None or not isinstance(of_map.get("name"), str):
            return []
        told = _object(body, "provider").get("timestamp")
        self._now = max(self._now, float(told) if isinstance(told, int | float) else now)
        if of_map.get("phase") not in _PHASES:
            return []  # warm-up
        over = of_map["phase"] == "gameover"
        if over and self._map_over:
            return []  # posts go on while the final score is shown
        if self._map_over or of_map["name"] != self._map:
            self._new_map(of_map)
        self._scores(of_map)
        self._phases(of_round)
        self._everybody(_object(body, "allplayers"))
        if over:
            self._over()
        return self._out

    def _new_map(self, of_map: dict[str, Any]) -> None:
        self._map, self._map_number, self._map_over = of_map["name"], self._map_number + 1, False
        self._a_side, self._players, self._phase, self._bomb, self._ended = "CT", {}, "", "", True
        self._a_name = _object(of_map, "team_ct").get("name")
        names = {
            f"team_{team}_name": name
            for team, side in (("a", "ct"), ("b", "t"))
            if isinstance(name := _object(of_map, f"team_{side}").get("name"), str)
        }
        self._say("match_start", 0, team_a_id="A", team_b_id="B", **names)
        self._say("map_start", 0, map_name=self._map, map_number=min(9, self._map_number))

    def _scores(self, of_map: dict[str, Any]) -> None:
        """The score, and who is on which side: by the teams' names, else by the score that swaps at half time."""
        told = {side: _object(of_map, f"team_{side.lower()}") for side in ("CT", "T")}
        score = {side: int(team.get("score") or 0) for side, team in told.items()}
        if self._a_name is not None and told["T"].get("name") == self._a_name:
            self._a_side = "T"
        elif self._a_name is not None and told["CT"].get("name") == self._a_name:
            self._a_side = "CT"
        elif score != self._score and score["CT"] == self._score["T"] and score["T"] == self._score["CT"]:
            self._a_side = _OTHER[self._a_side]
        self._score = score

    def _phases(self, of_round: dict[str, Any]) -> None:
        phase, bomb = str(of_round.get("phase") or ""), str(of_round.get("bomb") or "")
        b_side = _OTHER[self._a_side]
        if phase in ("freezetime", "live") and self._ended:
            self._round, self._ended, self._bomb = sum(self._score.values()) + 1, False, ""
            self._say(
                "round_start", self._round, team_a_score=self._score[self._a_side], team_b_score=self._score[b_side],
                team_a_side=self._a_side, team_b_side=b_side,
            )  # fmt: skip
            self._players = {}
        if phase == "live" and self._phase != "live":
            self._say("freeze_time_ended", self._round)
        if bomb != self._bomb and bomb in ("planted", "defused", "exploded") and not self._ended:
            self._say(f"bomb_{bomb}", self._round)
            self._bomb = bomb
        if phase == "over" and not self._ended and of_round.get("win_team") in _OTHER:
            winner = "A" if of_round["win_team"] == self._a_side else "B"
            how = f"bomb_{bomb}" if bomb in ("defused", "exploded") else "elimination"
            after = {side: self._score[side] for side in self._score}
            if sum(after.values()) == self._round - 1:  # the score follows the phase
                after[of_round["win_team"]] += 1
            self._say(
                "round_end", self._round, winner_team=winner, win_reason=how, team_a_score=after[self._a_side],
                team_b_score=after[b_side],
            )  # fmt: skip
            self._ended = True
        self._phase = phase

    def _everybody(self, players: dict[str, Any]) -> None:
        """What a spectator sees of all players; a player whose health is gone has died."""
        for steam_id, player in players.items():
            if not isinstance(player, dict) or player.get("team") not in _OTHER or self._ended:
                continue
            state = _object(player, "state")
            before = self._players.get(steam_id, {})
            if state == before or not state:
                continue
            team = "A" if player["team"] == self._a_side else "B"
            health = int(state.get("health") or 0)
            if health <= 0 and before and int(before.get("health") or 0) > 0:
                self._say(
                    "kill", self._round, killer_player_id=NOBODY_KNOWN, killer_team="B" if team == "A" else "A",
                    victim_player_id=steam_id, victim_team=team, weapon="", is_headshot=False,
                )  # fmt: skip
            elif health > 0:
                self._equipment(steam_id, team, state, before)
            self._players[steam_id] = state

    def _equipment(self, steam_id: str, team: str, state: dict[str, Any], before: dict[str, Any]) -> None:
        health, lost = int(state["health"]), int(before.get("health") or 100) - int(state["health"])
        if lost > 0:
            self._say(
                "player_hurt", self._round, attacker_player_id=NOBODY_KNOWN, attacker_team="B" if team == "A" else "A",
                victim_player_id=steam_id, victim_team=team, damage=lost, weapon="", victim_health=min(100, health),
                victim_armor=min(100, int(state.get("armor") or 0)),
            )  # fmt: skip
        self._say(
            "player_equipment", self._round, player_id=steam_id, player_team=team, money=int(state.get("money") or 0),
            equipment_value=int(state.get("equip_value") or 0), armor=min(100, int(state.get("armor") or 0)),
            has_helmet=bool(state.get("helmet")), has_defuse_kit=bool(state.get("defusekit")),
        )  # fmt: skip

    def _over(self) -> None:
        a, b = self._score[self._a_side], self._score[_OTHER[self._a_side]]
        winner = "A" if a > b else "B" if b > a else None
        self._say("map_end", self._round, team_a_score=a, team_b_score=b, winner_team=winner)
        self._map_over = True

    def _say(self, kind: str, round_no: int, **payload: Any) -> None:
        self._seq += 1
        self._out.append({
            "event_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.match_id}/{self._key}/{self._seq}")),
            "match_id": self.match_id,
            "map_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.match_id}/{self._map_number}")),
            "round_no": round_no, "ts_event": datetime.fromtimestamp(self._now, UTC).isoformat(), "type": kind,
            "source": SOURCE, "seq_no": self._seq,
            "payload": {key: value for key, value in payload.items() if value is not None},
        })  # fmt: skip


def _object(body: dict[str, Any], key: str) -> dict[str, Any]:
    found = body.get(key)
    return found if isinstance(found, dict) else {}
