"""The coach's assets on a real small demo database: observations by day, cards and trials in the records."""

from contextlib import closing
from datetime import UTC, datetime

from cs2_pipeline.coaching.counterstrike.skills import GAME, SKILLS
from cs2_pipeline.defs.assets.coaching import OBSERVATIONS
from cs2_pipeline.defs.jobs import COACH
from cs2_pipeline.defs.verdicts import State
from cs2_pipeline.records import coaching
from cs2_pipeline.records.database import open_records
from cs2_pipeline_tests.defs.conftest import DAYS


def test_cards_reach_the_records_and_a_followed_plan_is_looked_at(extracted):
    tables = extracted.platform.tables
    assert tables.partitions(OBSERVATIONS) == DAYS
    rows = tables.read(OBSERVATIONS)
    assert set(rows["skill"]) <= {skill.name for skill in SKILLS}
    player = rows["player"].iloc[0]
    since = datetime(2026, 1, 3, tzinfo=UTC)
    with closing(open_records(extracted.settings)) as records:
        plan = coaching.begin_plan(records, GAME, player, {"items": [{"drill": {"skill": "survival"}}]}, at=since)
        assert extracted.run(COACH).success
        card = coaching.card(records, GAME, player)
        assert card["player"] == player
        assert card["matches"] == rows.loc[rows["player"] == player, "match"].nunique()
        assert [line["skill"] for line in card["lines"]] + list(card["missing"])
        (kept,) = coaching.plans(records, GAME, player)
        assert kept.id == plan
        assert set(kept.progress) <= {"survival"}


def test_a_broken_day_is_put_in_quarantine_and_no_card_is_made_of_it(extracted):
    assert all(extracted.verdicts.of(OBSERVATIONS, day).state is State.PASSED for day in DAYS)
    tables = extracted.platform.tables
    for day in DAYS:
        extracted.verdicts.withdraw(OBSERVATIONS, day)
    assert not extracted.run(COACH).success
    assert tables.partitions(OBSERVATIONS) == DAYS
