"""Real matches played as live: from log to history they end at their score and are priced as the offline path does."""

import gzip
import json
import math
import random
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from cs2_pipeline.artifact.cache import Cache
from cs2_pipeline.artifact.catalog import ROUND
from cs2_pipeline.artifact.round_odds import RoundPredictor
from cs2_pipeline.cli.live_matches import recorded_in
from cs2_pipeline.datasets import snapshots
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction.events import event_tables
from cs2_pipeline.demodb.importers.exports import ingest_exports
from cs2_pipeline.live.fold import Fold
from cs2_pipeline.live.history import queries
from cs2_pipeline.live.pricing import prices
from cs2_pipeline.live.sources.demo_database import recorded_matches
from cs2_pipeline.live.verify import verify
from cs2_pipeline_tests.live.conftest import Bench
from cs2_pipeline_tests.live.made import read
from cs2_pipeline_tests.live.sources.test_demo_database import EXACT
from cs2_pipeline_tests.live.test_pricing import ECONOMY, ByEconomy, moments_of

DATA = Path(__file__).parents[2].parent / "shared" / "data"
EVER = date(1970, 1, 1), date(2100, 1, 1)
EXPORTS = sorted((DATA / "cs_demo_analyzer").glob("*.json.gz"))
pytestmark = pytest.mark.skipif(not EXPORTS, reason="real matches are not at hand (../shared/data)")


def played(bench, recorded):
    """A recorded match through log, consumer and history, with repeats and somewhat out of order."""
    events = recorded.begun_at(1_700_000_000.0)
    chance = random.Random(1)
    arrival = [*events, *chance.choices(events, k=50)]
    arrival = [one for _, one in sorted(enumerate(arrival), key=lambda pair: pair[0] + chance.uniform(0, 8))]
    for start in range(0, len(arrival), 200):
        bench.send(arrival[start : start + 200])
        bench.consume()
        if chance.random() < 0.3:
            bench.consumer.close()
            bench.consumer = bench.another()
    for live in bench.consumer._matches.values():
        live.match.recompute("all is there")
    (row,) = bench.history.ask(queries.MATCH, match_id=recorded.match_id)
    return events, json.loads(row["summary"])["maps"][0]


def quick(paths):
    """Two of the matches in every run, all in the slow one."""
    marks = {False: [pytest.mark.slow], True: []}
    return [pytest.param(path, marks=marks[("es" in path.name[:2] and "train" in path.name) or "valve" in path.name],
                         id=path.name.split("_")[0]) for path in paths]  # fmt: skip


@pytest.mark.parametrize("path", quick(EXPORTS))
def test_an_export_ends_at_its_score(path, tmp_path, champions) -> None:
    with gzip.open(path) as file:
        document = json.load(file)
    (recorded,) = recorded_in(path)
    bench = Bench(tmp_path, champions)
    _, of_map = played(bench, recorded)
    score = sorted([document["teamA"]["score"], document["teamB"]["score"]])
    assert sorted([of_map["team_a_score"], of_map["team_b_score"]]) == score
    found = verify(recorded.match_id, bench.history, bench.log)
    assert found.holds and found.prices == len(recorded.events), found


def test_a_folder_of_events_ends_at_its_score(tmp_path, champions) -> None:
    (recorded,) = recorded_in(DATA / "cs2_game_events")
    events, of_map = played(Bench(tmp_path, champions), recorded)
    assert sorted([of_map["team_a_score"], of_map["team_b_score"]]) == [1, 13]
    # It tells nothing of money and equipment: no price pretends to know them.
    moments = [moment for moment in moments_of(events) if moment.state and moment.phase == "round"]
    open_rounds = [moment for moment in moments if moment.state["ct_alive"] and moment.state["t_alive"]]
    assert len(open_rounds) > 100
    for moment, price in zip(open_rounds, prices(open_rounds, ByEconomy(), 0.0), strict=True):
        assert all(moment.state[name] is None for name in ECONOMY)
        assert price.round_high - price.round_low > 0.1


def test_the_curves_loss_is_the_offline_one_on_the_same_moments(tmp_path, champions) -> None:
    database = tmp_path / "demos.sqlite"
    ingest_exports([path for path in EXPORTS if "train" in path.name], database, played_on=date(2025, 1, 1))
    cache = Cache(champions)
    version = cache.current(ROUND.name)
    model = RoundPredictor.ready(version, cache.load(version))
    bench = Bench(tmp_path, champions)
    losses: dict[str, list[float]] = {"live": [], "offline": []}
    with DemoDatabase(f"sqlite:///{database}") as db:
        tables = event_tables(db, *EVER)
        frame = snapshots.rebuild(tables.rounds, tables.participants, tables.kills, tables.damages, tables.bombs).frame
        for recorded in recorded_matches(db, *EVER):
            events, _ = played(bench, recorded)
            for row, state, live in pairs(recorded, events, frame, tables.rounds, bench.prices(recorded.match_id)):
                assert {name: state[name] for name in EXACT} == {name: row[name] for name in EXACT}
                known = {name: None if isinstance(v, float) and math.isnan(v) else v for name, v in row.items()}
                offline = model.one(known)[0]
                won = row["ct_wins"] == 1
                for name, p in (("live", live), ("offline", offline)):
                    losses[name].append(-math.log(max(p if won else 1 - p, 1e-6)))
    assert len(losses["live"]) > 100
    assert np.mean(losses["live"]) == pytest.approx(np.mean(losses["offline"]), abs=1e-4)
    assert np.allclose(losses["live"], losses["offline"], atol=1e-3)


def pairs(recorded, events, frame, rounds, priced):
    """Rows of the training table with the live state and the live price of P(CT) at the same moment."""
    fold, live, at = Fold(recorded.match_id), None, {}
    for event in read(events):
        if event.type in ("round_start", "freeze_time_ended"):
            live = event.ts_event if event.type == "freeze_time_ended" else None
        moment = fold.apply(event)
        p = priced[event.event_id][1]
        if moment.state is not None and p is not None and live is not None:
            ct, t = moment.score if moment.a_side == "CT" else moment.score[::-1]
            at[ct, t, round(event.ts_event - live, 2)] = moment.state, p if moment.a_side == "CT" else 1 - p
    clocks = rounds.set_index("round_id")
    for row in frame[frame["match_id"] == recorded.recorded_id].to_dict("records"):
        passed = clocks.loc[row["round_id"]]["round_time_limit"] - row["time_remaining"]
        found = at.get((row["ct_score"], row["t_score"], round(passed, 2)))
        if found is not None and not row["bomb_planted"]:  # else a moment between two events, or on the bomb's clock
            yield row, *found
