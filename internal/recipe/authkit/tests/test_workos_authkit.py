"""The part of the login that knows no web framework."""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import threading
import time
from typing import Any

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from fake_authkit import USER, FakeAuthKit, once, query
from workos import WorkOSClient

from workos_authkit import (
    CHUNK,
    LOGIN_SECONDS,
    MAX_LOGINS,
    MAX_NEXT,
    AuthKit,
    LoginError,
    cookie_max_age,
    safe_next,
    sealed_session,
    session_cookies,
)


@pytest.fixture
def authkit(fake: FakeAuthKit) -> AuthKit:
    return AuthKit(
        fake.client(),
        redirect_uri="https://app.test/callback",
        cookie_password=fake.password,
    )


def signed_in(authkit: AuthKit) -> str:
    """A sealed session, as a login gives it."""
    started = authkit.start({}, None)
    state = query(started.url)["state"]
    return authkit.finish(started.cookies, [state], ["code"], []).sealed


def outcome(
    authkit: AuthKit, cookies: dict[str, str], states: list[str], **answer: list[str]
) -> tuple[int, str]:
    with pytest.raises(LoginError) as caught:
        authkit.finish(
            cookies, states, answer.get("codes", ["code"]), answer.get("errors", [])
        )
    return caught.value.status, caught.value.message


@pytest.mark.parametrize(
    "target",
    ["/", "/a", "/a/b?x=1&y=//z", "/a?u=https://other.test", "/ä", "/a%20b", "/a//b"],
)
def test_next_of_this_site(target: str) -> None:
    assert safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    [
        None,
        "",
        "a",
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "\\/evil.test",
        "https://evil.test",
        "http:evil.test",
        "https:/evil.test",
        "javascript:alert(1)",
        "/%2f%2fevil.test",
        "/%2Fevil.test",
        "/%252fevil.test",
        "/%5cevil.test",
        "/%255cevil.test",
        "/\tevil",
        "/\t/evil.test",
        "\t//evil.test",
        " //evil.test",
        "/%09/evil.test",
        "/a\r\nSet-Cookie: a=b",
        "/a%0d%0aSet-Cookie: a=b",
        "/a?b\r\nSet-Cookie: a=b",
        "/\x00",
        "/\u2028",
        "/\ud800",
        "/" + "a" * MAX_NEXT,
        "/" + "ä" * (MAX_NEXT // 2),
        "/" + "%25" * 100_000,
    ],
)
def test_next_that_leaves_the_site(target: str | None) -> None:
    assert safe_next(target) == "/"


def test_a_started_login_fits_a_cookie(authkit: AuthKit) -> None:
    for char in ("a", '"', "ä", "😀"):
        long = "/" + char * ((MAX_NEXT - 1) // len(char.encode()))
        assert safe_next(long) == long
        for name, value in authkit.start({}, long).cookies.items():
            assert len(name) + len(value) < 4000


def test_authorization_request(authkit: AuthKit, fake: FakeAuthKit) -> None:
    started = authkit.start({}, "/a")
    sent = query(started.url)
    assert started.url.startswith(f"{fake.url}/user_management/authorize?")
    assert sent["provider"] == "authkit"
    assert sent["response_type"] == "code"
    assert sent["redirect_uri"] == "https://app.test/callback"
    assert sent["code_challenge_method"] == "S256"
    assert len(sent["state"]) >= 43  # 256 bits
    other = query(authkit.start({}, "/a").url)
    assert sent["state"] != other["state"]
    assert sent["code_challenge"] != other["code_challenge"]
    [cookie] = started.cookies.values()
    assert sent["state"] not in cookie


def test_login(authkit: AuthKit, fake: FakeAuthKit) -> None:
    started = authkit.start({}, "/a?b=1")
    sent = query(started.url)
    finished = authkit.finish(started.cookies, [sent["state"]], ["code_1"], [])
    [request] = fake.requests
    assert request["grant_type"] == "authorization_code"
    assert request["code"] == "code_1"
    digest = hashlib.sha256(request["code_verifier"].encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    assert challenge == sent["code_challenge"]
    assert finished.next_url == "/a?b=1"
    assert finished.session.user["email"] == "ada@example.com"
    assert finished.session.session_id == "session_1"
    for secret in fake.secrets():
        assert secret not in started.url + finished.sealed


def test_callback_of_another_login(authkit: AuthKit, fake: FakeAuthKit) -> None:
    mine, other = authkit.start({}, None), authkit.start({}, None)
    state, foreign = query(mine.url)["state"], query(other.url)["state"]
    renamed = {name: next(iter(mine.cookies.values())) for name in other.cookies}
    for cookies, states in (
        (mine.cookies, []),
        (mine.cookies, [foreign]),
        (mine.cookies, [state, state]),
        (mine.cookies, [""]),
        (mine.cookies, ["ä"]),
        ({}, [state]),
        (renamed, [foreign]),
        ({name: "x" for name in mine.cookies}, [state]),
        ({name: value[:-4] for name, value in mine.cookies.items()}, [state]),
    ):
        assert outcome(authkit, cookies, states)[0] == 400
    assert fake.requests == []


def test_callback_without_a_code(authkit: AuthKit, fake: FakeAuthKit) -> None:
    started = authkit.start({}, None)
    states = [query(started.url)["state"]]
    assert outcome(authkit, started.cookies, states, codes=[])[0] == 400
    assert outcome(authkit, started.cookies, states, codes=[""])[0] == 400
    assert outcome(authkit, started.cookies, states, codes=["a", "b"])[0] == 400
    denied = outcome(authkit, started.cookies, states, errors=["<access_denied>"])
    assert denied == (403, "Sign-in was cancelled or refused.")
    assert fake.requests == []


def test_old_login(authkit: AuthKit, fake: FakeAuthKit) -> None:
    started = authkit.start({}, None)
    state = query(started.url)["state"]
    [(name, value)] = started.cookies.items()
    fernet = Fernet(fake.password)
    then = int(time.time()) - LOGIN_SECONDS
    old = fernet.encrypt_at_time(fernet.decrypt(value), then - 1).decode()
    assert outcome(authkit, {name: old}, [state])[0] == 400
    recent = fernet.encrypt_at_time(fernet.decrypt(value), then + 60).decode()
    assert authkit.finish({name: recent}, [state], ["code"], []).next_url == "/"


def test_tabs(authkit: AuthKit) -> None:
    cookies: dict[str, str] = {}
    started = [authkit.start(cookies, "/")]
    cookies.update(started[0].cookies)
    for _ in range(MAX_LOGINS + 2):
        started.append(authkit.start(cookies, "/"))
        cookies.update(started[-1].cookies)
        cookies = {name: value for name, value in cookies.items() if value}
    assert len(cookies) == MAX_LOGINS
    for tab in started[-2:]:
        authkit.finish(cookies, [query(tab.url)["state"]], ["code"], [])
    state = query(started[-1].url)["state"]
    cookies.update(authkit.login_done([state]))
    assert outcome(authkit, cookies, [state])[0] == 400


@pytest.mark.parametrize(
    ("status", "body", "want"),
    [
        (400, {"error": "invalid_grant", "error_description": "sk_live_x"}, 400),
        (401, {"message": "unauthorized"}, 400),
        (403, {"code": "mfa_enrollment", "pending_authentication_token": "t"}, 400),
        (422, {"message": "m"}, 502),
        (429, {"message": "m"}, 502),
        (500, "<h1>oops</h1>", 502),
        (503, "", 502),
        (200, "<h1>a captive portal</h1>", 502),
        (200, {"user": {}}, 502),
    ],
)
def test_authkit_says_no(
    authkit: AuthKit,
    fake: FakeAuthKit,
    caplog: pytest.LogCaptureFixture,
    status: int,
    body: Any,
    want: int,
) -> None:
    caplog.set_level(logging.DEBUG)
    fake.answers = [(status, body)]
    started = authkit.start({}, None)
    got, message = outcome(authkit, started.cookies, [query(started.url)["state"]])
    assert got == want
    for secret in [*fake.secrets(), "sk_live_x", "captive"]:
        assert secret not in message + caplog.text


def test_authkit_is_away(fake: FakeAuthKit) -> None:
    client = fake.client()
    client._base_url = "http://127.0.0.1:9/"  # pyright: ignore[reportPrivateUsage]
    authkit = AuthKit(
        client, redirect_uri="http://a.test/callback", cookie_password=fake.password
    )
    started = authkit.start({}, None)
    assert outcome(authkit, started.cookies, [query(started.url)["state"]])[0] == 502


@pytest.mark.parametrize(
    "claims",
    [
        {"sub": "user_2"},  # not the user of the answer
        {"sid": None},
        {"auth_time": None},
        {"sub_type": "agent"},
        {"exp": 1},
    ],
)
def test_token_that_is_not_the_users(
    authkit: AuthKit, fake: FakeAuthKit, claims: dict[str, Any]
) -> None:
    fake.claims = claims
    started = authkit.start({}, None)
    assert outcome(authkit, started.cookies, [query(started.url)["state"]])[0] == 502


def test_forged_tokens(authkit: AuthKit, fake: FakeAuthKit) -> None:
    def sealed(token: str) -> str:
        data = {"access_token": token, "refresh_token": "r", "user": USER}
        return fake.seal(data)

    good = fake.token()
    assert authkit.load(sealed(good))[0]
    own, fake.key = (
        fake.key,
        rsa.generate_private_key(public_exponent=65537, key_size=2048),
    )
    foreign = fake.token()
    fake.key = own
    head, body, signature = good.split(".")
    none = base64.urlsafe_b64encode(b'{"alg":"none","kid":"key_1"}').decode()
    for token in (foreign, f"{none.rstrip('=')}.{body}.", f"{head}.{body}.x", "", "x"):
        assert authkit.load(sealed(token))[0] is None
    for cookie in ("", "x", "ä", sealed(good)[:-5], sealed(good) + "x"):
        assert authkit.load(cookie) == (None, "")
    other = Fernet.generate_key().decode()
    assert authkit.load(Fernet(other).encrypt(b"{}").decode()) == (None, "")


def test_refresh(authkit: AuthKit, fake: FakeAuthKit) -> None:
    fake.claims = {"exp": int(time.time()) + 3}
    sealed = signed_in(authkit)
    fake.claims = {}
    time.sleep(3.1)
    fake.delay = 0.1
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(authkit.load(sealed)))
        for _ in range(5)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r["grant_type"] for r in fake.requests] == [
        "authorization_code",
        "refresh_token",
    ]
    assert fake.requests[1]["refresh_token"] == "refresh_1"
    assert len(results) == 5
    for session, kept in results:
        assert session.session_id == "session_1"
        assert kept != sealed and kept == results[0][1]
    assert authkit.load(results[0][1])[1] == results[0][1]
    assert authkit.session_id(sealed) == "session_1"


@pytest.mark.parametrize(
    ("status", "body", "kept"),
    [
        (400, {"error": "invalid_grant"}, False),
        (401, {"message": "m"}, False),
        (500, "", True),
        (200, "<h1>a captive portal</h1>", True),
    ],
)
def test_refresh_fails(
    authkit: AuthKit, fake: FakeAuthKit, status: int, body: Any, kept: bool
) -> None:
    expired = fake.token(exp=int(time.time()) - 60)
    data = {"access_token": expired, "refresh_token": "r", "user": USER}
    sealed = fake.seal(data)
    fake.answers = [(status, body)]
    assert authkit.load(sealed) == (None, sealed if kept else "")


def test_clocks_apart(authkit: AuthKit, fake: FakeAuthKit) -> None:
    """A token of a second ahead is no forgery."""
    fake.claims = {"iat": int(time.time()) + 2, "nbf": int(time.time()) + 2}
    assert authkit.load(signed_in(authkit))[0]


def test_issuer(
    authkit: AuthKit, fake: FakeAuthKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = signed_in(authkit)
    monkeypatch.setenv("WORKOS_ISSUER", fake.url)
    assert authkit.load(sealed)[0]
    monkeypatch.setenv("WORKOS_ISSUER", "https://another.test")
    assert authkit.load(sealed) == (None, "")


def test_key_set_is_away(
    fake: FakeAuthKit, authkit: AuthKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = signed_in(authkit)
    monkeypatch.setenv("WORKOS_CLIENT_ID", "client_unknown")  # its key set is a 404
    client = once(WorkOSClient)(api_key="sk_test", base_url=fake.url)
    away = AuthKit(client, redirect_uri="http://a/b", cookie_password=fake.password)
    assert away.load(sealed) == (None, sealed)


def test_large_session(authkit: AuthKit, fake: FakeAuthKit) -> None:
    fake.claims = {"permissions": [f"documents:permission-{n}" for n in range(200)]}
    sealed = signed_in(authkit)
    cookies = session_cookies(sealed, {})
    assert len(sealed) > CHUNK and len(cookies) > 1
    for name, value in cookies.items():
        assert len(name) + len(value) < 4096
    assert sealed_session(cookies) == sealed
    session, _ = authkit.load(sealed_session(cookies))
    assert session and len(session.permissions) == 200
    small = session_cookies("small", cookies)
    assert small["wos_session"] == "small"
    assert {v for n, v in small.items() if n != "wos_session"} == {""}
    assert set(session_cookies("", cookies)) == set(cookies)
    assert cookie_max_age("wos_session_1", "") == 0
    assert cookie_max_age("wos_session", "x") is None
    assert cookie_max_age("wos_login_x", "x") == LOGIN_SECONDS


def test_logout(authkit: AuthKit, fake: FakeAuthKit) -> None:
    url = authkit.logout_url("session_1")
    assert url.startswith(f"{fake.url}/user_management/sessions/logout?")
    assert query(url) == {"session_id": "session_1", "return_to": "https://app.test/"}
    token = authkit.form_token("session_1")
    assert authkit.valid_form_token("session_1", token)
    for session_id, wrong in (("session_2", token), ("session_1", ""), ("s", "ä")):
        assert not authkit.valid_form_token(session_id, wrong)


@pytest.mark.parametrize(
    ("redirect_uri", "password", "name"),
    [
        ("", None, "WORKOS_REDIRECT_URI"),
        ("/callback", None, "WORKOS_REDIRECT_URI"),
        ("http://a/callback", "", "WORKOS_COOKIE_PASSWORD"),
        ("http://a/callback", "x" * 32, "WORKOS_COOKIE_PASSWORD"),
        ("http://a/callback", "0f" * 32, "WORKOS_COOKIE_PASSWORD"),
    ],
)
def test_settings(
    fake: FakeAuthKit, redirect_uri: str, password: str | None, name: str
) -> None:
    with pytest.raises(ValueError, match=name) as caught:
        AuthKit(
            fake.client(),
            redirect_uri=redirect_uri,
            cookie_password=fake.password if password is None else password,
        )
    assert not password or password not in str(caught.value)


def test_secure(fake: FakeAuthKit, authkit: AuthKit) -> None:
    assert authkit.secure
    plain = AuthKit(
        fake.client(), redirect_uri="http://a/b", cookie_password=fake.password
    )
    assert not plain.secure


def test_what_a_cookie_holds(fake: FakeAuthKit, authkit: AuthKit) -> None:
    """The tokens are there, and only for who has the password."""
    sealed = signed_in(authkit)
    data = json.loads(Fernet(fake.password).decrypt(sealed))
    assert data["access_token"] == fake.tokens[0]
    assert set(data) == {"access_token", "refresh_token", "user"}
