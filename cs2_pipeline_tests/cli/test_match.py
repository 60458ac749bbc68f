"""`cs2 match`: the curve of a recorded match in the terminal, priced by the champion where there is one."""

import json
import re

from cs2_pipeline.demodb.simulator import simulate


def test_a_recorded_match_is_drawn_round_by_round_and_ends_where_the_map_ended(cs2, home):
    home.mkdir()
    simulate(home / "demos.sqlite", matches=2, days=1, seed=3)
    shown = cs2("match", "1")
    assert shown.status == 0
    assert "priced by the score alone: no version of the round model was promoted yet" in shown.err
    lines = re.findall(r"^ *(\d+) [█░]{30} +(\d+) %", shown.out, re.M)
    assert [int(number) for number, _ in lines] == list(range(1, len(lines) + 1))
    assert lines[-1][1] in ("0", "100")

    document = json.loads(cs2("match", "1", "--json").out)
    assert len(document["rounds"]) == len(lines)
    assert document["rounds"][-1]["after"] in (0.0, 1.0)


def test_without_live_matches_the_list_says_how_to_get_some(cs2, home):
    home.mkdir()
    shown = cs2("match", "--list")
    assert shown.status == 0
    assert "cs2 live simulate" in shown.out
    assert json.loads(cs2("match", "--list", "--json").out) == []


def test_an_unknown_live_match_is_said_to_be_unknown(cs2, home):
    home.mkdir()
    shown = cs2("match", "0b5c8f0e-2f6c-5d43-9c38-0d6ee2a1f3f5")
    assert shown.status == 1
    assert "cs2 match --list" in shown.err
