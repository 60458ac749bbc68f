"""The fitted step: its graph, its laws, what it leaves alone, and the artifact with ratings and graph."""

import dataclasses
import json
import time
from datetime import UTC, datetime, timedelta

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import pytest

from cs2_pipeline.artifact.artifact import PROBE_FILE, Artifact, ArtifactError
from cs2_pipeline.evaluation import match_laws
from cs2_pipeline.game.series import BEST_OF, series_odds
from cs2_pipeline.models.match import forecaster
from cs2_pipeline.models.match.contest import Contest, LineUp
from cs2_pipeline.models.match.price import FEATURES, Forecaster, Price, Step, outputs
from cs2_pipeline.models.match.table import contests
from cs2_pipeline.models.onnx_export import INPUT
from cs2_pipeline.models.training import LEFT_OUT_LOSS, TrainingError
from cs2_pipeline.training import match_table
from cs2_pipeline_tests.models.match.played import contests_table


@pytest.fixture(scope="module")
def dataset():
    return match_table.build(contests_table())


@pytest.fixture(scope="module")
def fitted(dataset, tmp_path_factory):
    return forecaster.fit(dataset, seed=0, folder=tmp_path_factory.mktemp("match"), progress=lambda _: None)


def test_the_table_holds_each_match_in_order_with_what_was_expected_before_it(dataset):
    assert dataset["started_at"].is_monotonic_increasing
    assert dataset["part"].drop_duplicates().tolist() == ["train", "validate", "calibrate", "test"]
    assert dataset["latent"].iloc[0] == pytest.approx(0, abs=2)
    assert (dataset["variance"] > 0).all()
    turned = contests_table()
    turned.loc[turned.index[-10:], "first_wins"] = 1 - turned["first_wins"].iloc[-10:]
    other = match_table.build(turned)
    same_days = dataset["started_at"] < dataset["started_at"].iloc[-10]
    assert other.loc[same_days, ["latent", "variance", "elo"]].equals(
        dataset.loc[same_days, ["latent", "variance", "elo"]]
    )


def test_the_graph_gives_what_the_step_gives(fitted):
    rng = np.random.default_rng(0)
    rows = np.column_stack([rng.normal(0, 2, 500), rng.exponential(0.3, 500), rng.choice(BEST_OF, 500)])
    rows = rows.astype(np.float32)
    step = Step(fitted.chosen.params["slope"], fitted.chosen.params["widening"])
    answer = fitted.artifact.predict(rows)
    for name, values in outputs(step, rows).items():
        assert np.allclose(answer[name], values, atol=1e-6)


def test_the_loss_by_matches_played_adds_up_to_that_of_all_matches(fitted):
    for one in fitted.candidates:
        ends, losses = zip(*one.curves[LEFT_OUT_LOSS], strict=True)
        assert ends[-1] == fitted.rows
        assert np.average(losses, weights=np.diff((0, *ends))) == pytest.approx(one.log_loss)


def test_the_served_graph_obeys_the_laws(fitted, dataset):
    features = dataset[list(FEATURES)].to_numpy(dtype=np.float32)
    results = match_laws.check(match_laws.whole(fitted.artifact), features=features)
    assert [law.sentence for law in results if not law.holds] == []


def test_a_graph_that_favours_the_first_side_breaks_the_law(fitted):
    def biased(rows):
        answer = fitted.artifact.predict(rows)
        return answer | {"probability": np.minimum(answer["probability"] + 0.01, 1)}

    broken = [law.name for law in match_laws.check(biased) if not law.holds]
    assert broken[0] == "exchanging the sides gives exactly 1 - p"


def test_an_interval_that_ignores_the_variance_backwards_breaks_the_law(fitted):
    def backwards(rows):
        turned = rows.copy()
        turned[:, 1] = 2 - np.minimum(rows[:, 1], 2)
        return fitted.artifact.predict(turned)

    names = [law.name for law in match_laws.check(backwards) if not law.holds]
    assert "more certain input never widens the interval" in names


@pytest.mark.parametrize("best_of", BEST_OF)
def test_map_and_series_are_one_price(fitted, best_of):
    """The price of a series is the exact odds of its maps at the price of a map."""
    rows = np.array([[0.7, 0.2, 1], [0.7, 0.2, best_of]], dtype=np.float32)
    map_price, series_price = fitted.artifact.predict(rows)["probability"]
    assert series_price == pytest.approx(series_odds(best_of, [float(map_price)] * best_of), abs=1e-6)


def test_nothing_is_fitted_on_the_test_part(dataset, fitted):
    changed = dataset.copy()
    tested = changed["part"] == "test"
    changed.loc[tested, "first_wins"] = 1 - changed.loc[tested, "first_wins"]
    step, stretch = forecaster.steps(changed)
    assert {"slope": step.slope, "widening": step.widening} == fitted.chosen.params
    assert {"slope": stretch} == fitted.baseline.params


def test_the_same_table_gives_the_same_bytes(dataset, fitted, tmp_path):
    forecaster.fit(dataset, seed=0, folder=tmp_path, progress=lambda _: None)
    for name in ("model.onnx", "state.bin"):
        assert (tmp_path / name).read_bytes() == (fitted.folder / name).read_bytes()


def test_a_served_model_answers_from_its_artifact_alone(fitted, dataset):
    served = Forecaster(Artifact.load(fitted.folder))
    day = (dataset["started_at"].iloc[-1] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(days=1) + 1
    asked, _ = contests(dataset.iloc[-1:])
    contest = dataclasses.replace(asked[0], day=day, best_of=3)
    price = served.price(contest)
    assert 0 < price.low < price.probability < price.high < 1
    swapped = served.price(dataclasses.replace(contest, first=contest.second, second=contest.first))
    assert swapped.probability == 1 - price.probability
    assert (swapped.low, swapped.high) == pytest.approx((1 - price.high, 1 - price.low), abs=1e-6)
    assert isinstance(price, Price)


def test_fewer_known_players_make_a_wider_interval(fitted, dataset):
    served = Forecaster(fitted.artifact)
    asked, _ = contests(dataset.iloc[-1:])
    whole, some = asked[0], LineUp(asked[0].first.players[:3])
    wide, narrow = (served.ratings.outlook(one) for one in (dataclasses.replace(whole, first=some), whole))
    assert wide.variance > narrow.variance


def test_an_artifact_whose_ratings_were_changed_is_refused(fitted, tmp_path):
    for file in fitted.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    state = bytearray((tmp_path / "state.bin").read_bytes())
    state[-100] ^= 1
    (tmp_path / "state.bin").write_bytes(bytes(state))
    with pytest.raises(ArtifactError, match=r"state\.bin is not the file"):
        Artifact.load(tmp_path)


def test_teams_without_known_players_are_rated_by_name():
    table = contests_table().assign(first_players="[]", second_players="[]")
    asked, _ = contests(table.iloc[:1])
    assert asked[0].first.players[0] == f"{table['first_name'].iloc[0]} #1"
    assert len(match_table.build(table)) == len(table)


def test_no_matches_before_the_test_part_is_an_error(dataset, tmp_path):
    with pytest.raises(TrainingError, match="extract or ingest more"):
        forecaster.fit(dataset.assign(part="test"), seed=0, folder=tmp_path, progress=lambda _: None)


def test_an_unknown_length_counts_as_a_best_of_three(dataset):
    table = contests_table().assign(best_of=pd.array([None] * len(dataset), dtype="Int64"))
    asked, _ = contests(table)
    assert {contest.best_of for contest in asked} == {3}
    assert Contest(1, asked[0].first, asked[0].second).best_of == 3


def made(latent, outcome, **more):
    """A dataset of matches with these advantages, known for certain, before a test part."""
    size = len(latent)
    frame = pd.DataFrame({"latent": latent, "variance": 0.0, "best_of": 1.0, "elo": latent, "first_wins": outcome})
    return frame.assign(part="train", **more) if size else frame


def test_without_evidence_the_slope_is_1_and_one_surprise_moves_it_a_little():
    step, stretch = forecaster.steps(made([0.0] * 5, [1, 0, 1, 0, 1]))
    assert (step.slope, stretch, step.widening) == pytest.approx((1.0, 1.0, 1.0), abs=1e-3)
    # One match: slope s where 2 / (1 + exp(-2s)) = (1 - s) / 0.2².
    step, stretch = forecaster.steps(made([2.0], [0]))
    assert (step.slope, stretch) == pytest.approx((0.9308, 0.9308), abs=2e-3)


def test_the_first_fifth_teaches_the_ratings_alone(dataset, fitted):
    before = int((dataset["part"] != "test").sum())
    assert fitted.rows == before - int(0.2 * before)
    turned = made([1.0] * 10, [0, 0] + [1] * 8)
    assert forecaster.steps(turned)[0].slope > forecaster.steps(made([1.0] * 10, [1] * 8 + [0, 0]))[0].slope


def test_the_artifact_says_what_it_learned_and_how_sure_its_interval_is(fitted, dataset):
    manifest = fitted.artifact.manifest
    assert manifest["learned"] == len(dataset)
    assert manifest["interval_level"] == 0.9
    assert manifest["slope"] == fitted.chosen.params["slope"]


def test_the_baseline_reads_elo_alone(fitted):
    rows = np.array([[9, 9, 1, 0.5], [-9, 9, 1, 0.5], [0, 0, 1, -100]], dtype=np.float32)
    slope = fitted.baseline.params["slope"]
    even, same, lost = fitted.baseline.predict(rows)
    assert even == same == pytest.approx(1 / (1 + np.exp(-0.5 * slope)))
    assert lost == pytest.approx(1 / (1 + np.exp(9)))


def test_a_state_that_is_none_is_refused_by_the_artifacts_name(fitted):
    for state, told in ((None, "has no state"), (b"PK", "not a readable state")):
        with pytest.raises(ArtifactError, match=f"match_forecaster: .*{told}"):
            Forecaster(dataclasses.replace(fitted.artifact, state=state))


def test_prices_on_several_maps_are_those_of_each_alone(fitted, dataset):
    served = Forecaster(fitted.artifact)
    asked, _ = contests(dataset.iloc[-2:])
    day = max(one.day for one in asked) + 1
    one, other = (dataclasses.replace(contest, day=day, best_of=1) for contest in asked)
    found = served.prices([(one, ["de_nuke", None]), (other, ["de_train"])])
    assert [len(prices) for prices in found] == [2, 1]
    alone = [served.price(dataclasses.replace(one, map_name=name)) for name in ("de_nuke", None)]
    assert found[0] == [tuple(pytest.approx(value, abs=1e-6) for value in price) for price in alone]
    assert found[1][0] == pytest.approx(served.price(dataclasses.replace(other, map_name="de_train")), abs=1e-6)


def test_a_curve_has_twenty_points_or_as_many_as_matches(fitted, dataset, tmp_path):
    assert len(fitted.chosen.curves[LEFT_OUT_LOSS]) == 20
    few = dataset[dataset["part"] != "test"].iloc[:10]
    curve = forecaster.fit(few, seed=0, folder=tmp_path, progress=lambda _: None).chosen.curves[LEFT_OUT_LOSS]
    assert [step for step, _ in curve] == list(range(1, 9))


def test_the_probe_is_the_last_64_matches_and_candidates_say_what_was_fitted(fitted, dataset):
    kept = json.loads((fitted.folder / PROBE_FILE).read_text())["features"]
    np.testing.assert_allclose(kept, dataset[list(FEATURES)].iloc[-64:].to_numpy(np.float32), rtol=1e-6)
    chosen, baseline = fitted.candidates
    assert (chosen.name, baseline.name, fitted.chosen, fitted.baseline) == (
        "ratings", "Elo of players", chosen, baseline,
    )  # fmt: skip
    assert np.isnan([chosen.log_loss_required, baseline.log_loss_required]).all()
    assert (chosen.train_seconds, baseline.train_seconds) == (0.0, 0.0)
    seen = dataset[dataset["part"] != "test"].iloc[-fitted.rows :]
    told = baseline.predict(seen[[*FEATURES, "elo"]].to_numpy(np.float32))
    assert baseline.log_loss == pytest.approx(
        -np.log(np.where(seen["first_wins"] == 1, told, 1 - told)).mean(), abs=1e-5
    )
    told = chosen.predict(seen[[*FEATURES, "elo"]].to_numpy(np.float32))
    assert chosen.log_loss == pytest.approx(-np.log(np.where(seen["first_wins"] == 1, told, 1 - told)).mean(), abs=1e-5)


def test_the_graph_gives_what_the_step_gives_at_every_bend():
    """No advantage and hardly any, a length between two, a variance below nothing, and more than may be said."""
    latents, variances, lengths = (
        (0.0, 0.004, -0.004, 0.7, -3.0, 40.0, -40.0),
        (-0.5, 0.0, 0.4, 30.0),
        (1, 1.9, 2, 3.9, 4, 5),
    )
    rows = np.array([[a, b, c] for a in latents for b in variances for c in lengths], dtype=np.float32)
    step = Step(slope=0.8, widening=1.7)
    session = ort.InferenceSession(forecaster.graph(step), providers=["CPUExecutionProvider"])
    names = ["probability", "low", "high"]
    declared = onnx.load_from_string(forecaster.graph(step)).graph.output
    assert [(output.name, len(output.type.tensor_type.shape.dim)) for output in declared] == [
        (name, 1) for name in names
    ]
    for name, found in zip(names, session.run(names, {INPUT: rows}), strict=True):
        np.testing.assert_allclose(found, outputs(step, rows)[name], atol=1e-6, err_msg=name)


@pytest.mark.parametrize(("won", "slope"), [(0, 0.1), (1, 3.0)])
def test_however_much_evidence_there_is_the_slope_stays_between_a_tenth_and_three(won, slope):
    step, stretch = forecaster.steps(made([0.5] * 5_000, [won] * 5_000))
    assert (step.slope, stretch) == pytest.approx((slope, slope), abs=1e-3)


def test_a_fit_tells_what_it_does_and_how_long_it_took(dataset, tmp_path):
    said, began = [], time.perf_counter()
    few = dataset.iloc[:20].assign(part=["train"] * 15 + ["test"] * 5)
    training = forecaster.fit(few, seed=5, folder=tmp_path / "new", progress=said.append)
    assert said == [
        "fitting the step from ratings to prices on 12 matches", "replaying 20 matches into the state that is served",
    ]  # fmt: skip
    assert 0 < training.train_seconds <= time.perf_counter() - began
    assert (training.rows, training.folder, training.artifact.manifest["seed"]) == (12, tmp_path / "new", 5)
    assert training.chosen.params["widening"] == 1.0


def test_a_curve_is_the_mean_loss_of_each_stretch_by_matches_played(dataset, tmp_path):
    few = dataset.iloc[:30].assign(part="train")
    training = forecaster.fit(few, seed=0, folder=tmp_path, progress=lambda _: None)
    fitted = few.iloc[6:]
    outcome = fitted["first_wins"].to_numpy()
    ends = [2, 4, 6, 8, *range(9, 25)]
    for one in training.candidates:
        told = one.predict(fitted[[*FEATURES, "elo"]].to_numpy(np.float32))
        losses = -np.log(np.where(outcome == 1, told, 1 - told))
        means = [losses[begin:end].mean() for begin, end in zip((0, *ends), ends, strict=False)]
        assert one.curves[LEFT_OUT_LOSS] == [
            (end, pytest.approx(mean, abs=1e-6)) for end, mean in zip(ends, means, strict=True)
        ]
