"""What is printed is what was said: no markup, no emoji, no line broken; scripts get JSON and nothing else."""

import json
from datetime import date

import pytest

from cs2_pipeline.cli import console
from cs2_pipeline.cli.console import CliError, UsageError

ODD = "[bold]clan[/bold] [/x] :fire: " + "long " * 60 + "end"
"""What a player may call themselves."""


@pytest.mark.parametrize("where", ["out", "err"])
def test_a_line_is_shown_as_it_is_however_it_looks_and_however_long_it_is(capsys, where):
    getattr(console, where).print(ODD)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ((f"{ODD}\n", "") if where == "out" else ("", f"{ODD}\n"))


def test_numbers_are_not_coloured_by_guess(monkeypatch):
    for one in (console.out, console.err):
        with monkeypatch.context() as terminal:
            terminal.setattr(one, "_force_terminal", True)
            with one.capture() as shown:
                one.print("at 127.0.0.1:8000 with 3 of 'them'")
        assert "\x1b" not in shown.get()


def test_a_stage_is_set_off_and_what_happens_within_it_indented(capsys):
    console.stage("1  Demo database")
    console.note(ODD)
    assert capsys.readouterr().out == f"\n1  Demo database\n  {ODD}\n"


def test_an_answer_is_json_that_a_person_can_read_with_dates_as_text(capsys):
    console.answer({"day": date(2026, 3, 1), "found": [1]})
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"day": "2026-03-01", "found": [1]}
    assert shown == '{\n  "day": "2026-03-01",\n  "found": [\n    1\n  ]\n}\n'


def test_a_wrong_command_line_is_told_from_other_failures_by_its_status():
    assert (CliError("x").status, UsageError("x").status) == (1, 2)
    assert isinstance(UsageError("x"), CliError)


def test_a_bar_is_drawn_on_a_terminal_alone_and_gone_at_the_end(monkeypatch, capsys):
    with console.progress() as bar:
        bar.add_task("work")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setattr(console.err, "_force_terminal", True)
    drawn = console.progress()
    assert (drawn.disable, drawn.live.transient, drawn.live.console) == (False, True, console.err)
