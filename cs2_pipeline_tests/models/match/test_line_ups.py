"""Line-ups as one unknown each: held against the Gaussian of all players, in which every player is an unknown."""

import json
import math
from itertools import permutations

import numpy as np
import pytest

from cs2_pipeline.models.match.line_ups import LineUps

PRIOR, DRIFT = 0.8, 0.01
ONE, TWO = "abcde", "vwxyz"
TODAY = 1_000


class Everybody:
    """The Gaussian of all players, and line-ups whose unknowns it tells."""

    def __init__(self) -> None:
        self.names = [*ONE, *TWO, *"mno"]
        self.mean = np.zeros(len(self.names))
        self.cov = PRIOR * np.eye(len(self.names))
        self.playing: dict[int, str] = {}
        self.line_ups = LineUps(PRIOR, DRIFT, self.moments)

    def sum_of(self, players: str, share: float) -> np.ndarray:
        found = np.zeros(len(self.names))
        found[[self.names.index(player) for player in players]] = share
        return found

    def moments(self, team: int) -> tuple[float, float]:
        unknown = self.sum_of(self.playing[team], 0.2)
        return float(unknown @ self.mean), float(unknown @ self.cov @ unknown)

    def observe(self, weights: np.ndarray, value: float, noise: float) -> None:
        told = self.cov @ weights
        scale = 1 / (weights @ told + noise)
        self.mean = self.mean + told * scale * (value - weights @ self.mean)
        self.cov = self.cov - scale * np.outer(told, told)

    def grow(self, players: str, by: float) -> None:
        self.cov = self.cov + np.diag(self.sum_of(players, by))

    def play(self, team: int, players: str, day: int) -> None:
        new = self.sum_of(players, 0.2)
        sources = self.line_ups.sources(team, players)
        common = {other: float(new @ self.cov @ self.sum_of(self.playing[other], 0.2)) for other in sources}
        self.line_ups.change(team, tuple(players), day, common, (float(new @ self.mean), float(new @ self.cov @ new)))
        self.playing[team] = players

    def told(self, players: str, day: int | None = None, share: float = 1.0) -> tuple[float, float]:
        """Mean and variance of a sum of players as line-ups tell it, teams not going together."""
        shares, offset, variance = self.line_ups.mix(tuple(players), day, share)
        moments = {team: self.moments(team) for team in shares}
        mean = offset + sum(weight * moments[team][0] for team, weight in shares.items())
        return mean, variance + sum(weight**2 * moments[team][1] for team, weight in shares.items())

    def exact(self, players: str, share: float = 1.0) -> tuple[float, float]:
        weights = self.sum_of(players, share)
        return float(weights @ self.mean), float(weights @ self.cov @ weights)


@pytest.fixture
def everybody() -> Everybody:
    """Two line-ups, of which the first turned out good."""
    found = Everybody()
    found.play(0, ONE, TODAY)
    found.play(1, TWO, TODAY)
    found.observe(found.sum_of(ONE, 0.2), 0.9, 0.3)
    found.observe(found.sum_of(TWO, 0.2), -0.4, 0.2)
    return found


@pytest.mark.parametrize("players", ["a", "ab", "abcd", "abcde", "av", "abvwx", "m", "mno", "abvm"])
def test_players_who_came_together_are_rated_as_if_each_were_an_unknown(everybody: Everybody, players: str) -> None:
    for share in (1.0, 1 / len(players)):
        assert everybody.told(players, share=share) == pytest.approx(everybody.exact(players, share), abs=1e-12)


def test_a_line_up_is_its_unknown_and_nothing_else(everybody: Everybody) -> None:
    shares, offset, variance = everybody.line_ups.mix(tuple(ONE), TODAY)
    assert shares == {0: pytest.approx(1.0)}
    assert (offset, variance) == pytest.approx((0.0, 0.0), abs=1e-12)
    assert everybody.line_ups.mix(("m",), TODAY) == ({}, 0.0, pytest.approx(PRIOR / 25))


@pytest.mark.parametrize("players", ["abcdm", "abcmn", "abcvm", "abcvw", "ab"])
def test_who_stays_leaves_or_comes_keeps_what_is_known_of_him(everybody: Everybody, players: str) -> None:
    """His mean, his variance (nearly: remainders go together differently) and how he goes with the line-up."""
    everybody.play(0, players, TODAY)
    unknown = everybody.sum_of(players, 0.2)
    for player in ONE + TWO + "mno":
        mean, variance = everybody.told(player)
        assert (mean, variance) == (
            pytest.approx(everybody.exact(player)[0]),
            pytest.approx(everybody.exact(player)[1], rel=0.02),
        )
        if player in players:
            shares = everybody.line_ups.mix((player,), None, 1.0).shares
            assert shares[0] * everybody.moments(0)[1] == pytest.approx(
                everybody.sum_of(player, 1) @ everybody.cov @ unknown
            )
        else:
            assert variance == pytest.approx(everybody.exact(player)[1]), "who did not play is left as he was"
    if len(players) == 5:
        assert everybody.told(players, share=0.2) == pytest.approx(everybody.exact(players, 0.2), abs=1e-9)


@pytest.mark.parametrize("players", ["abcdm", "abcvw"])
def test_a_result_of_a_new_line_up_says_of_each_player_what_it_says_in_the_gaussian_of_all(
    everybody: Everybody, players: str
) -> None:
    everybody.play(0, players, TODAY)
    everybody.observe(everybody.sum_of(players, 0.2), 1.5, 0.4)
    for player in players:
        mean, variance = everybody.exact(player)
        assert everybody.told(player) == (pytest.approx(mean), pytest.approx(variance, rel=0.02)), player


def test_of_a_known_player_and_a_newcomer_the_newcomer_moves_more(everybody: Everybody) -> None:
    everybody.play(0, "abcdm", TODAY)
    before = {player: everybody.told(player)[0] for player in "am"}
    everybody.observe(everybody.sum_of("abcdm", 0.2), 2.0, 0.1)
    moved = {player: everybody.told(player)[0] - before[player] for player in "am"}
    assert moved["m"] > moved["a"] > 0


@pytest.mark.parametrize("days", [0, 1, 4])
def test_each_player_becomes_as_much_less_certain_a_day(everybody: Everybody, days: int) -> None:
    asked = everybody.told("abm", TODAY + days)
    everybody.grow(ONE, DRIFT * days)
    assert asked == pytest.approx(everybody.exact("abm"), abs=1e-9)


def test_asking_ages_nothing_and_a_line_up_ages_once(everybody: Everybody) -> None:
    before = everybody.line_ups.to_document()
    everybody.told("abvm", TODAY + 4)
    assert everybody.line_ups.to_document() == before
    gained = everybody.line_ups.age(0, TODAY + 4)
    assert gained == pytest.approx(4 * DRIFT / 5)
    everybody.grow(ONE, 4 * DRIFT)
    for players in ("a", "abc", ONE):
        assert everybody.told(players) == pytest.approx(everybody.exact(players), abs=1e-9)
    assert everybody.line_ups.age(0, TODAY + 4) == 0.0
    assert everybody.line_ups.age(0, TODAY + 3) == 0.0


def test_nobody_becomes_less_certain_than_one_never_seen(everybody: Everybody) -> None:
    for player in ONE:
        assert everybody.told(player, TODAY + 100_000)[1] == pytest.approx(PRIOR)
    known = everybody.told("a")[1]
    assert everybody.told("a", TODAY + 1)[1] == pytest.approx(known + DRIFT)
    assert everybody.line_ups.age(1, TODAY + 100_000) > 0
    everybody.grow(TWO, PRIOR - everybody.exact("v")[1])
    assert everybody.line_ups.age(1, TODAY + 200_000) == pytest.approx(0, abs=1e-12), "as uncertain as can be"
    at_most = math.ceil((PRIOR - known) / DRIFT)
    assert everybody.told("a", TODAY + at_most - 1)[1] < PRIOR
    assert everybody.told("a", TODAY + at_most)[1] == pytest.approx(PRIOR)
    everybody.play(0, "bcdem", TODAY)
    assert everybody.told("a", TODAY + 1)[1] == pytest.approx(known + DRIFT)
    assert everybody.told("a", TODAY + 50)[1] == pytest.approx(PRIOR)
    assert everybody.told("a")[1] == pytest.approx(known)


def test_a_line_up_stays_while_the_same_five_play_and_none_of_them_elsewhere(everybody: Everybody) -> None:
    line_ups = everybody.line_ups
    assert line_ups.stays(0, "edcba")
    assert not line_ups.stays(0, "abcd")
    assert not line_ups.stays(0, "abcdm")
    assert not line_ups.stays(7, ONE)
    everybody.play(1, "vwxya", TODAY)
    assert not line_ups.stays(0, ONE)
    assert line_ups.stays(1, "vwxya")


def test_a_new_line_up_comes_from_where_its_players_were_and_from_its_team(everybody: Everybody) -> None:
    sources = everybody.line_ups.sources
    assert sources(0, ONE) == [0]
    assert sources(0, "abcvm") == [0, 1]
    assert sources(0, TWO) == [0, 1]
    assert sources(5, "mno") == []
    assert sources(5, "am") == [0]


def test_who_came_back_from_another_team_is_of_the_team_he_played_for_last(everybody: Everybody) -> None:
    everybody.play(1, "vwxya", TODAY)
    assert everybody.line_ups.sources(9, "a") == [1]
    everybody.play(0, "bcdem", TODAY)
    assert everybody.line_ups.sources(9, "a") == [1], "his old team plays on without him, and he is no free agent"
    assert everybody.line_ups.sources(9, "z") == [], "whose place he took is in no line-up"
    everybody.play(0, ONE, TODAY)
    assert everybody.line_ups.sources(9, "a") == [0]


def test_who_has_not_played_for_long_rests_and_is_still_known(everybody: Everybody) -> None:
    before = {player: everybody.told(player) for player in ONE + TWO}
    everybody.line_ups.age(1, TODAY + 1)
    everybody.grow(TWO, DRIFT)
    assert everybody.line_ups.rest(TODAY) == []
    assert everybody.line_ups.rest(TODAY + 1) == [0]
    assert everybody.line_ups.sources(0, ONE) == []
    for player in ONE:
        assert everybody.told(player) == pytest.approx(before[player])
        assert everybody.told(player, TODAY + 1)[1] == pytest.approx(before[player][1] + DRIFT)
    assert everybody.line_ups.sources(1, TWO) == [1]
    assert everybody.line_ups.rest(TODAY + 2) == [1]


def test_a_team_rests_without_those_who_play_elsewhere(everybody: Everybody) -> None:
    everybody.play(1, "vwxya", TODAY + 5)
    playing = everybody.told("a")
    assert everybody.line_ups.rest(TODAY + 5) == [0]
    assert everybody.line_ups.sources(9, "ab") == [1]
    assert everybody.told("a") == playing


def test_line_ups_kept_as_json_tell_the_same(everybody: Everybody) -> None:
    everybody.play(1, "vwxya", TODAY + 2)
    document = json.loads(json.dumps(everybody.line_ups.to_document()))
    kept = LineUps(PRIOR, DRIFT, everybody.moments)
    kept.restore(document)
    assert kept.to_document() == document == everybody.line_ups.to_document()
    for players in ("a", "zb", "mv", "bcde"):
        assert kept.mix(tuple(players), TODAY + 9) == everybody.line_ups.mix(tuple(players), TODAY + 9)
    assert not kept.stays(0, ONE)
    assert kept.stays(1, "vwxya")


def test_the_order_in_which_players_are_named_says_nothing(everybody: Everybody) -> None:
    """Not even in the last bit of a sum: the same past gives the same state."""
    everybody.observe(everybody.sum_of("av", 0.3), 1.0, 0.1)
    everybody.play(0, "bcdem", TODAY)
    everybody.play(1, "wxyzn", TODAY + 1)
    everybody.line_ups.rest(TODAY + 9)
    for named in ("abmnv", "bwxno"):
        (found,) = {
            (tuple(mix.shares.items()), mix.offset, mix.variance)
            for order in permutations(named)
            for mix in [everybody.line_ups.mix(order, TODAY + 20)]
        }
        assert found[2] > 0


def test_no_remainder_falls_to_nothing_and_a_player_alone_is_his_line_up() -> None:
    known = Everybody()
    known.cov = 1e-9 * np.eye(len(known.names))
    line_ups = LineUps(1e-9, 0.0, known.moments)
    line_ups.change(0, tuple(ONE), TODAY, {}, (0.0, 1e-9 / 5))
    known.playing[0] = ONE
    assert math.sqrt(line_ups.mix(("a",), None, 1.0).variance) == pytest.approx(0.01)
    line_ups.change(1, ("m",), TODAY, {}, (0.0, 1e-9 / 25))
    assert line_ups.mix(("m",), None, 1.0).variance == 0.0
