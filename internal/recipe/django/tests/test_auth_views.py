"""The views of a Django project, over Django's test client."""

from __future__ import annotations

import asyncio
import time
from http.cookies import Morsel
from importlib import import_module
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.test import AsyncClient, Client, override_settings
from django.utils.http import url_has_allowed_host_and_scheme
from fake_authkit import (  # pyright: ignore[reportMissingImports]
    USER,
    FakeAuthKit,
    query,
)

HTML = {"Accept": "text/html,*/*;q=0.8"}


@pytest.fixture
def client(fake: FakeAuthKit) -> Client:
    return Client(enforce_csrf_checks=True)


def callback(state: str, **answer: str) -> str:
    params = "&".join(f"{name}={value}" for name, value in answer.items())
    return f"/auth/callback/?state={state}&{params}"


def sign_in(client: Client, path: str = "/auth/login/") -> Any:
    """Log in by a path, and return the answer to the callback."""
    answer = client.get(path, headers=HTML)
    if answer["Location"].startswith("/"):
        answer = client.get(answer["Location"], headers=HTML)
    return client.get(callback(query(answer["Location"])["state"], code="c"))


def sessions() -> Any:
    return import_module(settings.SESSION_ENGINE).SessionStore


def key(client: Client) -> str:
    return client.cookies["sessionid"].value


def sign_out(client: Client) -> Any:
    page = client.get("/auth/logout/").content.decode()
    token = page.partition('csrfmiddlewaretoken" value="')[2].partition('"')[0]
    return client.post("/auth/logout/", {"csrfmiddlewaretoken": token})


def test_login_and_logout(client: Client, fake: FakeAuthKit) -> None:
    assert client.get("/").content == b"/auth/login/"
    answer = sign_in(client)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert "no-store" in answer["Cache-Control"]
    home = client.get("/")
    assert home.content == b"ada@example.com /auth/logout/"
    assert "Cookie" in home["Vary"]
    account = client.get("/auth/account/", headers=HTML)
    assert b"ada@example.com" in account.content
    assert "no-store" in account["Cache-Control"]
    for page in (home, account, client.get("/auth/logout/")):
        for secret in fake.secrets():
            assert secret not in page.content.decode() + str(page.headers)

    old = key(client)
    assert client.post("/auth/logout/").status_code == 403
    assert client.get("/auth/logout/").status_code == 200
    assert client.get("/").content.startswith(b"ada@")
    bye = sign_out(client)
    assert query(bye["Location"]) == {
        "session_id": "session_1",
        "return_to": "http://testserver/",
    }
    assert client.get("/").content == b"/auth/login/"
    assert not sessions()(old).load()
    assert client.get("/auth/logout/")["Location"] == "http://testserver/"


def test_what_authkit_is_asked(client: Client, fake: FakeAuthKit) -> None:
    evil = {"Host": "evil.test", "X-Forwarded-Host": "evil.test"}
    answer = client.get("/auth/login/", headers=evil)
    asked = query(answer["Location"])
    assert answer["Location"].startswith(fake.url)
    assert asked["redirect_uri"] == "http://testserver/auth/callback/"
    assert asked["provider"] == "authkit"
    assert asked["code_challenge_method"] == "S256"
    assert "no-store" in answer["Cache-Control"]
    other = query(client.get("/auth/login/")["Location"])
    for name in ("state", "code_challenge"):
        assert asked[name] != other[name]
        assert len(asked[name]) >= 43  # 256 bits
    # Both tabs arrive, in whichever order.
    for state in (other["state"], asked["state"]):
        assert client.get(callback(state, code="c"))["Location"] == "/"
    assert all("code_verifier" in request for request in fake.requests)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_login_cookie(
    fake: FakeAuthKit, scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    uri = f"{scheme}://testserver/auth/callback/"
    monkeypatch.setattr(settings, "WORKOS_REDIRECT_URI", uri)
    cookies: list[Morsel[str]] = list(Client().get("/auth/login/").cookies.values())
    assert len(cookies) == 1
    assert cookies[0]["httponly"]
    assert cookies[0]["samesite"] == "Lax"
    assert cookies[0]["path"] == "/"
    assert cookies[0]["max-age"] == 600
    assert bool(cookies[0]["secure"]) == (scheme == "https")


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test",
        "//evil.test",
        "///evil.test",
        "/%2F/evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/%5Cevil.test",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: b=c",
        "/%0d%0aSet-Cookie:b=c",
        "/\tevil.test",
        "evil.test",
        "http:///evil.test",
        "",
    ],
)
def test_next_cannot_leave_the_site(client: Client, target: str) -> None:
    answer = client.get("/auth/login/", {"next": target})
    done = client.get(callback(query(answer["Location"])["state"], code="c"))
    assert done["Location"] == "/"


@pytest.mark.parametrize(
    "target",
    ["/members/?a=1&b=2", "/members/room%201/", "/a%20b", "/a?u=https://x.test"],
)
def test_next_survives(client: Client, target: str) -> None:
    assert url_has_allowed_host_and_scheme(target, {"testserver"})
    answer = client.get("/auth/login/", {"next": target})
    done = client.get(callback(query(answer["Location"])["state"], code="c"))
    assert done["Location"] == target


def test_protected(client: Client) -> None:
    for path in ("/members/", "/class/", "/auth/account/"):
        answer = client.get(f"{path}?a=1&b=2", headers=HTML)
        assert answer.status_code == 302
        assert query(answer["Location"]) == {"next": f"{path}?a=1&b=2"}
    api = client.get("/members/", headers={"Accept": "application/json"})
    assert (api.status_code, api.json()) == (401, {"error": "not signed in"})
    posted = Client().post("/members/", headers=HTML)
    assert posted["Location"] == "/auth/login/?next=%2F"
    assert sign_in(client, "/members/blue/?a=1")["Location"] == "/members/blue/?a=1"
    assert client.get("/members/blue/").content == b"ada@example.com blue"
    assert client.get("/class/").content == b"class"


def test_protected_async(fake: FakeAuthKit) -> None:
    async def visit(cookies: dict[str, str]) -> Any:
        client = AsyncClient()
        client.cookies.load(cookies)
        return await client.get("/async/")

    assert asyncio.run(visit({})).status_code == 302
    client = Client()
    sign_in(client)
    assert asyncio.run(visit({"sessionid": key(client)})).content == b"async"


def test_callback_errors(client: Client, fake: FakeAuthKit) -> None:
    state = query(client.get("/auth/login/")["Location"])["state"]
    twice = query(client.get("/auth/login/")["Location"])["state"]
    stranger = query(Client().get("/auth/login/")["Location"])["state"]
    for params, status in (
        ("", 400),
        ("code=c", 400),
        ("code=c&state=x", 400),
        (f"code=c&state={stranger}", 400),
        (f"code=c&state={twice}&state={twice}", 400),
        (f"error=%3Cscript%3E&error_description=%3Cscript%3E&state={state}", 403),
        (f"code=c&state={state}", 400),  # the state is used up
    ):
        answer = client.get(f"/auth/callback/?{params}")
        assert answer.status_code == status, params
        assert b"<h1>Sign-in did not work</h1>" in answer.content
        assert b"<script>" not in answer.content
        assert "no-store" in answer["Cache-Control"]
    assert fake.requests == []
    assert client.get("/").content == b"/auth/login/"
    assert client.post("/auth/callback/").status_code in (403, 405)


def test_callback_that_comes_late(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = query(client.get("/auth/login/")["Location"])["state"]
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    assert client.get(callback(state, code="c")).status_code == 400


@pytest.mark.parametrize(
    ("status", "body", "want"),
    [
        (400, {"error": "invalid_grant", "error_description": "used"}, 400),
        (403, {"code": "mfa_enrollment", "message": "needs MFA"}, 400),
        (500, {"message": "down"}, 502),
        (200, "<html>a proxy's page</html>", 502),
    ],
)
def test_authkit_says_no(
    client: Client, fake: FakeAuthKit, status: int, body: Any, want: int
) -> None:
    fake.answers = [(status, body)] * 5
    answer = sign_in(client)
    assert answer.status_code == want
    assert b"<h1>Sign-in did not work</h1>" in answer.content
    assert b"Traceback" not in answer.content
    assert client.get("/").content == b"/auth/login/"


def test_a_planted_session_is_worth_nothing(client: Client) -> None:
    client.get("/cart/")
    planted = key(client)
    sign_in(client)
    assert key(client) != planted
    assert not sessions()(planted).load()
    assert client.get("/cart/").content == b"2"


def test_another_person_on_the_same_browser(client: Client, fake: FakeAuthKit) -> None:
    sign_in(client)
    client.get("/cart/")
    sign_in(client)
    assert client.get("/cart/").content == b"2"
    fake.user, fake.claims = (
        {**USER, "id": "user_2", "email": "b@c.de"},
        {"sub": "user_2"},
    )
    sign_in(client)
    assert client.get("/").content.startswith(b"b@c.de")
    assert client.get("/cart/").content == b"1"


def test_a_session_that_means_something_else_by_user(client: Client) -> None:
    client.get("/cart/")
    session = client.session
    session["user"] = "ada"
    session.save()
    assert sign_in(client)["Location"] == "/"
    assert client.session["user"]["email"] == "ada@example.com"


def test_expired_session(client: Client, fake: FakeAuthKit) -> None:
    def keep(sealed: str) -> None:
        session = client.session
        session["workos_session"] = sealed
        session.save()

    sign_in(client)
    expired = fake.token(exp=int(time.time()) - 1)
    data = {"access_token": expired, "refresh_token": "r", "user": USER}
    keep(fake.seal(data))
    for _ in range(2):
        assert client.get("/members/").status_code == 200
    assert [request["grant_type"] for request in fake.requests] == [
        "authorization_code",
        "refresh_token",
    ]

    fake.answers = [(400, {"error": "invalid_grant"})]
    data["refresh_token"] = "ended"
    keep(fake.seal(data))
    assert client.get("/members/", headers=HTML).status_code == 302
    assert client.get("/").content == b"/auth/login/"

    sign_in(client)
    keep("sealed with another key")
    assert sign_out(client)["Location"] == "http://testserver/"
    assert client.get("/").content == b"/auth/login/"


def test_a_request_asks_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or its session could end between the guard and the view."""
    sign_in(client)
    authkit = import_module("auth_views").authkit()
    asked: list[str] = []
    load = authkit.load
    monkeypatch.setattr(
        authkit, "load", lambda sealed: asked.append(sealed) or load(sealed)
    )
    assert b"ada@" in client.get("/auth/account/", headers=HTML).content
    assert len(asked) == 1


def test_names_are_escaped(client: Client, fake: FakeAuthKit) -> None:
    fake.user = {**USER, "email": "<script>@example.com"}
    sign_in(client)
    for path in ("/", "/auth/account/"):
        assert b"<script>" not in client.get(path).content


def test_without_a_home_page(client: Client) -> None:
    with override_settings(ROOT_URLCONF="urls_without_home"):
        assert sign_in(client)["Location"] == "/auth/account/"
        assert sign_in(client, "/auth/login/?next=/a/")["Location"] == "/a/"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("WORKOS_API_KEY", "", "set WORKOS_API_KEY in"),
        ("WORKOS_CLIENT_ID", None, "set WORKOS_CLIENT_ID in"),
        ("WORKOS_REDIRECT_URI", "/auth/callback/", "WORKOS_REDIRECT_URI must be"),
        ("WORKOS_COOKIE_PASSWORD", "x" * 32, "WORKOS_COOKIE_PASSWORD must be"),
    ],
)
def test_settings(
    client: Client, monkeypatch: pytest.MonkeyPatch, name: str, value: Any, says: str
) -> None:
    monkeypatch.setattr(settings, name, value)
    with pytest.raises(ImproperlyConfigured, match=says):
        client.get("/auth/login/")
