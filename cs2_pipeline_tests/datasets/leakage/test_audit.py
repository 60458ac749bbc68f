"""The leakage audit: it refuses tables that tell the answer, names why, and lets honest ones pass."""

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.datasets import players, public_snapshots, rounds, snapshots
from cs2_pipeline.datasets.leakage.audit import audit_players, audit_rounds
from cs2_pipeline.datasets.leakage.report import AuditReport
from cs2_pipeline.datasets.schema import DatasetError
from cs2_pipeline.demodb.connection.connect import DemoDatabase
from cs2_pipeline.demodb.extraction import extract
from cs2_pipeline.demodb.simulator import simulate
from cs2_pipeline.game.player import tier_of
from cs2_pipeline_tests.datasets.player_lines import player_lines

PUBLIC = Path(__file__).parents[3].parent / "shared" / "data" / "round_snapshots" / "csgo_round_snapshots.csv.gz"
needs_public_file = pytest.mark.skipif(not PUBLIC.exists(), reason="the public snapshot file is not here")
PLAYERS = players.build(player_lines(players=250, matches=900, seed=2))


def honest_snapshots(seed: int, matches: int = 60) -> pd.DataFrame:
    """Snapshots of rounds in which the side with more living players and better equipment wins more often."""
    random = np.random.default_rng(seed)
    table = []
    for match in range(matches):
        score = [0, 0]
        for number in range(1, 21):
            equipment = random.uniform(1_000, 25_000, 2).round(-1)
            money = random.uniform(0, 9_000, 2)
            edge = (equipment[0] - equipment[1]) / 12_000
            wins = int(random.random() < 1 / (1 + np.exp(-edge)))
            alive = np.array([5, 5])
            for snapshot in range(4):
                if snapshot:
                    alive[int(random.random() < 0.5 + (0.2 if wins else -0.2))] -= 1
                table.append(
                    {
                        "match_id": match, "round_id": match * 100 + number, "round_number": number,
                        "snapshot": snapshot, "moment": "interval", "game": "cs2", "source": "demo",
                        "elapsed": 20.0 * snapshot,
                        "started_at": pd.Timestamp("2024-01-01", tz="UTC") + pd.Timedelta(hours=match),
                        "ct_alive": alive[0], "t_alive": alive[1],
                        "ct_equip_value": equipment[0] * alive[0] / 5, "t_equip_value": equipment[1] * alive[1] / 5,
                        "ct_money": money[0], "t_money": money[1], "bomb_planted": 0,
                        "time_remaining": 115 - 20 * snapshot - random.random(), "ct_score": score[0],
                        "t_score": score[1], "map_name": "de_nuke", "ct_wins": wins,
                    }
                )  # fmt: skip
            score[0 if wins else 1] += 1
            if number == 12:
                score.reverse()
    frame = pd.DataFrame(table)
    for name in ("ct_health", "t_health", "ct_armor", "t_armor", "ct_helmets", "t_helmets", "ct_defuse_kits"):
        frame[name] = np.nan
    return frame


HONEST = rounds.build(honest_snapshots(0)).frame


def failed(report: AuditReport) -> set[str]:
    return {found.check for found in report.findings if found.severity == "fail"}


@pytest.mark.parametrize("seed", range(2))
def test_an_honest_round_dataset_passes(seed: int) -> None:
    report = audit_rounds(rounds.build(honest_snapshots(seed)).frame)
    assert report.failures == []


@pytest.mark.parametrize("seed", range(2))
def test_an_honest_player_dataset_passes(seed: int) -> None:
    report = audit_players(players.build(player_lines(players=250, matches=900, seed=seed)))
    assert report.failures == []


def test_a_feature_that_knows_the_winner_is_named() -> None:
    leaky = HONEST.assign(ct_money=HONEST["ct_wins"] * 3_000.0 + HONEST["ct_money"] / 10)
    report = audit_rounds(leaky)
    assert {"a", "f"} <= failed(report)
    assert any("ct_money" in sentence for sentence in report.failures)


def test_a_table_sorted_by_its_label_is_refused() -> None:
    report = audit_rounds(HONEST.sort_values("ct_wins", kind="stable", ignore_index=True))
    assert failed(report) == {"a"}
    assert "ordered by its outcome" in report.failures[0]


def test_parts_drawn_row_by_row_are_refused() -> None:
    part = np.random.default_rng(0).choice(["train", "test"], len(HONEST), p=[0.7, 0.3])
    assert {"b", "e"} <= failed(audit_rounds(HONEST.assign(part=part)))


def test_first_labels_one_round_late_are_recognised() -> None:
    late = HONEST.copy()
    previous = late.groupby("match_id")["ct_wins"].shift(1)
    first = (late["snapshot"] == 0) & (late["round_number"] > 1)
    late.loc[first, "ct_wins"] = previous[first].astype("int8")
    report = audit_rounds(late)
    assert "c" in failed(report)
    assert any("one round late" in sentence for sentence in report.failures)


def test_labels_of_whole_rounds_one_round_late_are_recognised() -> None:
    """No round carries both labels then: only the score tells."""
    winner = HONEST.drop_duplicates("round_id").set_index("round_id")
    previous = winner.groupby("match_id")["ct_wins"].shift(1)
    late = HONEST.assign(ct_wins=HONEST["round_id"].map(previous)).dropna(subset="ct_wins").astype({"ct_wins": "int8"})
    report = audit_rounds(late)
    within, score = (found for found in report.findings if found.check == "c")
    assert (within.severity, score.severity) == ("pass", "fail")
    assert "a round earlier in 100.0%: labels are one round late" in score.sentence


def test_scores_that_already_hold_the_round_are_recognised() -> None:
    after = HONEST.assign(
        ct_score=HONEST["ct_score"] + HONEST["ct_wins"], t_score=HONEST["t_score"] + 1 - HONEST["ct_wins"]
    )
    assert any("not the side that scored" in sentence for sentence in audit_rounds(after).failures)


def test_a_decided_state_is_refused() -> None:
    decided = HONEST.copy()
    decided.loc[0, "t_alive"] = 0
    assert failed(audit_rounds(decided)) == {"d"}


def test_one_match_under_two_ids_is_found() -> None:
    train_match = HONEST.loc[HONEST["part"] == "train", "match_id"].iloc[0]
    again = HONEST[HONEST["match_id"] == train_match].assign(match_id=9_999, part="test")
    again["round_id"] += 1_000_000
    report = audit_rounds(pd.concat([HONEST, again], ignore_index=True))
    assert failed(report) == {"e"}
    assert "same under two keys" in report.failures[0]


def test_rows_of_the_test_part_that_stand_here_and_there_in_training_are_found() -> None:
    random = np.random.default_rng(0)
    test = HONEST[HONEST["part"] == "test"]
    seen = HONEST.loc[HONEST["part"] == "train", ["match_id", "round_id", "round_number"]].drop_duplicates()

    def with_copies(share: float) -> AuditReport:
        copies = test.sample(frac=share, random_state=1).assign(part="train")
        host = seen.iloc[random.integers(0, len(seen), len(copies))]
        copies[list(host.columns)] = host.to_numpy()
        copies["ct_wins"] = copies["round_id"].map(HONEST.drop_duplicates("round_id").set_index("round_id")["ct_wins"])
        return audit_rounds(pd.concat([HONEST, copies], ignore_index=True))

    report = with_copies(0.1)
    assert "e" in failed(report)
    assert any("10.0% of the test part's rows stand outside it too" in sentence for sentence in report.failures)
    assert not any(found.startswith("(e)") for found in with_copies(0.01).failures)


def test_a_feature_that_no_request_carries_is_refused() -> None:
    report = audit_rounds(HONEST.assign(duration=90.0))
    assert failed(report) == {"g"}
    assert "duration" in report.failures[0]


def test_values_that_a_request_could_not_hold_are_refused() -> None:
    assert failed(audit_rounds(HONEST.assign(ct_money=-1.0))) == {"g"}
    missing = HONEST.copy()
    missing.loc[3, "t_money"] = np.nan
    assert failed(audit_rounds(missing)) == {"g"}


def test_a_table_made_from_rows_of_ended_rounds_is_refused() -> None:
    random = np.random.default_rng(0)
    count = 4_000
    wins = random.integers(0, 2, count)
    survivors = random.integers(1, 5, count)
    by_time = random.random(count) < 0.25
    ended = pd.DataFrame(
        {
            "match_id": np.arange(count) // 20, "round_id": np.arange(count), "round_number": np.arange(count) % 20 + 1,
            "ct_alive": np.where(wins == 1, survivors, np.where(by_time, 1, 0)),
            "t_alive": np.where(wins == 0, survivors, np.where(by_time, 1, 0)),
            "ct_equip_value": random.uniform(0, 20_000, count), "t_equip_value": random.uniform(0, 20_000, count),
            "ct_score": np.arange(count) % 20 // 2 + wins, "t_score": np.arange(count) % 20 // 2 + 1 - wins,
            "bomb_planted": random.integers(0, 2, count), "duration": random.uniform(30, 130, count),
            "time_remaining": random.uniform(1, 100, count), "ct_wins": wins,
            "part": np.where(np.arange(count) < 2_800, "train", "test"),
        }
    )  # fmt: skip
    assert {"a", "d", "f", "g"} <= failed(audit_rounds(ended))


def test_a_tier_cut_from_the_k_d_among_the_features_is_refused() -> None:
    leaky = PLAYERS.assign(tier=PLAYERS["kd_ratio"].map(tier_of), later_kd=PLAYERS["kd_ratio"])
    report = audit_players(leaky)
    assert failed(report) == {"a", "f"}
    assert any("cut from the features" in sentence for sentence in report.failures)


def test_careers_labelled_with_their_own_tier_are_refused() -> None:
    careers = players.careers(player_lines(players=800, matches=1200, seed=0))
    report = audit_players(careers.assign(tier=careers["kd_ratio"].map(tier_of)))
    assert {"a", "e", "f"} <= failed(report)


def test_label_and_features_from_the_same_matches_are_refused() -> None:
    assert failed(audit_players(PLAYERS.assign(later_start=PLAYERS["window_end"]))) == {"c"}


@pytest.mark.parametrize(("late", "refused"), [("0s", {"c"}), ("-1s", set())])
def test_a_label_to_learn_from_that_was_known_no_earlier_than_one_tested_on_is_refused(late, refused) -> None:
    tested = PLAYERS["part"] == "test"
    known = PLAYERS.loc[tested, "later_end"].min() + pd.Timedelta(late)
    newest = PLAYERS.loc[~tested, "later_end"].idxmax()
    one_late = PLAYERS.copy()
    one_late.loc[newest, "later_end"] = known
    assert failed(audit_players(one_late)) == refused


def test_a_player_in_two_parts_is_refused() -> None:
    moved = PLAYERS.copy()
    row = moved.index[moved["part"] == "train"][0]
    moved.loc[row, "part"] = "validate"
    assert failed(audit_players(moved)) == {"e"}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit") / "demos.sqlite"
    simulate(path, matches=250, seed=3, first_day=date(2024, 1, 1), teams=24)
    return path


def test_the_platforms_own_tables_pass_and_its_ended_rounds_do_not(database: Path) -> None:
    days = date(2024, 1, 1), date(2024, 12, 31)
    with DemoDatabase(f"sqlite:///{database}") as db:
        events = extract.event_tables(db, *days)
        ended, lines = extract.rounds(db, *days).frame, extract.player_match_stats(db, *days).frame
    rebuilt = snapshots.rebuild(events.rounds, events.participants, events.kills, events.damages, events.bombs)
    assert audit_rounds(rounds.build(rebuilt.frame).frame).failures == []
    assert audit_players(players.build(lines)).failures == []
    assert {"a", "c", "f", "g"} <= failed(audit_rounds(ended))


@needs_public_file
def test_the_public_file_as_shipped_is_refused_for_its_late_labels() -> None:
    shipped = pd.read_csv(PUBLIC).rename(
        columns={"ct_players_alive": "ct_alive", "t_players_alive": "t_alive", "map": "map_name",
                 "time_left": "time_remaining"}
    )  # fmt: skip
    shipped["ct_wins"] = (shipped.pop("round_winner") == "CT").astype(int)
    report = audit_rounds(shipped)
    assert {"b", "c", "d", "e", "g"} <= failed(report)
    late = next(found for found in report.findings if found.title == "one label a round")
    assert late.numbers["first label equals the previous winner"] > 0.999
    assert late.numbers["last label equals the previous winner"] < 0.7


@needs_public_file
def test_the_public_file_with_repaired_labels_passes() -> None:
    frame, _ = public_snapshots.read(PUBLIC)
    report = audit_rounds(rounds.build(frame).frame)
    assert report.failures == []


def test_the_report_reads_as_markdown_and_as_a_table() -> None:
    report = audit_rounds(HONEST)
    assert report.passed
    assert "Leakage audit of `round_dataset`: passed." in report.to_markdown()
    table = report.to_frame()
    assert set(table["check"]) == set("abcdefg")
    assert {"title", "severity", "sentence", "number", "value"} <= set(table.columns)


def test_the_same_table_gives_the_same_report() -> None:
    assert audit_rounds(HONEST) == audit_rounds(HONEST)


def test_a_table_without_rows_or_label_is_refused_with_its_name() -> None:
    with pytest.raises(DatasetError, match="round_dataset has no rows"):
        audit_rounds(HONEST.head(0))
    with pytest.raises(DatasetError, match="ct_wins"):
        audit_rounds(HONEST.drop(columns="ct_wins"))
