"""The window of days that the round model learns from."""

from datetime import UTC, date, datetime

import pandas as pd
import pytest

from cs2_pipeline.defs.training_window import newest_days
from cs2_pipeline.demodb.simulator import append_days

NOON = pd.DataFrame({"started_at": pd.to_datetime([f"2026-01-0{day} 12:00" for day in range(1, 6)], utc=True)})


@pytest.mark.parametrize(("days", "first"), [(None, 1), (1, 4), (3, 2), (9, 1)])
def test_the_days_up_to_the_newest_one_seen_and_all_later_ones_remain(days, first):
    kept = newest_days(NOON, days, datetime(2026, 1, 4, 6, tzinfo=UTC))
    assert kept["started_at"].dt.day.tolist() == list(range(first, 6))


def test_a_dataset_under_a_window_forgets_the_days_before_it(extracted):
    newest = date(2026, 1, 5), date(2026, 1, 6)
    append_days(extracted.database, first_day=newest[0], days=2, matches=12, teams=4)
    assert extracted.extract(*newest).success
    extracted.settings = extracted.settings.model_copy(update={"training_days": 2})
    extracted.run("train_round")
    learnt = extracted.platform.tables.read("round_dataset")["started_at"].dt.date
    assert sorted(learnt.unique()) == list(newest)
