"""Who plays: pools, names and schedules that follow from a seed and a day."""

from datetime import date, datetime

import numpy as np
import pytest

from cs2_pipeline.demodb.simulator import population
from cs2_pipeline.demodb.simulator.model import GameModel

MODEL = GameModel()
DAY = date(2026, 3, 1)


@pytest.fixture(scope="module")
def pool():
    return population.create(4, 600, equal_skill=False)


def plan(pool, *, teams=24, matches=36, day=DAY, seed=4, equal_skill=False):
    return population.day_schedule(MODEL, seed, pool, teams=teams, day=day, matches=matches, equal_skill=equal_skill)


def test_a_pool_has_five_players_and_a_stand_in_for_each_team(pool):
    assert len(pool.steam_id) == len(pool.skill) == len(pool.headshots) == 3_600


def test_accounts_are_steam_ids_of_individuals_and_nobody_shares_one(pool):
    assert len(set(pool.steam_id.tolist())) == 3_600
    first = 76_561_197_960_265_728
    assert (pool.steam_id >= first).all()
    assert (pool.steam_id < first + 2**30).all()
    assert not set(pool.steam_id.tolist()) & set(population.create(5, 600, equal_skill=False).steam_id.tolist())


def test_skill_is_one_standard_deviation_wide_and_mates_are_a_little_alike(pool):
    assert pool.skill.mean() == pytest.approx(0, abs=0.07)
    assert pool.skill.std() == pytest.approx(np.hypot(0.3, 0.9), abs=0.04)
    teams = pool.skill[:3_000].reshape(600, 5)
    assert teams.mean(axis=1).std() == pytest.approx(np.sqrt(0.3**2 + 0.9**2 / 5), abs=0.04)
    assert (teams - teams.mean(axis=1, keepdims=True)).std() == pytest.approx(0.9 * np.sqrt(4 / 5), abs=0.03)
    stand_ins = pool.skill[3_000:]
    assert np.corrcoef(stand_ins[:-1], stand_ins[1:])[0, 1] == pytest.approx(0, abs=0.17)


def test_headshots_are_45_percent_more_for_the_skilled_and_between_limits(pool):
    assert pool.headshots.mean() == pytest.approx(0.45, abs=0.006)
    assert pool.headshots.std() == pytest.approx(np.hypot(0.07, 0.04), abs=0.004)
    own = np.polyfit(pool.skill, pool.headshots, 1)[0]
    assert own == pytest.approx(0.04 * 0.9 / (0.9**2 + 0.3**2), abs=0.006)
    assert pool.headshots.min() >= 0.2
    assert pool.headshots.max() <= 0.75


def test_equal_players_have_no_skill_nor_form_but_the_same_accounts(pool):
    equal = population.create(4, 600, equal_skill=True)
    assert not equal.skill.any()
    assert equal.steam_id.tolist() == pool.steam_id.tolist()
    assert not plan(equal, equal_skill=True).skill.any()


def test_a_smaller_pool_has_the_same_first_players():
    small, large = (population.create(4, teams, equal_skill=False) for teams in (2, 9))
    assert small.steam_id[:10].tolist() == large.steam_id[:10].tolist()
    assert small.skill[:10].tolist() == large.skill[:10].tolist()


def test_a_name_lasts_a_month_and_one_in_twelve_months_is_played_under_another():
    months = [date(2026, month, 15) for month in range(1, 13)]
    names = [[population.name(1, player, day) for day in months] for player in range(400)]
    usual = [max(set(row), key=row.count) for row in names]
    other = np.mean([[name != own for name in row] for row, own in zip(names, usual, strict=True)])
    assert other == pytest.approx(0.08, abs=0.02)
    assert len(set(usual)) > 300
    for player in range(50):
        assert population.name(1, player, date(2026, 5, 1)) == population.name(1, player, date(2026, 5, 31))
    assert {len(set(row)) > 1 for row in names} == {True, False}
    of_december = [population.name(1, player, date(2025, 12, 15)) for player in range(400)]
    assert of_december != [row[0] for row in names], "January follows December"


def test_names_are_capitalised_or_carry_a_number():
    names = [population.name(1, player, DAY) for player in range(300)]
    numbered = [name for name in names if name[-1].isdigit()]
    plain = [name for name in names if not name[-1].isdigit()]
    assert len(numbered) == pytest.approx(150, abs=40)
    assert all(name.islower() for name in numbered)
    assert all(name[0].isupper() and name[1:].islower() for name in plain)
    assert {int("".join(filter(str.isdigit, name))) for name in numbered} <= set(range(64))
    assert {len(name) for name in plain} >= {4, 5, 6, 7}


def test_teams_are_numbered_from_one():
    assert [population.team_name(team) for team in (0, 79)] == ["Team 1", "Team 80"]


def test_a_day_has_its_matches_in_order_between_nine_and_half_past_ten(pool):
    day = plan(pool)
    assert len(day.key) == len(set(day.key.tolist())) == 36
    start = day.start.astype(datetime)
    assert list(start) == sorted(start)
    hours = [at.hour + at.minute / 60 for at in start]
    assert all(at.date() == DAY for at in start)
    share = [(hour - 9) / 13.5 * 36 for hour in hours]
    assert all(number <= place + 0.05 and place <= number + 1 for number, place in enumerate(share)), share


def test_in_each_window_every_team_plays_once(pool):
    pairs = plan(pool, teams=24, matches=30).teams
    assert len(set(pairs[:12].ravel().tolist())) == 24
    assert len(set(pairs[12:24].ravel().tolist())) == 24
    assert len(set(pairs[24:].ravel().tolist())) == 12
    odd = plan(pool, teams=5, matches=7).teams
    assert odd.shape == (7, 2)
    assert all(len(set(odd[at : at + 2].ravel().tolist())) == 4 for at in (0, 2, 4))


def test_teams_play_in_their_line_up_but_for_a_stand_in_now_and_then():
    pool = population.create(4, 24, equal_skill=False)
    days = [plan(pool, day=date(2026, 3, day)) for day in range(1, 29)]
    players, teams = np.concatenate([day.players for day in days]), np.concatenate([day.teams for day in days])
    line_up = np.repeat(teams, 5, axis=1) * 5 + np.tile(np.arange(5), 2)
    stands_in = players != line_up
    assert stands_in.mean() == pytest.approx(0.04, abs=0.008)
    assert ((players[stands_in] >= 120) & (players[stands_in] < 144)).all()
    assert all(len(set(row)) == 10 for row in players.tolist())
    assert (stands_in.sum(axis=1) > 1).any()


def test_form_is_a_quarter_of_a_deviation_about_the_players_skill(pool):
    day = plan(pool, teams=600, matches=300)
    form = day.skill - pool.skill[day.players]
    assert form.mean() == pytest.approx(0, abs=0.02)
    assert form.std() == pytest.approx(0.25, abs=0.015)


def test_every_map_of_the_game_is_played(pool):
    numbers = plan(pool, teams=600, matches=300).map_number
    assert set(numbers.tolist()) == set(range(len(MODEL.map_edges)))


def test_days_are_of_their_own_and_a_day_without_matches_adds_none(pool):
    together = population.schedule(MODEL, 4, pool, teams=24, first_day=DAY, per_day=[2, 0, 3], equal_skill=False)
    first, third = plan(pool, matches=2), plan(pool, matches=3, day=date(2026, 3, 3))
    for name in ("key", "start", "map_number", "teams", "players", "skill"):
        parts = [getattr(first, name), getattr(third, name)]
        assert getattr(together, name).tolist() == np.concatenate(parts).tolist(), name
        assert getattr(together.part(2, 5), name).tolist() == parts[1].tolist(), name
    assert plan(pool, seed=5).teams.tolist() != plan(pool).teams.tolist()


def test_a_seed_makes_the_same_people_in_every_version():
    """Whoever adds days with a later version goes on with the same players."""
    pool = population.create(4, 2, equal_skill=False)
    assert pool.steam_id[[0, 1, 11]].tolist() == [76561198930793143, 76561198364003432, 76561198064815442]
    assert pool.skill[[0, 4, 5, 10, 11]].tolist() == pytest.approx([-0.254, -1.8739, -0.3041, 0.9299, 1.1609], abs=1e-4)
    assert pool.headshots[[0, 4, 10]].tolist() == pytest.approx([0.5267, 0.4461, 0.4242], abs=1e-4)
    names = [population.name(1, player, date(2026, 5, 1)) for player in range(6)]
    assert names == ["Noka", "kadriel2", "Woqu", "Rentobor", "Elkafy", "drijami38"]
