"""The login of a project whose sessions are signed cookies."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core import signing
from django.test import AsyncClient, Client, override_settings
from fake_authkit import (  # pyright: ignore[reportMissingImports]
    USER,
    FakeAuthKit,
    query,
)

HTML = {"Accept": "text/html,*/*;q=0.8"}
COOKIES = "django.contrib.sessions.backends.signed_cookies"
MANY = {"permissions": [f"documents:permission-{n:03}" for n in range(100)]}
ANONYMOUS = b"/auth/login/"
ADA = b"ada@example.com /auth/logout/"


@pytest.fixture
def client(fake: FakeAuthKit) -> Iterator[Client]:
    sessions, *others = settings.MIDDLEWARE
    middleware = [sessions, "auth_views.split_session", *others]
    with override_settings(SESSION_ENGINE=COOKIES, MIDDLEWARE=middleware):
        yield Client(enforce_csrf_checks=True)


def sign_in(client: Client) -> Any:
    state = query(client.get("/auth/login/")["Location"])["state"]
    return client.get(f"/auth/callback/?state={state}&code=c")


def sign_out(client: Client) -> Any:
    page = client.get("/auth/logout/").content.decode()
    token = page.partition('csrfmiddlewaretoken" value="')[2].partition('"')[0]
    return client.post("/auth/logout/", {"csrfmiddlewaretoken": token})


def values(client: Client) -> dict[str, str]:
    """Return the cookies that a browser would have."""
    return {name: c.value for name, c in client.cookies.items() if c.value}


def holding(cookies: dict[str, str]) -> Client:
    client = Client()
    client.cookies.load(cookies)
    return client


def renewable(client: Client, fake: FakeAuthKit) -> None:
    """Let the access token in the browser's cookies have ended."""
    ended = fake.token(exp=int(time.time()) - 1)
    data = {"access_token": ended, "refresh_token": "r", "user": USER}
    client.cookies["wos_session"] = fake.seal(data)


def test_many_permissions(client: Client, fake: FakeAuthKit) -> None:
    fake.claims = MANY
    answer = sign_in(client)
    written = {name: c for name, c in answer.cookies.items() if c.value}
    assert sorted(written) == ["sessionid", "wos_session", "wos_session_1"]
    for name, cookie in written.items():
        assert len(name) + len(cookie.value) < 4096
        assert cookie["httponly"]
        assert cookie["samesite"] == "Lax"
        assert cookie["path"] == "/"
        assert not cookie["secure"]
        assert cookie["max-age"] == settings.SESSION_COOKIE_AGE
    salt = "django.contrib.sessions.backends.signed_cookies"
    kept: Any = signing.loads(written["sessionid"].value, salt=salt)
    assert kept == {"user": kept["user"], "workos_session": "session_1"}
    for secret in fake.secrets():
        assert secret not in str(kept) + str(written)
    assert client.get("/").content == ADA
    assert client.get("/members/").content == b"ada@example.com "


def test_secure_on_https(
    client: Client, fake: FakeAuthKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = "https://testserver/auth/callback/"
    monkeypatch.setattr(settings, "WORKOS_REDIRECT_URI", uri)
    assert sign_in(client).cookies["wos_session"]["secure"]


def test_cookies_end_with_the_browser_as_the_session_does(client: Client) -> None:
    with override_settings(SESSION_EXPIRE_AT_BROWSER_CLOSE=True):
        assert sign_in(client).cookies["wos_session"]["max-age"] == ""


def test_one_cookie_is_nothing_without_the_other(
    client: Client, fake: FakeAuthKit
) -> None:
    fake.claims = MANY
    sign_in(client)
    good = values(client)
    fake.claims = {"sid": "session_2"}
    sign_in(client)
    later = values(client)
    for name in good:
        assert_anonymous({**good, name: good[name].swapcase()})
        for value in ("", "x", good[name][:-9]):
            assert_anonymous({**good, name: value})
    assert_anonymous({**later, "sessionid": good["sessionid"]})
    assert_anonymous({**good, "sessionid": later["sessionid"]})
    assert holding(good).get("/").content == ADA


def assert_anonymous(cookies: dict[str, str]) -> None:
    assert holding(cookies).get("/").content == ANONYMOUS
    assert holding(cookies).get("/members/", headers=HTML).status_code == 302
    browser = holding(cookies)
    browser.get("/cart/")
    assert browser.get("/").content == ANONYMOUS


def test_sign_out_deletes_all_cookies(client: Client, fake: FakeAuthKit) -> None:
    fake.claims = MANY
    sign_in(client)
    left = values(client)
    bye = sign_out(client)
    assert query(bye["Location"])["session_id"] == "session_1"
    for name in ("sessionid", "wos_session", "wos_session_1"):
        assert (bye.cookies[name].value, bye.cookies[name]["max-age"]) == ("", 0)
    assert client.get("/").content == ANONYMOUS
    # Of what was Django's only, nothing comes back.
    assert_anonymous({"sessionid": left["sessionid"]})


def test_a_renewed_session_is_written(client: Client, fake: FakeAuthKit) -> None:
    fake.claims = MANY
    sign_in(client)
    client.get("/cart/")
    fake.claims = {}
    renewable(client, fake)
    del client.cookies["wos_session_1"]
    fake.claims = MANY
    renewed = client.get("/members/")
    assert renewed.content == b"ada@example.com "
    assert "Cookie" in renewed["Vary"]
    for name in ("sessionid", "wos_session", "wos_session_1"):
        assert renewed.cookies[name].value
    assert not client.get("/members/").cookies
    assert len(fake.requests) == 2
    assert client.get("/cart/").content == b"2"


def test_fewer_chunks_take_the_place_of_more(client: Client, fake: FakeAuthKit) -> None:
    fake.claims = MANY
    sign_in(client)
    fake.claims = {}
    sign_in(client)
    assert "wos_session_1" not in values(client)
    assert client.get("/members/").status_code == 200


def test_a_session_that_authkit_has_ended(client: Client, fake: FakeAuthKit) -> None:
    sign_in(client)
    renewable(client, fake)
    fake.answers = [(400, {"error": "invalid_grant"})]
    assert client.get("/members/", headers=HTML).status_code == 302
    assert values(client).keys() & {"sessionid", "wos_session"} == set()


@pytest.mark.parametrize("renewed", [False, True])
def test_async(client: Client, fake: FakeAuthKit, renewed: bool) -> None:
    sign_in(client)
    if renewed:
        renewable(client, fake)

    async def visit(cookies: dict[str, str]) -> Any:
        browser = AsyncClient()
        browser.cookies.load(cookies)
        return await browser.get("/async/")

    answer = asyncio.run(visit(values(client)))
    assert answer.content == b"async"
    assert ("wos_session" in answer.cookies) == renewed
    assert asyncio.run(visit({})).status_code == 302


def test_what_does_not_look_at_the_session_can_be_cached(client: Client) -> None:
    public = "/auth/callback/"
    assert "Cookie" not in client.get(public).headers.get("Vary", "")
    sign_in(client)
    answer = client.get(public)
    assert "Cookie" not in answer.headers.get("Vary", "")
    assert not answer.cookies


def test_what_else_is_in_the_session_stays(client: Client) -> None:
    client.get("/cart/")
    assert client.get("/cart/").content == b"2"
    sign_in(client)
    assert client.get("/cart/").content == b"3"
    assert client.get("/").content == ADA


def test_sessions_elsewhere_hold_all(client: Client) -> None:
    with override_settings(SESSION_ENGINE="django.contrib.sessions.backends.cache"):
        other = Client()
        assert "wos_session" not in sign_in(other).cookies
        assert other.get("/members/").content == b"ada@example.com "
