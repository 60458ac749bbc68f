"""What all pages share: headers that let nothing foreign in, files that may be kept for ever, problems as pages."""

import re

import pytest

from bento.gateway.access import SESSION
from bento.gateway.pages.site import STATIC, asset
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway
from cs2_pipeline_tests.bento.gateway.routers.test_auth import sign_in

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
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["content-type"] == {
            "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
        }[file.rpartition(".")[2]]  # fmt: skip
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
    assert gateway.post("/models/nothing", headers=HTML).headers["content-type"].startswith("text/html")
    deleted = gateway.delete("/models/nothing", headers=HTML)  # no browser does that by itself
    assert deleted.headers["content-type"] == "application/problem+json"


def test_a_problem_shown_as_a_page_keeps_its_headers_and_says_where_to_go_on(tmp_path):
    with open_gateway(tmp_path, client=ELSEWHERE) as gateway:
        page = gateway.get("/data", headers=HTML)
        assert (page.status_code, page.headers["www-authenticate"]) == (401, "Bearer")
        assert 'href="/sign-in?next=/data"' in page.text and "To the matches" not in page.text
        lost = gateway.get("/nowhere", headers=HTML)
        assert (lost.status_code, "To the matches" in lost.text, "sign-in?next" in lost.text) == (404, True, False)


def test_the_token_of_forms_stands_only_on_pages_of_a_session(gateway):
    token = sign_in(gateway)
    for headers in (HTML, HTML | {"Cookie": f"{SESSION}=of nobody"}, HTML | {"Authorization": f"Bearer {token}"}):
        assert "csrf-token" not in gateway.get("/data", headers=headers).text
    assert "Sign out" in gateway.get("/data", headers=HTML | {"Authorization": f"Bearer {token}"}).text
    assert "Sign out" not in gateway.get("/data", headers=HTML).text


def test_what_a_stranger_typed_is_shown_as_text(gateway):
    page = gateway.get("/models/<script>alert(1)<%2Fscript>", headers=HTML)
    assert "<script>alert" not in page.text
    typed = gateway.get(
        "/what-if?map_name=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&ct_alive=%22%3E%3Cimg%3E", headers=HTML
    )
    assert typed.status_code == 200
    assert "<script>alert" not in typed.text
    assert "<img>" not in typed.text
