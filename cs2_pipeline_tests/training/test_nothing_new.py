"""When a training could find nothing that is not known: same data, seed and code, and judged against this champion."""

import pytest

from cs2_pipeline.artifact.cache import ModelVersion
from cs2_pipeline.training import nothing_new
from cs2_pipeline.training.registration import PROMOTE, REFUSE, Registry

COMMIT = "a" * 40


def version(number, **tags):
    """A version made of the data `d` with seed 1 by the code of `COMMIT`, refused beside champion 1."""
    told = {"seed": "1", "git_commit": COMMIT, "decision": REFUSE, "compared_with": "1"} | tags
    return ModelVersion("a model", number, "run", "", "", "d", "", "", {}, told)


@pytest.fixture
def asked(monkeypatch):
    def known(newest, champion, *, digest="d", seed=1, commit=COMMIT):
        monkeypatch.setattr(
            nothing_new.promotion, "versions", lambda *_, most: [newest] if newest and most == 1 else []
        )
        registry = Registry("", None, None)
        found = nothing_new.already_known(
            "a model", registry, digest=digest, seed=seed, tags={"git_commit": commit}, champion=champion
        )
        return found.version if found is not None else None

    return known


def test_the_champion_and_the_newest_version_that_it_beat_are_known(asked):
    champion = version("1", decision=PROMOTE, compared_with="")
    assert asked(version("2"), champion) == "1", "the champion itself goes first"
    assert asked(version("2"), version("1", seed="5", decision=PROMOTE, compared_with="")) == "2"
    assert asked(version("2", compared_with=""), None) == "2", "refused where there was no champion yet either"
    assert asked(None, None) is None


@pytest.mark.parametrize(
    "tags",
    [{"compared_with": "0"}, {"decision": PROMOTE}, {"compared_with": "0", "decision": PROMOTE}, {"seed": "2"},
     {"git_commit": "b" * 40}],
)  # fmt: skip
def test_a_version_with_another_verdict_rival_seed_or_code_says_nothing(asked, tags):
    assert asked(version("2", **tags), version("1", seed="5")) is None


@pytest.mark.parametrize(
    "other", [{"digest": "e"}, {"seed": 2}, {"commit": "b" * 40}, {"commit": "unknown"}, {"commit": f"{COMMIT}-dirty"}]
)
def test_other_data_seed_or_code_are_trained_on(asked, other):
    assert asked(version("2"), version("1"), **other) is None


def test_code_that_no_commit_tells_is_trained_again_though_it_was_called_the_same(asked):
    for code in ("unknown", f"{COMMIT}-dirty", ""):
        assert asked(version("2", git_commit=code), version("1", git_commit=code), commit=code) is None


def test_instead_of_training_it_is_said_what_would_make_a_difference():
    said = nothing_new.sentence(version("2"))
    assert said.startswith("nothing new: version 2 was made from the same data, seed and code")
    assert said.endswith("; more matches, another CS2_SEED or other code make a difference")
