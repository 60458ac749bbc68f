"""The page of uploads in a browser: sending, what became of it, hostile names as text, deleting."""

import re
from datetime import UTC, datetime

import pytest

from cs2_pipeline.records import uploads
from cs2_pipeline.records.uploads import State
from cs2_pipeline_tests.bento.gateway.pages.conftest import gateway_on_a_port
from cs2_pipeline_tests.bento.gateway.routers.test_auth import ANNA
from cs2_pipeline_tests.bento.serving import post

expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
HOSTILE = "<img src=x onerror=document.title='taken'>.dem"


@pytest.fixture(scope="module")
def sending(new_home, tmp_path_factory):
    """The address of a gateway with an account, and its records."""
    opened = []
    home = new_home(tmp_path_factory.mktemp("sending")).path
    with gateway_on_a_port(home, opened=lambda app: opened.append(app.state.records)) as address:
        post(f"{address}/auth/register", json=ANNA)
        yield address, opened[0]


def test_who_is_not_signed_in_is_asked_to(sending, watched):
    page = watched(f"{sending[0]}/uploads").page
    expect(page.locator("main")).to_contain_text("Sign in to send files")
    expect(page.locator("nav")).not_to_contain_text("Uploads")


def test_files_are_sent_told_of_and_deleted(sending, watched):
    address, records = sending
    page = watched(f"{address}/uploads").page
    page.click("main a.button")
    page.fill("#sign-in [name=username]", ANNA["username"])
    page.fill("#sign-in [name=password]", ANNA["password"])
    page.keyboard.press("Enter")
    expect(page.locator("#upload-none")).to_be_visible()
    files = [
        {"name": HOSTILE, "mimeType": "application/octet-stream", "buffer": b"one"},
        {"name": "two.replay", "mimeType": "application/octet-stream", "buffer": b"two"},
    ]
    page.set_input_files("#files", files)
    page.fill("#played-on", "2026-02-01")
    page.click("#upload-form button")
    expect(page.locator("#uploads tbody tr")).to_have_count(2)
    expect(page.locator("#upload-note")).to_contain_text("two.replay: sent")
    hostile = page.locator("#uploads tbody tr", has_text="onerror")
    expect(hostile.locator("th")).to_have_text(HOSTILE)
    expect(page).to_have_title(re.compile("Uploads"))
    (one, _) = sorted(uploads.waiting(records), key=lambda waiting: waiting.kind)
    assert one.played_on.isoformat() == "2026-02-01"
    uploads.settle(records, one.digest, State.QUARANTINED, "not a <b>recording</b>", at=datetime.now(UTC))
    page.reload()
    expect(hostile).to_contain_text("quarantined")
    expect(hostile).to_contain_text("not a <b>recording</b>")
    results = axe.Axe().run(page)
    serious = [found for found in results.response["violations"] if found["impact"] in ("serious", "critical")]
    assert serious == [], [(found["id"], [node["html"] for node in found["nodes"]]) for found in serious]
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    hostile.get_by_role("button").click()
    expect(page.locator("#uploads tbody tr")).to_have_count(1)
    assert len(uploads.places(records)) == 1


def test_what_is_not_taken_is_told_by_name(sending, watched):
    found = watched(f"{sending[0]}/sign-in?next=/uploads")
    page = found.page
    page.fill("#sign-in [name=username]", ANNA["username"])
    page.fill("#sign-in [name=password]", ANNA["password"])
    page.keyboard.press("Enter")
    expect(page.locator("#upload-form")).to_be_visible()
    page.set_input_files("#files", [{"name": "a.exe", "mimeType": "application/octet-stream", "buffer": b"MZ"}])
    page.click("#upload-form button")
    expect(page.locator("#upload-note")).to_contain_text("a.exe: not taken")
    found.complaints.clear()  # the browser's own note of the 415
