from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from cs2_pipeline.artifact import catalog
from cs2_pipeline.artifact.spec import Requirements
from cs2_pipeline.datasets.leakage.audit import audit_rounds
from cs2_pipeline.evaluation import evidence as gathered
from cs2_pipeline.evaluation import promotion
from cs2_pipeline.evaluation.domain import state_features, states_of
from cs2_pipeline.evaluation.evidence import Evidence, Rival
from cs2_pipeline.game.features import PLAYER_FEATURES, ROUND_FEATURES
from cs2_pipeline.game.maps import map_index
from cs2_pipeline.stats.intervals import Interval
from cs2_pipeline_tests.evaluation.play import fair_price, whole_rounds

PLAYER_REQUIREMENTS, ROUND_REQUIREMENTS = catalog.PLAYER.requirements, catalog.ROUND.requirements
NAN = float("nan")


def decide(evidence, requirements=ROUND_REQUIREMENTS):
    return promotion.decide(evidence, requirements)


def odds(price):
    return np.log(price / (1 - price))


def bent(price, *, slope=1.0, shift=0.0):
    return 1 / (1 + np.exp(-(slope * odds(price) + shift)))


def crude(features):
    """A baseline that obeys the laws but looks at half of what it could."""
    return bent(fair_price(features), slope=0.5)


@pytest.fixture(scope="module")
def test_part():
    return whole_rounds(7, matches=120)


def judged(test_part, predict, *, champion=None, audit=()):
    rival = Rival("3", champion) if champion else None
    evidence = gathered.of_round_model(
        test_part, predict, Rival("logistic regression", crude), model="round_predictor", audit=audit, champion=rival
    )
    return decide(evidence)


def test_a_champion_is_compared_only_on_matches_it_did_not_learn_from(test_part):
    known = (test_part["match_id"] <= test_part["match_id"].median()).to_numpy()
    learned_by_heart = iter((test_part["ct_wins"].to_numpy() * 0.9 + 0.05) * known + 0.5 * ~known for _ in range(9))

    def against(unseen):
        rival = Rival("3", lambda features: next(learned_by_heart)[: len(features)], unseen)
        base = Rival("logistic regression", crude)
        found = gathered.of_round_model(test_part, crude, base, model="round_predictor", audit=[], champion=rival)
        return found.against_champion

    assert against(None).value > 0
    assert against(~known).high < 0
    assert np.isnan(against(np.zeros(len(test_part), dtype=bool)).value)


def unmet(decision):
    return [condition.name for condition in decision.conditions if not condition.met]


def test_a_model_that_is_true_and_better_than_the_baseline_becomes_the_first_champion(test_part):
    decision = judged(test_part, fair_price)
    assert decision.promote, decision.reasons
    assert len(decision.reasons) == 1
    assert "better, and surely so" in decision.reasons[0]
    assert "# round_predictor: promoted" in decision.report
    assert "There was no champion to compare with." in decision.report


def test_a_candidate_with_an_input_that_never_varied_in_training_is_refused(test_part):
    evidence = gathered.of_round_model(
        test_part, fair_price, Rival("logistic regression", crude), model="round_predictor", audit=(), champion=None
    )
    decision = decide(replace(evidence, constant_inputs={"ct_helmets": 0.0, "ct_armor": float("nan")}))
    assert unmet(decision) == ["inputs that vary"]
    assert "ct_helmets (always 0), ct_armor (never known)" in decision.reasons[0]


def test_a_better_candidate_replaces_the_champion(test_part):
    decision = judged(test_part, fair_price, champion=crude)
    assert decision.promote, decision.reasons
    assert decision.numbers["against_champion_high"] < 0


def test_a_worse_candidate_is_refused(test_part):
    def worse(features):
        return bent(fair_price(features), shift=np.random.default_rng(0).normal(size=len(features)))

    decision = judged(test_part, worse, champion=fair_price)
    assert not decision.promote
    assert {"better than the champion", "no harm against the champion"} <= set(unmet(decision))
    assert any(reason.startswith("No improvement over the champion (version 3)") for reason in decision.reasons)


def test_a_candidate_that_does_not_beat_the_baseline_is_refused(test_part):
    decision = judged(test_part, lambda features: bent(fair_price(features), slope=0.4))
    assert "better than logistic regression" in unmet(decision)
    assert any("it does not beat the baseline" in reason for reason in decision.reasons)


def test_a_leaky_candidate_is_refused_however_good_its_figures(test_part):
    knows = test_part.assign(ct_money=test_part["ct_wins"] * 5_000.0)
    found = audit_rounds(knows).failures
    decision = judged(test_part, fair_price, audit=found)
    assert unmet(decision) == ["leakage audit"]
    assert decision.reasons == (f"The leakage audit failed: {' '.join(found)}",)
    assert "ct_money tell more than the best published model" in decision.reasons[0]


def test_a_miscalibrated_candidate_is_refused_however_well_it_ranks(test_part):
    decision = judged(test_part, lambda features: bent(fair_price(features), shift=0.5))
    assert {"calibration", "slices"} <= set(unmet(decision))
    reason = next(reason for reason in decision.reasons if "calibration error" in reason)
    assert "above 0.02" in reason
    assert "A perfectly calibrated model would show 0.0" in reason


def test_a_candidate_that_is_wrong_on_one_map_is_refused_by_that_slice(test_part):
    column = ROUND_FEATURES.index("map_index")

    def one_map_wrong(features):
        return bent(fair_price(features), shift=np.where(features[:, column] == map_index("de_nuke"), 0.35, -0.35))

    decision = judged(test_part, one_map_wrong)
    assert "slices" in unmet(decision)
    reason = next(reason for reason in decision.reasons if "lies wholly outside ±0.02" in reason)
    assert "map = de_nuke: +0.0" in reason
    assert "map = de_mirage: -0.0" in reason


@pytest.fixture(scope="module")
def with_last_seconds(test_part):
    """The test part, and 1,440 moments with the bomb down and at most 5 s left whose true price is `fair_price`."""
    bombs = whole_rounds(8, matches=60).drop_duplicates("round_id")
    random = np.random.default_rng(0)
    bombs = bombs.assign(
        match_id=bombs["match_id"] + test_part["match_id"].max() + 1,
        round_id=bombs["round_id"] + test_part["round_id"].max() + 1,
        bomb_planted=1.0,
        time_remaining=random.uniform(0, 5, len(bombs)),
    )
    bombs["ct_wins"] = (random.random(len(bombs)) < fair_price(state_features(states_of(bombs)))).astype(np.int8)
    return pd.concat([test_part, bombs], ignore_index=True)


def falls_too_slowly(features):
    """True but for the last 5 s with the bomb down: CT's chance falls lawfully to 0, only at a fifth of the pace."""
    column = ROUND_FEATURES.index("bomb_time")
    last = (features[:, ROUND_FEATURES.index("bomb_planted")] == 1) & (features[:, column] < 5)
    earlier = features.copy()
    earlier[last, column] = 5
    slow = np.maximum(fair_price(earlier) * (features[:, column] / 5) ** 6, 1e-4)
    return np.where(last, slow, fair_price(features))


def test_a_candidate_that_misprices_the_bombs_last_seconds_is_refused_by_their_slices(with_last_seconds):
    decision = judged(with_last_seconds, falls_too_slowly)
    assert unmet(decision) == ["slices"]
    assert "seconds left, bomb down = 2 to 5: +0.0" in decision.reasons[0]


def test_a_candidate_that_prices_the_bombs_last_seconds_truly_is_promoted(with_last_seconds):
    decision = judged(with_last_seconds, fair_price)
    assert decision.promote, decision.reasons


def test_a_law_breaking_candidate_is_refused_with_the_law(test_part):
    column = ROUND_FEATURES.index("ct_alive")

    def five_is_worse(features):
        never_seen = features[:, ROUND_FEATURES.index("ct_money")] > 20_000
        return np.where((features[:, column] == 5) & never_seen, fair_price(features) * 0.5, fair_price(features))

    decision = judged(test_part, five_is_worse)
    assert unmet(decision) == ["laws of the game"]
    assert "One more living CT never lowers P(CT)" in decision.reasons[0]


def test_training_again_on_the_same_data_is_no_improvement(test_part):
    decision = judged(test_part, fair_price, champion=fair_price)
    assert unmet(decision) == ["better than the champion"]
    assert decision.reasons[0].startswith("No improvement over the champion (version 3)")
    assert "+0.00000 [+0.00000, +0.00000]" in decision.reasons[0]


# ---- the rule itself, on evidence made up for it


def sound(**changes) -> Evidence:
    slices = pd.DataFrame(
        {"slice": ["map", "map"], "value": ["de_nuke", "de_train"], "rounds": [500, 499], "gap": [0.0, 0.3]}
        | {"gap_low": [-0.01, 0.2], "gap_high": [0.01, 0.4]}
    )
    metrics = {"log_loss": Interval(0.5, 0.49, 0.51), "ece": Interval(0.012, 0.005, 0.019)}
    evidence = Evidence(
        model="round_predictor",
        metrics=metrics,
        baseline_metrics={name: Interval(0.6, 0.5, 0.7) for name in metrics},
        baseline="logistic regression",
        against_baseline=Interval(-0.01, -0.02, -0.005),
        audit=[],
        laws=gathered.laws.check_players(lambda features: np.full((len(features), 4), 0.25), rows=10),
        slices=slices,
    )
    return replace(evidence, **changes)


def ece(value):
    return {"log_loss": Interval(0.5, 0.49, 0.51), "ece": Interval(value, 0, 1)}


def test_sound_evidence_is_promoted_and_small_slices_do_not_decide():
    assert decide(sound()).promote


@pytest.mark.parametrize(
    ("change", "condition", "reason"),
    [
        ({"audit": None}, "leakage audit", "did not run"),
        ({"laws": None}, "laws of the game", "were not checked"),
        ({"laws": []}, "laws of the game", "were not checked"),
        ({"slices": None}, "slices", "were not looked at"),
        ({"metrics": ece(0.0201)}, "calibration", "above 0.02"),
        ({"metrics": ece(NAN)}, "calibration", "above 0.02"),
        ({"against_baseline": Interval(-0.01, -0.02, 0.0)}, "better than logistic regression", "as good"),
        ({"against_baseline": Interval(NAN, NAN, NAN)}, "better than logistic regression", "does not beat"),
        ({"against_champion": Interval(NAN, NAN, NAN)}, "better than the champion", "cannot be compared"),
        (
            {"against_champion": Interval(-0.001, -0.003, 0.001), "champion": "3"},
            "no harm against the champion",
            "No sure improvement over the champion (version 3): the interval of the difference reaches +0.00100",
        ),
    ],
)
def test_each_condition_alone_refuses(change, condition, reason):
    decision = decide(sound(**change))
    assert not decision.promote
    assert condition in unmet(decision)
    assert any(reason in sentence for sentence in decision.reasons)
    assert "# round_predictor: not promoted" in decision.report


@pytest.mark.parametrize(
    ("low", "high", "met"),
    [(0.0201, 0.05, False), (-0.05, -0.0201, False), (0.02, 0.05, True), (-0.3, 0.3, True), (NAN, NAN, False)],
)
def test_a_slice_refuses_when_its_interval_lies_wholly_outside(low, high, met):
    slices = sound().slices.assign(gap_low=[low, 0], gap_high=[high, 0])
    assert decide(sound(slices=slices)).promote == met


@pytest.mark.parametrize("value", [0.02, 0.0])
def test_a_calibration_error_at_the_limit_is_accepted(value):
    assert decide(sound(metrics=ece(value))).promote


def test_a_margin_of_harm_must_be_asked_for():
    evidence = sound(against_champion=Interval(-0.001, -0.003, 0.001), champion="3")
    assert not decide(evidence).promote
    assert decide(evidence, Requirements(harm_margin=0.002)).promote


def test_on_few_players_chance_is_allowed_for_but_not_for_rounds():
    slices = sound().slices.rename(columns={"rounds": "players"}).assign(rounds=1)
    evidence = sound(metrics=ece(0.05), slices=slices, ece_floor=Interval(0.04, 0.02, 0.06))
    assert decide(evidence, PLAYER_REQUIREMENTS).promote
    assert not decide(evidence, ROUND_REQUIREMENTS).promote
    beyond = replace(evidence, metrics=ece(0.07))
    assert "above 0.06" in decide(beyond, PLAYER_REQUIREMENTS).reasons[0]


def test_the_report_lists_every_condition_met_or_not():
    decision = decide(sound(audit=None, against_champion=Interval(-0.01, -0.02, -0.001)))
    for condition in decision.conditions:
        assert f"| {condition.name} | {'yes' if condition.met else '**no**'} |" in decision.report
    assert len(decision.conditions) == 8


def test_the_numbers_have_the_names_of_the_tracking_server(test_part):
    numbers = judged(test_part, fair_price).numbers
    for metric in ("log_loss", "brier", "auc", "accuracy", "ece"):
        for ending in ("", "_low", "_high"):
            assert np.isfinite(numbers[f"test_{metric}{ending}"])
            assert np.isfinite(numbers[f"baseline_{metric}{ending}"])


def test_the_player_model_must_beat_the_rule_of_past_kd():
    rng = np.random.default_rng(1)
    players = pd.DataFrame({name: rng.uniform(0.1, 1, 800) for name in PLAYER_FEATURES})
    players["total_rounds"] = rng.integers(50, 500, 800)
    players["steam_id"] = [str(number) for number in range(800)]
    column = PLAYER_FEATURES.index("kd_ratio")

    def knows(features):
        kd = np.nan_to_num(features[:, column], nan=0.5).clip(0, 1)
        return np.column_stack([0.4 - 0.2 * kd, 0.3 - 0.1 * kd, 0.2 + 0.1 * kd, 0.1 + 0.2 * kd])

    scores = knows(players[list(PLAYER_FEATURES)].to_numpy())
    players["tier"] = (scores.cumsum(axis=1) < rng.random(800)[:, None]).sum(axis=1)

    def judge(predict, rule):
        evidence = gathered.of_player_model(
            players, predict, Rival("tier of past K/D", rule), model="player_classifier", audit=[]
        )
        return decide(evidence, PLAYER_REQUIREMENTS)

    better = judge(knows, lambda features: knows(features)[:, ::-1])
    assert better.promote, better.reasons
    assert {"test_qwk", "test_mae"} <= better.numbers.keys()
    same = judge(knows, knows)
    assert unmet(same) == ["better than tier of past K/D"]


@pytest.mark.parametrize(
    ("difference", "met", "told"),
    [
        (Interval(-0.01, -0.02, -0.001), True, "better, and surely so"),
        (Interval(0.001, -0.01, 0.02), True, "not surely better, but surely not worse by 0.02"),
        (Interval(-0.001, -0.03, 0.0201), False, "the interval does not exclude that the baseline is as good"),
        (Interval(0.0, -0.03, 0.0201), False, "it does not beat the baseline"),
    ],
)
def test_a_match_model_must_surely_not_be_worse_than_its_baseline_by_two_hundredths(difference, met, told):
    slices = sound().slices.assign(matches=200)
    decision = decide(sound(against_baseline=difference, slices=slices), catalog.MATCH.requirements)
    (condition,) = (one for one in decision.conditions if one.name == "better than logistic regression")
    assert condition.met == met
    assert told in condition.sentence


def test_without_a_margin_a_difference_that_may_be_nothing_does_not_beat_the_baseline():
    decision = decide(sound(against_baseline=Interval(0.0, 0.0, 0.0)))
    assert "it does not beat the baseline" in decision.reasons[0]


@pytest.mark.parametrize(("high", "margin", "met"), [(0.0, 0.0, True), (0.0001, 0.0, False), (0.002, 0.002, True)])
def test_harm_is_excluded_when_the_interval_ends_at_the_margin(high, margin, met):
    evidence = sound(against_champion=Interval(-0.001, -0.003, high), champion="3")
    decision = decide(evidence, Requirements(harm_margin=margin))
    assert decision.promote == met
    sentence = decision.conditions[-1].sentence
    assert ("Harm by more than 0.002 is excluded" in sentence) == (margin == 0.002)


def test_the_champion_is_named_with_its_version_where_it_is_known():
    named = decide(sound(against_champion=Interval(0.0, 0.0, 0.0), champion="3"))
    nameless = decide(sound(against_champion=Interval(0.0, 0.0, 0.0)))
    assert "No improvement over the champion (version 3): " in named.reasons[0]
    assert "No improvement over the champion: " in nameless.reasons[0]


def test_a_first_candidate_is_judged_without_a_champion_and_the_report_says_so_only_then():
    first, later = decide(sound()), decide(sound(against_champion=Interval(-0.01, -0.02, -0.001)))
    assert [condition.name for condition in first.conditions] == [
        "leakage audit", "inputs that vary", "laws of the game", "calibration", "slices",
        "better than logistic regression",
    ]  # fmt: skip
    assert "There was no champion to compare with." in first.report
    assert "There was no champion" not in later.report
    assert first.reasons == (first.conditions[-1].sentence,)
    assert later.reasons == tuple(one.sentence for one in later.conditions[5:7])


def test_inputs_that_the_model_ignores_are_named_and_do_not_refuse_it():
    decision = decide(sound(ignored_inputs=("map_name", "ct_helmets")))
    assert decision.promote
    assert "it ignores map_name, ct_helmets." in decision.conditions[1].sentence


def test_chance_raises_the_limit_of_the_calibration_error_only_where_it_is_above_it():
    players = sound().slices.rename(columns={"rounds": "players"})
    low = sound(metrics=ece(0.0201), slices=players, ece_floor=Interval(0.01, 0.005, 0.015))
    decision = decide(low, PLAYER_REQUIREMENTS)
    assert "above 0.02. A perfectly calibrated model would show 0.0100" in decision.reasons[0]
    high = replace(low, ece_floor=Interval(0.03, 0.01, 0.0201))
    assert decide(high, PLAYER_REQUIREMENTS).promote
    assert "at most 0.0201 (what a perfectly calibrated model can show" in decide(high, PLAYER_REQUIREMENTS).report
    assert "would show" not in decide(replace(low, ece_floor=None), PLAYER_REQUIREMENTS).report


def test_chance_is_not_named_where_it_makes_no_difference():
    players = sound().slices.rename(columns={"rounds": "players"})
    level = decide(sound(slices=players, ece_floor=Interval(0.01, 0.005, 0.02)), PLAYER_REQUIREMENTS)
    assert "at most 0.02. A perfectly" in level.conditions[3].sentence


def test_slices_are_counted_judged_or_not():
    told = decide(sound()).conditions[4].sentence
    assert told.startswith("In none of 1 slices of at least 500 rounds")
    assert told.endswith(" 1 smaller slices were not judged.")
    whole = sound(slices=sound().slices.assign(rounds=500, gap_low=[-0.01, 0.03]))
    refused = decide(whole).reasons[0]
    assert refused.startswith("In 1 of 2 slices of at least 500 rounds")
    assert "map = de_train: +0.3000 [+0.0300, +0.4000]" in refused
    assert "de_nuke" not in refused
    assert "not judged" not in refused


def test_the_numbers_hold_all_that_was_decided_on():
    laws = list(sound().laws)
    evidence = sound(
        against_champion=Interval(-0.01, -0.02, -0.001), ece_floor=Interval(0.004, 0.001, 0.009), min_rounds=50,
        audit=["a", "b"], laws=[*laws, replace(laws[0], holds=False)], metrics_required_only=ece(0.015),
    )  # fmt: skip
    numbers = decide(evidence).numbers
    expected = {
        "test_log_loss": 0.5, "baseline_log_loss_high": 0.7, "against_baseline_low": -0.02, "against_champion": -0.01,
        "test_ece_floor_high": 0.009, "test_required_only_ece": 0.015, "min_rounds": 50.0, "audit_findings": 2.0,
        "laws_broken": 1.0,
    }  # fmt: skip
    assert {name: numbers[name] for name in expected} == expected
    without = decide(sound(audit=None, laws=None)).numbers
    assert np.isnan([without["audit_findings"], without["laws_broken"]]).all()
    assert not {"min_rounds", "against_champion", "test_ece_floor", "test_required_only_ece"} & without.keys()
    assert (decide(sound()).numbers["audit_findings"], decide(sound()).numbers["laws_broken"]) == (0.0, 0.0)


def test_the_report_shows_each_metric_beside_the_baselines_and_escapes_what_would_break_its_tables():
    lines = promotion.metrics_table(sound(metrics_required_only={"ece": Interval(0.015, 0.01, 0.02)}))
    assert lines == [
        "| Metric | round_predictor | logistic regression | round_predictor, required inputs only |",
        "|---|---|---|---|",
        "| log_loss | 0.5000 [0.4900, 0.5100] | 0.6000 [0.5000, 0.7000] | – |",
        "| ece | 0.0120 [0.0050, 0.0190] | 0.6000 [0.5000, 0.7000] | 0.0150 [0.0100, 0.0200] |",
    ]
    assert promotion.cell("a|b\nc") == "a\\|b c"
    broken = replace(sound().laws[0], holds=False)
    report = decide(sound(laws=[broken, sound().laws[1]])).report
    assert f"- **broken**: {broken.sentence}" in report
    assert f"- holds: {sound().laws[1].sentence}" in report
    assert "1 of 2 laws are broken" in report
