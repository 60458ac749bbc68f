"""One round of many simulated matches: who kills whom with what, and how the rounds end."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.demodb.simulator import chain, exact, streams
from cs2_pipeline.demodb.simulator.model import GameModel
from cs2_pipeline.demodb.simulator.rounds import (
    CT_WINS,
    DEFUSED,
    ELIMINATED_CT,
    ELIMINATED_T,
    END_REASONS,
    EXPLODED,
    HEADSHOT_FACTOR,
    OUT_OF_TIME,
    REWARDS,
    WEAPONS,
    Rounds,
    Setup,
)  # fmt: skip
from cs2_pipeline.game import rules

MODEL = GameModel(map_edges={"de_dust2": 0.0}, equipment_effect=0.03)
COUNT = 4_000
SKILL = np.tile([1.5, 0, 0, 0, -1.5] * 2, (COUNT, 1))


def setup(count=COUNT, *, ct=4_000, t=4_000, kit=0, seed=1, skill=0.0, headshots=0.5):
    """Rounds that all begin alike: equipment per player, kits, and every player's skill and share of headshots."""
    return Setup(
        key=streams.keys(streams.key(seed), np.arange(count)), edge=np.full(count, 0.1),
        equipment=np.tile([ct, t], (count, 1)), kit=np.full(count, kit),
        skill=np.broadcast_to(skill, (count, 10)).astype(float), headshots=np.full((count, 10), headshots),
    )  # fmt: skip


def played(setup, model=MODEL):
    rounds = Rounds(model, chain.Clocks.of(model), setup)
    rounds.play()
    return rounds


@pytest.fixture(scope="module")
def rounds():
    return played(setup(skill=SKILL))


@pytest.fixture(scope="module")
def kills(rounds):
    return pd.DataFrame(rounds.kills.table())


@pytest.fixture(scope="module")
def damages(rounds):
    return pd.DataFrame(rounds.damages.table())


def near(share, count, of):
    """Whether an observed count can be of so probable an event: within four standard errors."""
    return abs(count / of - share) < 4 * np.sqrt(share * (1 - share) / of)


def test_the_codes_of_endings_name_the_games_reasons_and_their_winners():
    said = [(END_REASONS[code], bool(CT_WINS[code])) for code in (ELIMINATED_T, ELIMINATED_CT, DEFUSED, EXPLODED)]
    assert said == [("CTWin", True), ("TerroristWin", False), ("BombDefused", True), ("TargetBombed", False)]
    assert (END_REASONS[OUT_OF_TIME], bool(CT_WINS[OUT_OF_TIME])) == ("TargetSaved", True)


def test_weapons_pay_the_games_rewards():
    paid = dict(zip(WEAPONS, REWARDS.tolist(), strict=True))
    assert (paid["ak47"], paid["mp9"], paid["awp"], paid["hegrenade"], paid["glock"]) == (300, 600, 100, 300, 300)


def test_a_round_does_not_depend_on_those_beside_it():
    alone, together = played(setup(3)), played(setup(50))
    assert alone.end.tolist() == together.end[:3].tolist()
    assert alone.health.tolist() == together.health[:3].tolist()
    assert alone.weapon.tolist() == together.weapon[:3].tolist()
    assert played(setup(50, seed=2)).end.tolist() != together.end.tolist()


def test_a_round_begins_with_ten_unhurt_players_and_armour_where_it_could_be_bought():
    rounds = Rounds(MODEL, chain.Clocks.of(MODEL), setup(2, ct=850, t=800))
    of_players = ("alive", "health", "armor", "survived_until", "clutch", "traded", "helped")
    assert {getattr(rounds, name).shape for name in of_players} == {(2, 10)}
    assert rounds.alive.all()
    assert (rounds.health == 100).all()
    assert rounds.armor.tolist() == [[100] * 5 + [0] * 5] * 2
    assert (rounds.end_reason == -1).all()
    assert (rounds.planter == -1).all()
    assert (rounds.defuser == -1).all()


def test_each_way_to_end_has_its_state(rounds):
    ct, t = rounds.alive[:, :5].sum(axis=1), rounds.alive[:, 5:].sum(axis=1)
    planted, reason = np.isfinite(rounds.plant_time), rounds.end_reason
    assert set(reason.tolist()) == {ELIMINATED_T, ELIMINATED_CT, DEFUSED, EXPLODED, OUT_OF_TIME}
    assert (t[reason == ELIMINATED_T] == 0).all()
    assert not planted[reason == ELIMINATED_T].any()
    assert (ct[reason == ELIMINATED_CT] == 0).all()
    assert planted[np.isin(reason, (DEFUSED, EXPLODED))].all()
    assert ((ct > 0) | (reason == ELIMINATED_CT)).all()
    assert ((t > 0) | np.isin(reason, (ELIMINATED_T, DEFUSED, EXPLODED))).all()
    assert (rounds.end[reason == OUT_OF_TIME] == rules.ROUND_TIME).all()
    assert not planted[reason == OUT_OF_TIME].any()
    after = rounds.end - rounds.plant_time
    assert after[reason == EXPLODED] == pytest.approx(rules.BOMB_TIME)
    assert (after[reason == DEFUSED] >= rules.DEFUSE_TIME - 1e-9).all()


def test_ct_wins_as_often_as_the_chain_says():
    """Who of a side does what changes nothing: players of equal skill win what the exact solution says."""
    equal = played(setup(20_000))
    truth = exact.solve(MODEL)
    share = np.interp(0.1, truth.edges, truth.before[0, 0, :, exact.state_of(5, 5)])
    assert near(share, CT_WINS[equal.end_reason].sum(), 20_000)


def test_the_bomb_has_its_people_and_its_site(rounds):
    planted = np.isfinite(rounds.plant_time)
    assert ((rounds.planter >= 0) == planted).all()
    assert set(rounds.planter[planted].tolist()) == {5, 6, 7, 8, 9}
    defused = rounds.end_reason == DEFUSED
    assert ((rounds.defuser >= 0) == defused).all()
    assert set(rounds.defuser[defused].tolist()) == {0, 1, 2, 3, 4}
    assert rounds.alive[defused, rounds.defuser[defused]].all()
    died = rounds.survived_until[planted, rounds.planter[planted]]
    assert (died >= rounds.plant_time[planted]).all()
    assert near(0.5, rounds.site.sum(), COUNT)
    assert set(rounds.site.tolist()) == {0, 1}


def test_skill_decides_who_of_a_side_kills_and_who_dies(kills):
    """Of the first kills, when all ten live: a player's share is in proportion to the exponential of skill."""
    first = kills[kills["first"]]
    assert len(first) > 0.9 * COUNT
    for player, effect in (("killer", MODEL.frag_effect), ("victim", -MODEL.survival_effect)):
        weight = np.exp(effect * np.array([1.5, 0, 0, 0, -1.5]))
        found = first[player].mod(5).value_counts(normalize=True).sort_index()
        assert found.to_numpy() == pytest.approx(weight / weight.sum(), abs=4 * 0.4 / np.sqrt(len(first)))


def test_the_more_skilled_side_wins_more_by_the_mean_of_its_living_players():
    one_sided = np.repeat([2.0, 0.0], 5)
    better, worse = played(setup(skill=one_sided)), played(setup(skill=one_sided[::-1]))
    share = CT_WINS[better.end_reason].mean() - CT_WINS[worse.end_reason].mean()
    shifted = [replace(setup(), edge=np.full(COUNT, 0.1 + by)) for by in (0.4, -0.4)]  # 2 × skill_effect
    expected = np.subtract(*(CT_WINS[played(one).end_reason].mean() for one in shifted))
    assert share == pytest.approx(expected, abs=0.03)
    assert share > 0.2


def test_a_kill_takes_a_living_enemy_and_a_round_has_one_first(rounds, kills):
    assert ((kills.killer < 5) == (kills.victim >= 5)).all()
    assert not kills.duplicated(["row", "victim"]).any()
    assert (~rounds.alive).sum() == len(kills)
    assert not rounds.alive[kills.row, kills.victim].any()
    assert (rounds.survived_until[kills.row, kills.victim] == kills.time).all()
    assert np.isinf(rounds.survived_until[rounds.alive]).all()
    assert (rounds.survived_until[kills.row, kills.killer] >= kills.time).all()
    assert (kills["first"] == ~kills.duplicated("row")).all()


def test_a_kill_takes_all_health_and_a_hit_leaves_some(rounds, damages):
    fatal = damages[damages.fatal]
    assert (fatal.health == 0).all()
    assert len(fatal) == (~rounds.alive).sum()
    hits = damages[~damages.fatal]
    assert (hits.health > 0).all()
    unhurt = hits[~damages.duplicated(["row", "victim"])[hits.index]]
    assert (unhurt.amount.min(), unhurt.amount.max()) == (4, 48)
    assert unhurt.amount.mean() == pytest.approx(4 + 45 / 2.5 - 0.5, abs=0.5)
    again = damages.groupby(["row", "victim"]).health.shift(fill_value=100)
    assert (again - damages.amount == damages.health).all()
    assert (rounds.health[rounds.alive] > 0).all()
    assert (rounds.health[~rounds.alive] == 0).all()


def test_armour_takes_a_quarter_of_the_damage_while_it_lasts(damages):
    before = damages.groupby(["row", "victim"]).armor.shift(fill_value=100)
    assert (damages.absorbed == np.minimum(before, damages.amount // 4)).all()
    assert (damages.armor == before - damages.absorbed).all()


def test_hits_that_do_not_kill_are_as_many_as_the_model_says(damages):
    killed = damages.fatal.sum()
    assert (~damages.fatal).sum() / killed == pytest.approx(MODEL.hit_ratio, rel=0.03)


def test_who_did_40_damage_without_the_kill_assists_and_nobody_else(kills, damages):
    dealt = damages.merge(kills[["row", "victim", "killer", "helper"]], on=["row", "victim"])
    dealt = dealt[dealt.attacker != dealt.killer].groupby(["row", "victim", "attacker"]).amount.sum()
    most = dealt.groupby(level=[0, 1]).max().rename("most").reset_index()
    about = kills.merge(most, on=["row", "victim"], how="left").fillna({"most": 0})
    assert ((about.helper >= 0) == (about.most >= 40)).all()
    helped = kills[kills.helper >= 0]
    assert (helped.helper != helped.killer).all()
    amount = dealt.loc[list(zip(helped.row, helped.victim, helped.helper, strict=True))].to_numpy()
    assert (amount == about.most[about.helper >= 0].to_numpy()).all()


def test_a_trade_avenges_a_mate_who_fell_within_five_seconds(rounds, kills):
    pairs = kills.merge(kills, on="row", suffixes=("", "_before"))
    avenged = pairs[(pairs.killer_before == pairs.victim) & (pairs.time - pairs.time_before <= 5)]
    avenged = avenged[avenged.time > avenged.time_before]
    trades = set(zip(avenged.row, avenged.victim, strict=True))
    assert set(zip(*kills.loc[kills.trade, ["row", "victim"]].T.to_numpy(), strict=True)) == trades
    traded = np.zeros((COUNT, 10), dtype=bool)
    traded[avenged.row, avenged.victim_before] = True
    assert (rounds.traded == traded).all()
    assert len(trades) > 100
    late = pairs[(pairs.killer_before == pairs.victim) & (pairs.time - pairs.time_before > 5)]
    assert len(late) > 100


def test_who_killed_assisted_or_was_traded_helped(rounds, kills):
    helped = rounds.traded.copy()
    helped[kills.row, kills.killer] = True
    assisted = kills[kills.helper >= 0]
    helped[assisted.row, assisted.helper] = True
    assert (rounds.helped == helped).all()
    assert not rounds.helped.all()


def test_the_last_of_a_side_has_a_clutch_of_the_enemies_left(rounds, kills):
    alive, clutch = np.ones((COUNT, 10), dtype=bool), np.zeros((COUNT, 10), dtype=int)
    for kill in kills.itertuples():
        alive[kill.row, kill.victim] = False
        side = slice(0, 5) if kill.victim < 5 else slice(5, 10)
        theirs = alive[kill.row].sum() - alive[kill.row, side].sum()
        if alive[kill.row, side].sum() == 1 and theirs:
            clutch[kill.row, side.start + alive[kill.row, side].argmax()] = theirs
    assert (rounds.clutch == clutch).all()


def test_headshots_come_as_often_as_the_player_and_the_weapon_say(kills):
    for weapon, share in (("ak47", 0.5), ("usp_silencer", 0.5), ("awp", 0.125), ("hegrenade", 0), ("inferno", 0)):
        shots = kills.headshot[kills.weapon == WEAPONS.index(weapon)]
        assert len(shots) > 30
        assert near(share, shots.sum(), len(shots)) or shots.sum() == share == 0, weapon
    assert HEADSHOT_FACTOR[[WEAPONS.index(name) for name in ("ak47", "awp", "inferno")]].tolist() == [1, 0.25, 0]


def test_some_kills_go_through_a_wall_and_every_place_and_distance_occurs(kills):
    assert near(0.03, kills.wallbang.sum(), len(kills))
    for name in ("hit_group", "distance"):
        assert kills[name].between(0, 1).all()
        assert kills[name].mean() == pytest.approx(0.5, abs=0.01)


def test_kills_are_mostly_by_the_primary_weapon_sometimes_by_the_pistol_or_a_grenade(damages):
    count = damages.weapon.map(lambda code: WEAPONS[code]).groupby(damages.attacker < 5).value_counts()
    total = count.groupby(level=0).sum()
    for ct, pistol in ((True, "usp_silencer"), (False, "glock")):
        assert near(0.12, count[ct, pistol], total[ct])
        assert near(0.015, count[ct, "hegrenade"], total[ct])
        assert near(0.015, count[ct, "inferno"], total[ct])
        assert near(0.85 / 4, count[ct, "awp"], total[ct])


@pytest.mark.parametrize(
    ("equipment", "ct", "t"),
    [
        (1_450, {"usp_silencer": 2, "p250": 1, "fiveseven": 1}, {"glock": 2, "p250": 1, "tec9": 1}),
        (1_500, {"mp9": 2, "mp7": 1, "famas": 1}, {"mac10": 2, "ump45": 1, "galilar": 1}),
        (3_150, {"mp9": 2, "mp7": 1, "famas": 1}, {"mac10": 2, "ump45": 1, "galilar": 1}),
        (3_200, {"m4a1": 1, "m4a1_silencer": 2, "awp": 1}, {"ak47": 3, "awp": 1}),
    ],
)
def test_the_primary_weapon_is_one_that_the_equipment_can_pay(equipment, ct, t):
    rounds = Rounds(MODEL, chain.Clocks.of(MODEL), setup(1_000, ct=equipment, t=equipment))
    for side, expected in ((rounds.weapon[:, :5], ct), (rounds.weapon[:, 5:], t)):
        codes, counts = np.unique(side, return_counts=True)
        found = {WEAPONS[code]: count for code, count in zip(codes, counts, strict=True)}
        assert found.keys() == expected.keys()
        assert all(near(share / 4, found[name], side.size) for name, share in expected.items())


@pytest.mark.parametrize(("equipment", "thrown"), [(1_950, False), (2_000, True)])
def test_grenades_belong_to_equipment_of_2000(equipment, thrown):
    used = played(setup(400, ct=equipment, t=equipment)).damages.table()["weapon"]
    assert bool(np.isin(used, [WEAPONS.index("hegrenade"), WEAPONS.index("inferno")]).any()) == thrown


def test_kits_halve_the_least_time_on_the_bomb():
    with_kit = played(setup(kit=1))
    after = (with_kit.end - with_kit.plant_time)[with_kit.end_reason == DEFUSED]
    assert (after >= rules.DEFUSE_TIME_WITH_KIT - 1e-9).all()
    assert (after < rules.DEFUSE_TIME).any()


def test_a_seed_makes_the_same_round_in_every_version():
    """Days that a later version adds must follow on from those an earlier one made."""
    rounds = played(replace(setup(2, skill=SKILL[:2]), edge=np.full(2, 0.1)), GameModel())
    assert rounds.end_reason.tolist() == [ELIMINATED_CT, DEFUSED]
    assert rounds.end.tolist() == pytest.approx([48.007, 68.769], abs=0.001)
    assert rounds.plant_time.tolist() == pytest.approx([22.692, 50.343], abs=0.001)
    assert (rounds.site.tolist(), rounds.planter.tolist(), rounds.defuser.tolist()) == ([0, 0], [9, 7], [-1, 1])
    table = rounds.kills.table()
    told = [
        (row, killer, victim, WEAPONS[weapon], round(time, 1), round(group, 2), round(distance, 2))
        for row, killer, victim, weapon, time, group, distance in zip(
            *(table[name].tolist() for name in ("row", "killer", "victim", "weapon", "time", "hit_group", "distance")),
            strict=True,
        )
        if row
    ]
    assert told == [
        (1, 5, 2, "ak47", 8.9, 0.99, 0.65), (1, 1, 9, "m4a1_silencer", 19.5, 0.54, 0.48),
        (1, 3, 8, "usp_silencer", 19.9, 0.68, 0.68), (1, 6, 3, "awp", 23.0, 0.61, 0.71),
        (1, 4, 6, "m4a1_silencer", 23.0, 0.58, 0.69),
        (1, 7, 4, "ak47", 61.1, 0.0, 0.34), (1, 0, 7, "m4a1", 66.4, 0.93, 0.33), (1, 0, 5, "m4a1", 67.6, 0.18, 0.57),
    ]  # fmt: skip
    assert [WEAPONS[code] for code in rounds.weapon[0, :3]] == ["m4a1_silencer", "m4a1_silencer", "awp"]
    assert table["headshot"].tolist() == [
        True, False, False, False, True, False, True, False, True, True, False, True, False, True,
    ]  # fmt: skip
    amounts = rounds.damages.table()["amount"].tolist()
    assert amounts[:12] == [100, 20, 100, 37, 100, 26, 100, 100, 100, 45, 100, 34]
