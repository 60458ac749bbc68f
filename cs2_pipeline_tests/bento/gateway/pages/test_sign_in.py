"""Signing in on a page: what the cookie opens, what only our own pages can send, and what ends it."""

import re

import pytest

from bento.gateway.access import CSRF_HEADER, SESSION
from bento.gateway.pages.sign_in import FORM, REGISTERED, WRONG
from cs2_pipeline.records import accounts
from cs2_pipeline_tests.bento.gateway.conftest import ELSEWHERE, open_gateway

HTML = {"Accept": "text/html"}
ANNA = {"username": "anna", "email": "anna@example.org", "password": "correct horse battery"}
STATE = "/api/v1/what-if/round"


@pytest.fixture
def outside(tmp_path):
    """A browser on another machine."""
    with open_gateway(tmp_path, client=ELSEWHERE) as client:
        client.headers.update(HTML)
        client.follow_redirects = False
        yield client


def form_of(browser):
    return re.search(r'name="form" value="([^"]+)"', browser.get("/sign-in").text)[1]


def sign_in(browser, **change):
    browser.post("/register", data={**ANNA, "form": form_of(browser)})
    sent = {"username": "anna", "password": ANNA["password"], "form": form_of(browser), **change}
    return browser.post("/sign-in", data=sent)


def token_of(browser):
    return re.search(r'name="csrf-token" content="([^"]+)"', browser.get("/data").text)[1]


def test_from_elsewhere_a_page_asks_to_sign_in_and_opens_then(outside):
    closed = outside.get("/data")
    assert closed.status_code == 401
    assert "/sign-in?next=/data" in closed.text
    answered = sign_in(outside, next="/data")
    assert (answered.status_code, answered.headers["location"]) == (303, "/data")
    opened = outside.get("/data")
    assert opened.status_code == 200
    assert "anna" in opened.text
    assert "Sign out" in opened.text


def test_the_cookie_is_kept_from_scripts_and_from_forms_of_other_sites(outside):
    (cookie,) = [one for one in sign_in(outside).headers.get_list("set-cookie") if one.startswith(SESSION)]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert outside.cookies[SESSION] not in outside.get("/data").text


def test_what_changes_something_needs_the_token_of_the_page_and_its_own_origin(outside):
    sign_in(outside)
    token = {CSRF_HEADER: token_of(outside), "Accept": "application/json"}
    assert outside.post(STATE, json={}, headers={"Accept": "application/json"}).status_code == 403
    assert outside.post(STATE, json={}, headers=token | {CSRF_HEADER: "0" * 64}).status_code == 403
    assert outside.post(STATE, json={}, headers=token | {"Origin": "http://evil.example"}).status_code == 403
    assert outside.post(STATE, json={}, headers=token).status_code != 403
    assert outside.post(STATE, json={}, headers=token | {"Origin": "http://127.0.0.1"}).status_code != 403


def test_who_signed_in_may_send_no_events_of_matches(outside):
    sign_in(outside)
    sent = outside.post("/api/v1/events", json={}, headers={CSRF_HEADER: token_of(outside)})
    assert sent.status_code == 403


def test_a_form_of_another_page_signs_nobody_in_and_registers_nobody(outside):
    assert sign_in(outside, form="made up").status_code == 403
    form = form_of(outside)
    outside.cookies.delete(FORM)
    for path in ("/sign-in", "/register"):
        for sent in ({"form": form}, {"form": ""}, {}):
            assert outside.post(path, data={**ANNA, **sent}).status_code == 403
    assert SESSION not in outside.cookies


def test_signing_out_ends_the_session_and_only_our_own_form_does(outside):
    sign_in(outside)
    session, token = outside.cookies[SESSION], token_of(outside)
    assert outside.post("/sign-out", data={"csrf": "0" * 64}).status_code == 403
    assert outside.get("/data").status_code == 200
    assert outside.post("/sign-out", data={"csrf": token}).headers["location"] == "/sign-in"
    outside.cookies.set(SESSION, session)
    assert outside.get("/data").status_code == 401


def test_an_account_is_deleted_once_its_name_was_typed_on_its_own_page(outside):
    sign_in(outside)
    assert "anna@example.org" in outside.get("/account").text
    token = token_of(outside)
    assert outside.post("/account/delete", data={"csrf": "0" * 64, "username": "anna"}).status_code == 403
    mistyped = outside.post("/account/delete", data={"csrf": token, "username": "ann"})
    assert mistyped.status_code == 303
    assert "Nothing was deleted" in outside.get(mistyped.headers["location"]).text
    session = outside.cookies[SESSION]
    assert outside.post("/account/delete", data={"csrf": token, "username": "Anna"}).headers["location"] == "/sign-in"
    assert SESSION not in outside.cookies
    outside.cookies.set(SESSION, session)
    assert outside.get("/account").status_code == 401
    sent = {"username": "anna", "password": ANNA["password"], "form": form_of(outside)}
    assert outside.post("/sign-in", data=sent).status_code == 401


def test_a_wrong_password_and_an_unknown_name_are_answered_alike(outside):
    wrong = sign_in(outside, password="wrong")
    unknown = sign_in(outside, username="nobody")
    assert wrong.status_code == unknown.status_code == 401
    without_form = [re.sub(r'value="[^"]*"', "", one.text) for one in (wrong, unknown)]
    assert without_form[0] == without_form[1]
    assert "The name or the password is wrong" in wrong.text


@pytest.mark.parametrize("goal", ["//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb: c", ""])
def test_the_way_on_never_leads_to_another_host(outside, goal):
    assert sign_in(outside, next=goal).headers["location"] == "/"


def test_what_cannot_be_an_account_is_named_without_repeating_the_password(outside):
    answered = outside.post("/register", data={**ANNA, "password": "short", "form": form_of(outside)})
    assert answered.status_code == 422
    assert "look at password" in answered.text
    assert "short" not in answered.text


def kept(answered, name):
    """The value of a cookie that an answer sets, and how browsers keep it."""
    (cookie,) = [one for one in answered.headers.get_list("set-cookie") if one.startswith(f"{name}=")]
    value, *options = cookie.removeprefix(f"{name}=").split("; ")
    return value, sorted(options)


def test_a_form_is_tied_to_its_page_by_a_cookie_of_an_hour_that_no_other_site_can_send(outside):
    seen = set()
    for _ in range(2):
        answered = outside.get("/sign-in")
        form, options = kept(answered, FORM)
        assert options == ["HttpOnly", "Max-Age=3600", "Path=/", "SameSite=strict"]
        assert f'name="form" value="{form}"' in answered.text and len(form) == 32
        seen.add(form)
    assert len(seen) == 2


def test_the_session_is_kept_for_as_long_as_it_lives_and_the_form_is_forgotten(outside):
    assert outside.get("/account").status_code == 401
    answered = sign_in(outside)
    seconds = int(accounts.SESSION_LIFE.total_seconds())
    assert kept(answered, SESSION)[1] == ["HttpOnly", f"Max-Age={seconds}", "Path=/", "SameSite=lax"]
    assert "Max-Age=0" in kept(answered, FORM)[1]
    assert "Nothing was deleted" not in outside.get("/account").text
    out = outside.post("/sign-out", data={"csrf": token_of(outside)})
    assert (out.status_code, "Max-Age=0" in kept(out, SESSION)[1]) == (303, True)


def test_over_tls_no_cookie_goes_without(tmp_path):
    with open_gateway(tmp_path, client=ELSEWHERE, public_url="https://cs2.example.org") as browser:
        assert "Secure" in kept(browser.get("/sign-in"), FORM)[1]


def test_forms_that_cannot_be_right_are_answered_in_words(outside):
    for change in ({"username": ""}, {"username": "x" * 321}, {"password": ""}):
        sent = {"username": "anna", "password": "a password", "form": form_of(outside)} | change
        answered = outside.post("/sign-in", data=sent)
        assert (answered.status_code, f'<p class="card bad" role="alert">{WRONG}</p>' in answered.text) == (401, True)
    wrong = {"username": "a b", "email": "nowhere", "password": "short", "form": form_of(outside)}
    assert "look at email, password, username." in outside.post("/register", data=wrong).text
    for count, status in ((20, 403), (21, 422)):  # no form of ours has more
        assert outside.post("/sign-in", data={f"f{number}": "" for number in range(count)}).status_code == status


def test_who_registered_is_told_so_and_goes_on_to_the_page_wanted(outside):
    answered = outside.post("/register", data={**ANNA, "form": form_of(outside), "next": "/data"})
    assert answered.status_code == 200
    assert f'<p class="card good" role="alert">{REGISTERED}</p>' in answered.text
    assert answered.text.count('name="next" value="/data"') == 2
    assert 'role="alert"' not in outside.get("/sign-in").text


def test_who_was_signed_out_elsewhere_deletes_and_ends_nothing_more(outside):
    sign_in(outside)
    session, token = outside.cookies[SESSION], token_of(outside)
    records = outside.app.state.records
    session_id, _ = accounts.session_of(records, session)
    accounts.end_session(records, session_id)
    deleted = outside.post("/account/delete", data={"csrf": token, "username": "anna"})
    assert (deleted.status_code, "this session has ended" in deleted.text) == (401, True)
    assert outside.post("/sign-out", data={"csrf": token}).status_code == 303
    assert "anna" in str(accounts.authenticate(records, "anna", ANNA["password"]))
