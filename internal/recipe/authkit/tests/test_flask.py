"""The routes of a Flask app, over its test client."""

from __future__ import annotations

import importlib
import runpy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from fake_authkit import USER, FakeAuthKit, query
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

workos_auth: Any = importlib.import_module("workos_auth")

SERVER = Path(__file__).parents[2] / "vanilla/files/server.py"


def make_app(fake: FakeAuthKit, prefix: str | None = None) -> Flask:
    app = Flask(__name__)
    workos_auth.init_app(app, fake.client(), url_prefix=prefix)

    @app.get("/")
    def home() -> str:
        return "<h1>Hi</h1>" + workos_auth.user_links()

    @app.get("/members")
    @workos_auth.login_required
    def members() -> str:
        return workos_auth.current_user()["email"]

    @app.post("/members")
    @workos_auth.login_required
    def join() -> str:
        return "joined"

    @app.get("/template")
    def template() -> str:
        text = "{{ workos_user.email if workos_user else 'nobody' }}"
        return render_template_string(text)

    @app.get("/open")
    def open_to_all() -> str:
        return "open"

    return app


@pytest.fixture
def client(fake: FakeAuthKit) -> Iterator[FlaskClient]:
    with make_app(fake).test_client() as client:
        yield client


def sign_in(client: FlaskClient, path: str = "/login") -> TestResponse:
    """Log in by a path, and return the answer to the callback."""
    answer = client.get(path)
    if answer.location.startswith("/"):
        answer = client.get(answer.location)
    state = query(answer.location)["state"]
    callback = urlsplit(query(answer.location)["redirect_uri"]).path
    return client.get(f"{callback}?code=c&state={state}")


def set_cookies(answer: TestResponse) -> list[str]:
    return answer.headers.getlist("Set-Cookie")


def test_login_and_logout(client: FlaskClient, fake: FakeAuthKit) -> None:
    assert 'href="/login"' in client.get("/").text
    answer = sign_in(client)
    assert (answer.status_code, answer.location) == (302, "/")
    assert answer.headers["Cache-Control"] == "no-store"
    home = client.get("/")
    assert "Signed in as ada@example.com" in home.text
    assert "Cookie" in home.headers["Vary"]
    assert client.get("/template").text == "ada@example.com"
    account = client.get("/account")
    assert "ada@example.com" in account.text
    for page in (home, account, client.get("/logout")):
        for secret in fake.secrets():
            assert secret not in page.text + str(page.headers)

    assert client.post("/logout").status_code == 403
    assert "ada@" in client.get("/").text
    token = client.get("/logout").text.partition('form_token" value="')[2][:64]
    bye = client.post("/logout", data={"form_token": token})
    assert query(bye.location) == {
        "session_id": "session_1",
        "return_to": "http://localhost/",
    }
    assert "ada@" not in client.get("/").text
    assert client.get("/logout").location == "http://localhost/"


def test_cookies(fake: FakeAuthKit, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https"):
        monkeypatch.setenv("WORKOS_REDIRECT_URI", f"{scheme}://localhost/callback")
        client = make_app(fake).test_client()
        started = client.get("/login", base_url=f"{scheme}://localhost")
        state = query(started.location)["state"]
        done = client.get(
            f"/callback?code=c&state={state}", base_url=f"{scheme}://localhost"
        )
        cookies = set_cookies(started) + set_cookies(done)
        assert len(cookies) == 3
        for cookie in cookies:
            assert "HttpOnly" in cookie
            assert "SameSite=Lax" in cookie
            assert "Path=/" in cookie
            assert ("Secure" in cookie) == (scheme == "https")


def test_a_large_session_and_a_small_one(
    client: FlaskClient, fake: FakeAuthKit
) -> None:
    fake.claims = {"permissions": [f"documents:permission-{n}" for n in range(200)]}
    sign_in(client)
    assert "ada@" in client.get("/").text
    assert client.get_cookie("wos_session_1")
    fake.claims = {}
    sign_in(client)
    assert "ada@" in client.get("/").text
    assert not client.get_cookie("wos_session_1")


def test_protected(client: FlaskClient) -> None:
    answer = client.get("/members?a=1&b=2", headers={"Accept": "text/html"})
    assert answer.status_code == 302
    assert query(answer.location) == {"next": "/members?a=1&b=2"}
    api = client.get("/members", headers={"Accept": "application/json"})
    assert (api.status_code, api.json) == (401, {"error": "not signed in"})
    assert client.post("/members").location == "/login"
    assert sign_in(client, "/members?a=1&b=2").location == "/members?a=1&b=2"
    assert client.get("/members").text == "ada@example.com"
    assert client.post("/members").text == "joined"
    assert sign_in(client, "/login?next=//evil.test").location == "/"


def test_callback_errors(client: FlaskClient, fake: FakeAuthKit) -> None:
    state = query(client.get("/login").location)["state"]
    for params, status in (
        ("", 400),
        ("code=c", 400),
        ("code=c&state=x", 400),
        (f"error=%3Cscript%3E&state={state}", 403),
        (f"code=c&state={state}", 400),  # the state is used up
    ):
        answer = client.get(f"/callback?{params}")
        assert answer.status_code == status
        assert "<h1>Sign-in did not work</h1>" in answer.text
        assert "<script>" not in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
    assert fake.requests == []
    assert "ada@" not in client.get("/").text
    again = sign_in(client)
    assert again.location == "/"
    replayed = client.get(
        again.request.path + "?" + again.request.query_string.decode()
    )
    assert replayed.status_code == 400


def test_host_header(client: FlaskClient) -> None:
    headers = {"Host": "evil.test", "X-Forwarded-Host": "evil.test"}
    location = client.get("/login", headers=headers).location
    assert query(location)["redirect_uri"] == "http://localhost/callback"
    assert "evil" not in location


def test_expired_session(client: FlaskClient, fake: FakeAuthKit) -> None:
    sign_in(client)
    old = client.get_cookie("wos_session")
    expired = fake.token(exp=int(time.time()) - 1)
    data = {"access_token": expired, "refresh_token": "r", "user": USER}
    client.set_cookie("wos_session", fake.seal(data))
    assert "ada@" in client.get("/").text
    new = client.get_cookie("wos_session")
    assert old and new and new.value != old.value
    assert len(fake.requests) == 2
    assert "ada@" in client.get("/").text
    assert len(fake.requests) == 2
    client.set_cookie("wos_session", "broken")
    assert "ada@" not in client.get("/").text
    assert not client.get_cookie("wos_session")


def test_a_page_that_asks_for_nobody(client: FlaskClient) -> None:
    sign_in(client)
    answer = client.get("/open")
    assert "Vary" not in answer.headers
    assert set_cookies(answer) == []


def test_prefix(fake: FakeAuthKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKOS_REDIRECT_URI", "http://localhost/auth/callback")
    client = make_app(fake, prefix="/auth").test_client()
    assert 'href="/auth/login"' in client.get("/").text
    assert client.get("/members").location == "/auth/login?next=/members"
    assert sign_in(client, "/auth/login").location == "/"
    assert 'action="/auth/logout"' in client.get("/auth/account").text


def test_async_view(fake: FakeAuthKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flask's ensure_sync, which needs asgiref, is what runs an async view."""
    app = make_app(fake)

    async def view() -> str:
        return "never awaited here"

    def ensure_sync(func: Any) -> Any:
        return (lambda: "awaited") if func is view else func

    monkeypatch.setattr(app, "ensure_sync", ensure_sync)
    app.add_url_rule("/async", view_func=workos_auth.login_required(view))
    client = app.test_client()
    sign_in(client)
    assert client.get("/async").text == "awaited"


def test_csrf_protection_of_the_app(fake: FakeAuthKit) -> None:
    """Flask-WTF's CSRFProtect wants its own token in every form."""
    app = make_app(fake)
    app.jinja_env.globals["csrf_token"] = lambda: "from-flask-wtf"
    client = app.test_client()
    sign_in(client)
    assert 'name="csrf_token" value="from-flask-wtf"' in client.get("/logout").text


def test_names_are_escaped(client: FlaskClient, fake: FakeAuthKit) -> None:
    fake.user = {**USER, "email": "<script>@example.com"}
    sign_in(client)
    for path in ("/", "/account", "/template"):
        assert "<script>" not in client.get(path).text


def test_settings(fake: FakeAuthKit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORKOS_REDIRECT_URI")
    with pytest.raises(ValueError, match="WORKOS_REDIRECT_URI"):
        make_app(fake)


def test_server(fake: FakeAuthKit, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server that a plain Python project gets."""
    monkeypatch.setattr("dotenv.load_dotenv", lambda: True)
    server = runpy.run_path(str(SERVER))
    client = server["app"].test_client()
    assert sign_in(client).location == "/"
    assert "ada@example.com" in client.get("/").text
    for secret in fake.secrets():
        assert secret not in client.get("/").text
