"""About the data: shares, reach, what was left out and why, quarantine; and a page that says where there is nothing."""

from cs2_pipeline_tests.bento.serving import get

HTML = {"Accept": "text/html"}


def test_the_page_says_where_the_data_comes_from_and_what_was_left_out(site):
    text = get(f"{site}/data", headers=HTML).text
    for said in (
        "Where the 40 matches come from", "simulated matches", "75.0 %", "demo files", "25.0 %", "are mixed",
        "2026-01-01 to 2026-01-09", "number 40", "7 warm-up round", "Rows that were wrong: 1", "Rounds 7",
        "<b>2026-01-03</b>, the whole day", "<b>2026-01-04</b>, match 9",
    ):  # fmt: skip
        assert said in text, said
    assert "<script>alert" not in text


def test_before_the_first_report_the_page_says_when_it_comes_and_not_that_there_is_no_data(empty_site):
    text = get(f"{empty_site}/data", headers=HTML).text
    assert "No report yet" in text
    assert "cs2 train" in text
    assert "Nothing has been extracted" not in text
