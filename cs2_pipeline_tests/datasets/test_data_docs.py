"""Data docs without anything from elsewhere, and a first page that leads to the newest result of each table."""

import pytest

from cs2_pipeline.datasets.data_docs import make_self_contained

PAGE = """<html><head>
<link rel="stylesheet" href="https://cdn.example/style.css"><LINK href='//cdn.example/other.css'>
<link rel="icon" href="local.png"><script src="https://cdn.example/x.js"></script>
<SCRIPT>
var more = "lines";
</SCRIPT></head><body><img src="https://tracker.example/dot.gif"><img src="logo.png"><p>12 rows</p>
</body></html>"""


@pytest.fixture
def docs(tmp_path):
    for path in (
        "expectations/rounds.html", "expectations/kills & co.html", "validations/rounds/20260101/a.html",
        "validations/rounds/20260301/b.html", "validations/rounds/20260201/c.html", "validations/kills & co/1/d.html",
    ):  # fmt: skip
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(PAGE)
    make_self_contained(tmp_path, {"rounds": True, "kills & co": False})
    return tmp_path


def test_scripts_and_whatever_is_loaded_from_elsewhere_are_taken_out_and_the_rest_stays(docs):
    text = (docs / "validations/rounds/20260101/a.html").read_text()
    assert "example" not in text
    assert "script" not in text.lower()
    for kept in ('<link rel="icon" href="local.png">', '<img src="logo.png">', "<p>12 rows</p>"):
        assert kept in text


def test_every_page_has_one_style_sheet_of_its_own_however_often_it_is_done(docs):
    page = docs / "expectations/rounds.html"
    once = page.read_text()
    assert once.count("<style>") == 1
    assert once.index("<style>") < once.index("</head>")
    make_self_contained(docs, {"rounds": True})
    assert page.read_text() == once


def test_the_first_page_has_each_tables_result_with_a_link_to_its_newest_page(docs):
    text = make_self_contained(docs, {"rounds": True, "kills & co": False}).read_text()
    assert text == (docs / "index.html").read_text()
    assert text.count("<style>") == 1
    rounds, kills = (line for line in text.splitlines() if line.startswith("<tr><td>"))
    assert '<td>rounds</td><td><a href="validations/rounds/20260301/b.html">passed</a></td>' in rounds
    assert '<td><a href="expectations/rounds.html">all of the suite</a></td>' in rounds
    assert '<td>kills &amp; co</td><td><a href="validations/kills &amp; co/1/d.html">failed</a></td>' in kills
