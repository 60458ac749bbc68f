"""The catalogue: every mistake in a drill file is named with its drill and field, and nothing of the file is used."""

import pytest

from cs2_pipeline.coaching.drills import load, parse
from cs2_pipeline.coaching.skills import CoachingError
from cs2_pipeline_tests.coaching.league import SKILLS

DRILL = """
[[drill]]
name = "prefire"
title = "Prefire the angles"
skill = "aim"
purpose = "Fewer bullets before the first hit."
how = "One map of prefires."
minutes = 20
sessions = 4
measure = "Hits with the first bullet."
"""


def test_a_drill_is_read():
    (drill,) = parse(DRILL, SKILLS, name="mine.toml")
    assert (drill.name, drill.skill, drill.minutes_a_week) == ("prefire", "aim", 80)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('skill = "aim"', 'skill = "aaim"', "skill 'aaim' is not defined; there are aim, deaths"),
        ("minutes = 20", 'minutes = "20"', "minutes must be a whole number, not '20'"),
        ("minutes = 20", "minutes = true", "minutes must be a whole number, not True"),
        ("minutes = 20", "minutes = 2000", "minutes must be at most 240"),
        ("sessions = 4", "sessions = 0", "sessions must not be 0"),
        ("purpose =", "purpos =", "unknown field purpos"),
        ("purpose =", "purpos =", "purpose is missing"),
        ('title = "Prefire the angles"', 'title = ""', "title must not be ''"),
        ("minutes = 20", "minutes = 241", "minutes must be at most 240"),
        ("minutes = 20", "", "minutes is missing"),
        ("sessions = 4", "sessions = -1", "sessions must not be -1"),
        ('skill = "aim"', "", "skill is missing"),
        ('skill = "aim"', "skill = 3", "skill must be text, not 3"),
    ],
)
def test_a_mistake_is_named_with_file_drill_and_field(old, new, said):
    with pytest.raises(CoachingError) as caught:
        parse(DRILL.replace(old, new), SKILLS, name="mine.toml")
    assert "mine.toml: drill 1 (prefire)" in str(caught.value)
    assert said in str(caught.value)


def test_all_mistakes_are_named_at_once_and_a_name_stands_once():
    with pytest.raises(CoachingError) as caught:
        parse(DRILL + DRILL.replace("minutes = 20", "minutes = -1"), SKILLS, name="mine.toml")
    assert "drill 2 (prefire): minutes must not be -1" in str(caught.value)
    assert "drill 2 (prefire): stands twice" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("= 1", "not TOML"),
        ("title = 1", r"no \[\[drill\]\]"),
        ("drill = []", r"no \[\[drill\]\]"),
        ("drill = [1]", r"no \[\[drill\]\]"),
        ('drill = [1, {name = "a"}]', r"no \[\[drill\]\]"),
        ('[drill]\nname = "a"', r"no \[\[drill\]\]"),
    ],
)
def test_what_is_no_catalogue_is_said_to_be_none(text, said):
    with pytest.raises(CoachingError, match=said):
        parse(text, SKILLS, name="mine.toml")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "drills.toml").write_bytes(b"\xff\xfe")
    for name in ("drills.toml", "missing.toml"):
        with pytest.raises(CoachingError, match=f"{name}: cannot be read as text"):
            load(tmp_path / name, SKILLS)


def test_a_drill_without_a_name_is_known_by_its_number():
    with pytest.raises(CoachingError) as caught:
        parse(DRILL + DRILL.replace('name = "prefire"', ""), SKILLS, name="mine.toml")
    assert str(caught.value) == "mine.toml: drill 2 (without a name): name is missing"


def test_four_hours_are_the_longest_session_and_a_minute_a_week_the_least(tmp_path):
    whole = DRILL.replace("minutes = 20", "minutes = 240") + DRILL.replace("prefire", "least").replace(
        "minutes = 20", "minutes = 1"
    ).replace("sessions = 4", "sessions = 1")
    (tmp_path / "mine.toml").write_text(whole, encoding="utf-8")
    found = load(tmp_path / "mine.toml", SKILLS)
    assert [(drill.name, drill.minutes, drill.minutes_a_week) for drill in found] == [
        ("prefire", 240, 960), ("least", 1, 1)
    ]  # fmt: skip
    (tmp_path / "mine.toml").write_text(DRILL.replace("20", "0"), encoding="utf-8")
    with pytest.raises(CoachingError, match=r"mine\.toml: drill 1 \(prefire\): minutes must not be 0$"):
        load(tmp_path / "mine.toml", SKILLS)
