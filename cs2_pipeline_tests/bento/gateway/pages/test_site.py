"""What all pages share: headers that let nothing foreign in, files that may be kept for ever, problems as pages."""

import re

import pytest

from bento.gateway.pages.site import STATIC, asset

HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.mark.parametrize("path", ["/what-if", "/models", "/no/such/page"])
def test_a_page_lets_no_foreign_script_style_or_frame_in(gateway, path):
    answer = gateway.get(path, headers=HTML)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"<script(?![^>]*src=)", answer.text), "no script stands in a page"
    assert not re.search(r"\sstyle=|\son\w+=", answer.text)


def test_a_static_file_is_kept_for_ever_under_an_address_of_its_content(gateway):
    for file in [*(path.name for path in STATIC.iterdir()), "plotly.min.js"]:
        answer = gateway.get(asset(file))
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]
    assert gateway.get("/static/000000000000/site.css").status_code == 404


@pytest.mark.parametrize("name", ["..%2Fsite.py", "..%2F..%2Fapp.py", "nothing.css", ".."])
def test_nothing_but_the_static_files_is_given_out(gateway, name):
    assert gateway.get(f"/static/{'0' * 12}/{name}").status_code == 404


def test_a_browser_gets_a_problem_as_a_page_and_a_program_as_a_document(gateway):
    page = gateway.get("/models/nothing", headers=HTML)
    assert page.status_code == 404
    assert "there is no model nothing" in page.text
    assert page.headers["content-type"].startswith("text/html")
    document = gateway.get("/models/nothing", headers={"Accept": "application/json"})
    assert document.headers["content-type"] == "application/problem+json"


def test_what_a_stranger_typed_is_shown_as_text(gateway):
    page = gateway.get("/models/<script>alert(1)<%2Fscript>", headers=HTML)
    assert "<script>alert" not in page.text
    typed = gateway.get(
        "/what-if?map_name=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&ct_alive=%22%3E%3Cimg%3E", headers=HTML
    )
    assert typed.status_code == 200
    assert "<script>alert" not in typed.text
    assert "<img>" not in typed.text
