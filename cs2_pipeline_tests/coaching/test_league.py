"""Everybody's card at once, and trials looked at over the same observations."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.coaching.estimates import by_player, known
from cs2_pipeline.coaching.estimates import peers as distribution
from cs2_pipeline.coaching.findings import weaknesses
from cs2_pipeline.coaching.league import FEW_PEERS, NOT_RECORDED, Trial, league, look
from cs2_pipeline.coaching.observed import OBSERVATIONS
from cs2_pipeline.coaching.simulation import observe
from cs2_pipeline.coaching.skills import CoachingError
from cs2_pipeline.coaching.trials import Answer
from cs2_pipeline_tests.coaching import league as made
from cs2_pipeline_tests.coaching.league import POPULATIONS, SKILLS

START = pd.Timestamp("2026-01-01", tz="UTC")


@pytest.fixture(scope="module")
def found():
    return league(made.league(1)[0], SKILLS, reference="aim")


def test_everybody_has_a_card_of_every_skill_and_its_document_tells_the_same(found):
    assert len(found.cards) == 150
    for card in found.cards.values():
        document = card.document()
        assert [line["skill"] for line in document["lines"]] == [skill.name for skill in SKILLS]
        assert [one.skill for one in weaknesses(document)] == [line.skill.name for line in card.weaknesses]
        for line in document["lines"]:
            assert line["interval"][0] <= line["percentile"] <= line["interval"][1]


def test_three_matches_name_no_weakness():
    rows, _ = made.league(1)
    rows = rows[rows["match"].str.split("-").str[1].astype(int) < 3]
    cards = league(rows, SKILLS).cards.values()
    named = sum(len(card.weaknesses) for card in cards)
    assert named <= 0.1 * len(cards)
    assert {line.standing for card in cards for line in card.lines} >= {"unknown"}


def test_a_skill_that_no_match_records_is_missing_with_the_reason(found):
    rows, _ = made.league(1)
    player = rows["player"].iloc[0]
    without = rows[~((rows["player"] == player) & (rows["skill"] == "utility"))]
    assert league(without, SKILLS).cards[player].missing == {"utility": NOT_RECORDED}


def test_few_peers_are_no_group_and_that_is_said():
    rows, _ = made.league(1)
    few = rows[rows["player"].isin(rows["player"].unique()[:5])]
    card = next(iter(league(few, SKILLS).cards.values()))
    assert card.lines == ()
    assert set(card.missing.values()) == {FEW_PEERS}


@pytest.fixture(scope="module")
def ranked():
    """120 players of threes, 60 of doubles; of those of threes 60 are of one rank, 10 of another, 50 of none."""
    rows, _ = observe(SKILLS, POPULATIONS, (8,) * 180, seed=4)
    number = rows["player"].str.removeprefix("player").astype(int)
    names = ["3v3 / ranked / diamond"] * 60 + ["3v3 / ranked / gold"] * 10 + ["3v3 / ranked"] * 50 + ["2v2 / x"] * 60
    return rows.assign(group=number.map(dict(enumerate(names))))


def test_peers_are_those_of_the_rank_where_they_are_enough_and_else_of_the_next_wider_group(ranked):
    found = league(ranked, SKILLS)
    for player, group, peers in (
        ("player0005", "3v3 / ranked / diamond", 60),
        ("player0065", "3v3 / ranked", 120),
        ("player0090", "3v3 / ranked", 120),
        ("player0150", "2v2 / x", 60),
    ):
        card = found.cards[player]
        assert (card.group, card.lines[0].peers.players) == (group, peers)


def test_who_plays_threes_is_never_compared_with_doubles(ranked):
    number = ranked["player"].str.removeprefix("player").astype(int)
    card = league(ranked[(number < 10) | (number >= 120)], SKILLS).cards["player0003"]
    assert (card.group, card.lines, set(card.missing.values())) == ("3v3", (), {FEW_PEERS})


def test_only_matches_of_the_usual_team_size_are_on_a_card(ranked):
    last = ranked["at"].max() + pd.Timedelta(days=1)
    once = (
        ranked[ranked["player"] == "player0005"]
        .drop_duplicates("skill")
        .assign(match="a game of doubles", at=last, group="2v2 / x", total=1e6)
    )
    plain, with_it = (league(rows, SKILLS).cards["player0005"] for rows in (ranked, pd.concat([ranked, once])))
    assert with_it.document() == plain.document()


def test_a_trial_is_looked_at_among_the_same_peers(ranked):
    since = ranked["at"].quantile(0.5)
    (seen,) = look(ranked, SKILLS, [Trial("player0065", SKILLS[0], since)])
    everybody = ranked.assign(group="all")
    threes = everybody[everybody["player"].str.removeprefix("player").astype(int) < 120]
    (wanted,) = look(threes, SKILLS, [Trial("player0065", SKILLS[0], since)])
    assert seen == wanted


def test_players_who_changed_groups_stand_in_the_latest_one():
    rows, _ = made.league(1)
    players = rows["player"].unique()[-25:]
    late = rows["player"].isin(players) & (rows["at"] == rows.groupby("player")["at"].transform("max"))
    cards = league(rows.assign(group=rows["group"].where(~late, "pro")), SKILLS).cards
    assert {cards[player].group for player in players} == {"pro"}


def test_broken_observations_are_refused():
    rows, _ = made.league(1)
    with pytest.raises(CoachingError, match="stands twice"):
        league(pd.concat([rows, rows.head(1)]), SKILLS)
    with pytest.raises(CoachingError, match=r"aim of player .* is nan"):
        league(rows.assign(total=rows["total"].where(rows.index != 0)), SKILLS)
    with pytest.raises(CoachingError, match="lack the columns exposure"):
        league(rows.drop(columns="exposure"), SKILLS)


def test_a_gain_is_found_beyond_what_all_peers_gained_and_no_gain_is_not():
    skill = replace(SKILLS[0])
    matches = [160] * 60
    rows, _ = observe([skill], POPULATIONS, matches, seed=3, drift=1.0, gains={(0, "aim"): (80, 2.5)})
    since = (START + pd.Timedelta(days=80)).to_pydatetime()
    wanted = [Trial(f"player{number:04d}", skill, since) for number in range(25)]
    answers = [one.answer for one in look(rows, [skill], wanted)]
    assert answers[0] is Answer.HELPED
    assert answers[1:].count(Answer.HELPED) <= 2


def test_who_was_not_seen_before_the_plan_has_no_trial():
    rows, _ = made.league(1)
    player = rows["player"].iloc[-1]
    assert look(rows, SKILLS, [Trial(player, SKILLS[0], START.to_pydatetime())]) == [None]
    assert look(rows, SKILLS, [Trial("nobody", SKILLS[0], START.to_pydatetime())]) == [None]


def test_a_rank_is_a_group_and_who_has_few_of_it_is_compared_with_everybody():
    rows, _ = observe(SKILLS[:2], POPULATIONS, [12] * 75, seed=4, tiers=3)
    few = rows["player"].isin(["player0000", "player0003"])
    cards = league(rows.assign(group=rows["group"].where(~few, "Premier 30000 to 34999")), SKILLS[:2]).cards
    assert cards["player0001"].group == "tier 1"
    assert {line.peers.players for line in cards["player0001"].lines} == {25}
    assert cards["player0000"].group == "all"
    assert {line.peers.players for line in cards["player0000"].lines} == {75}


def test_pooling_by_map_side_and_tier_keeps_its_promises_where_all_three_matter():
    matches = tuple(5 + 7 * (number % 12) for number in range(90))
    rows, truth = observe(SKILLS[:2], POPULATIONS, matches, seed=5, maps=5, tiers=3)
    held, false = [], 0
    for card in league(rows, SKILLS[:2]).cards.values():
        number = int(card.player.removeprefix("player"))
        for line in card.lines:
            name, own = line.skill.name, truth[line.skill.name][number]
            low, high = line.known.interval()
            held.append(low <= own <= high)
            median = POPULATIONS[name].mean + POPULATIONS[name].spread * (number % 3)
            false += line in card.weaknesses and own >= median
    assert np.mean(held) >= 0.84
    assert false <= 0.1 * len(matches)


def test_why_nobody_was_seen_in_a_skill_is_told_where_it_is_known():
    rows, _ = made.league(1)
    without = rows[rows["skill"] != "utility"]
    assert league(without, SKILLS, unseen={"utility": "no champion"}).cards["player0000"].missing == {
        "utility": "no champion"
    }


def test_what_a_skill_is_worth_is_how_the_reference_goes_with_it_over_players():
    rows, _ = made.league(1)
    aim = rows[rows["skill"] == "aim"]
    trades = aim.assign(skill="trades", total=2 * aim["total"] + 3 * aim["exposure"])
    alike = aim.assign(skill="luck", total=aim["exposure"])
    cards = league(pd.concat([aim, trades, alike]), SKILLS, reference="aim").cards.values()
    worths = [(line.peers.mean - line.known.mean, line.worth, line.skill.name) for card in cards for line in card.lines]
    assert len(worths) == 450
    for gap, worth, name in worths:
        if name == "luck":
            assert worth is None, "what is the same in all goes with nothing"
        else:
            assert worth == pytest.approx(max(0.0, gap * {"aim": 1.0, "trades": 0.5}[name]), abs=1e-9)
    without = league(pd.concat([aim, trades]), SKILLS).cards.values()
    assert {line.worth for card in without for line in card.lines} == {None}


def test_worth_needs_twenty_players_seen_in_both():
    rows, _ = made.league(1)
    players = rows["player"].unique()
    trades = rows["skill"] == "trades"
    for count, told in ((20, True), (19, False)):
        seen = rows[rows["skill"].eq("aim") | (trades & rows["player"].isin(players[:count]))]
        seen = pd.concat([seen, rows[trades & rows["player"].isin(players[count:40])].assign(player="somebody else")])
        seen = seen.drop_duplicates(["player", "match", "skill"])
        lines = [line for card in league(seen, SKILLS, reference="aim").cards.values() for line in card.lines]
        worths = {line.worth is not None for line in lines if line.skill.name == "trades"}
        assert worths == {told}, count


def drifting(pairs, *, peers_gain=0.1, own_gain=0.3):
    """Players of ten matches before and ten since a plan, of whom so many peers were seen on both sides of it."""
    rows = []
    for player in range(30):
        gain = own_gain if player == 0 else peers_gain
        for match in range(20):
            if match >= 10 and player > pairs:
                continue
            value = 0.5 + 0.02 * player + gain * (match >= 10) + 0.05 * (match % 2)
            rows.append((f"p{player:02}", f"{player}-{match}", START + pd.Timedelta(days=match), "all", "", "aim",
                         22 * value, 22.0))  # fmt: skip
    return pd.DataFrame(rows, columns=list(OBSERVATIONS))


@pytest.mark.parametrize(("pairs", "drift"), [(20, 0.1), (19, 0.0), (0, 0.0)])
def test_the_peers_change_is_taken_off_where_twenty_were_seen_before_and_since(pairs, drift):
    since = (START + pd.Timedelta(days=10)).to_pydatetime()
    (found,) = look(drifting(pairs), SKILLS[:1], [Trial("p00", SKILLS[0], since)])
    assert found.matches == 10
    before = drifting(pairs).query("at < @since")
    group = distribution(before, skill="aim", group="all")
    own = known(by_player(before).loc["p00"], group)
    assert found.effect == pytest.approx(0.825 - own.mean - drift)
    unknown = 0.0 if drift else group.spread**2 / 20
    assert found.error**2 == pytest.approx(own.error**2 + group.noise / 220 + unknown)


def test_what_all_peers_gained_alike_is_known_exactly_however_much_it_is():
    since = (START + pd.Timedelta(days=10)).to_pydatetime()
    errors = [
        look(drifting(20, peers_gain=gain, own_gain=gain), SKILLS[:1], [Trial("p00", SKILLS[0], since)])[0].error
        for gain in (0.0, 0.1, 0.3)
    ]
    assert errors == pytest.approx([errors[0]] * 3, rel=1e-9)


def test_the_peers_change_is_their_mean_by_exposure_with_its_error():
    since = (START + pd.Timedelta(days=10)).to_pydatetime()
    rows = drifting(29)
    number = rows["player"].str[1:].astype(int)
    late = rows["at"] >= since
    weight = np.where(late, np.where(number % 2 == 0, 1.0, 3.0), np.where(number % 3 == 0, 4.0, 1.0))
    value = rows["total"] / rows["exposure"] + 0.01 * number * late
    rows = rows.assign(exposure=22 * weight, total=value * 22 * weight)
    (found,) = look(rows, SKILLS[:1], [Trial("p00", SKILLS[0], since)])
    player = np.arange(1, 30)
    seen = 1 / (1 / np.where(player % 3 == 0, 4.0, 1.0) + 1 / np.where(player % 2 == 0, 1.0, 3.0))
    changes = 0.1 + 0.01 * player
    drift = np.average(changes, weights=seen)
    error = np.linalg.norm(seen * (changes - drift)) / seen.sum()
    before = rows[~late]
    group = distribution(before, skill="aim", group="all")
    own = known(by_player(before).loc["p00"], group)
    assert found.effect == pytest.approx(0.825 - own.mean - drift)
    assert found.error**2 == pytest.approx(own.error**2 + group.noise / 220 + error**2)


def test_the_peers_change_is_known_also_where_chance_plays_no_part():
    since = (START + pd.Timedelta(days=10)).to_pydatetime()
    rows = drifting(29)
    late = rows["at"] >= since
    value = 0.5 + 0.02 * rows["player"].str[1:].astype(int) + 0.1 * late
    (found,) = look(rows.assign(total=22 * value), SKILLS[:1], [Trial("p00", SKILLS[0], since)])
    assert (found.effect, found.error) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_a_trial_needs_twenty_peers_who_were_seen_before_it():
    since = (START + pd.Timedelta(days=10)).to_pydatetime()
    rows = drifting(29)
    number = rows["player"].str[1:].astype(int)
    for count, told in ((20, True), (19, False)):
        seen = rows[(number < count) | (rows["at"] >= since)]
        (found,) = look(seen, SKILLS[:1], [Trial("p00", SKILLS[0], since)])
        assert (found is not None) is told, count


def test_trials_are_looked_at_in_their_order_each_with_its_own_skill_and_answer():
    rows, _ = made.league(1)
    rows = rows[rows["skill"].isin(["aim", "deaths"]) & rows["player"].isin(rows["player"].unique()[:30])]
    since = (START + pd.Timedelta(days=20)).to_pydatetime()
    wanted = [
        Trial("player0011", SKILLS[0], since), Trial("nobody", SKILLS[0], since), Trial("player0011", SKILLS[2], since),
        Trial("player0011", SKILLS[0], since, Answer.HELPED),
    ]  # fmt: skip
    first, nobody, deaths, helped = look(rows, SKILLS, wanted)
    assert nobody is None and first.effect != deaths.effect
    assert (first.effect, first.matches) == (helped.effect, helped.matches)
    assert first.answer is not Answer.HELPED and helped.answer is Answer.HELPED


@pytest.mark.parametrize(("count", "group"), [(20, "gold"), (19, "all")])
def test_a_group_of_twenty_is_one_and_of_nineteen_gives_way_to_everybody(count, group):
    rows, _ = made.league(1)
    rows = rows[rows["skill"] == "aim"]
    players = rows["player"].unique()[:45]
    rows = rows[rows["player"].isin(players)]
    few = rows["player"].isin(players[:count])
    card = league(rows.assign(group=rows["group"].where(~few, "gold")), SKILLS[:1]).cards["player0000"]
    assert (card.group, card.lines[0].peers.players) == (group, 20 if group == "gold" else 45)
    assert card.lines[0].peers.group == group and card.matches == 5


def test_worth_counts_players_by_how_much_was_seen_of_them():
    rows, _ = made.league(1)
    rows = rows[rows["skill"].isin(["aim", "trades"])]
    own, target = (by_player(rows[rows["skill"] == name]) for name in ("trades", "aim"))
    slope = np.polyfit(own["mean"], target["mean"], 1, w=own["exposure"] ** 0.5)[0]
    told = league(rows, SKILLS[:2], reference="aim").cards.values()
    lines = [line for card in told for line in card.lines if line.skill.name == "trades"]
    for line in lines:
        assert line.worth == pytest.approx(max(0.0, (line.peers.mean - line.known.mean) * slope))
    assert any(line.worth > 0 for line in lines)
