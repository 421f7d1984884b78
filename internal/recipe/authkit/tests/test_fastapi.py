"""The routes of a FastAPI app, over its test client."""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

import pytest
from fake_authkit import USER, FakeAuthKit, query
from fastapi import Depends, FastAPI, Request, WebSocket
from fastapi.responses import HTMLResponse
from fastapi.templating import Jinja2Templates
from fastapi.testclient import TestClient
from workos import AsyncWorkOSClient

workos_auth: Any = importlib.import_module("workos_auth")
CurrentUser: Any = workos_auth.CurrentUser

HTML = {"Accept": "text/html,*/*;q=0.8"}


def make_app(fake: FakeAuthKit, prefix: str = "") -> FastAPI:
    app = FastAPI()
    workos_auth.init_app(app, fake.client(AsyncWorkOSClient), prefix=prefix)

    @app.get("/")
    def home(request: Request) -> HTMLResponse:
        user = workos_auth.current_user(request)
        return HTMLResponse(user["email"] if user else "nobody")

    @app.post("/members", operation_id="join")
    @app.get("/members")
    def members(user: Any = Depends(workos_auth.require_user)) -> Any:  # noqa: B008
        return user["email"]

    @app.websocket("/ws")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        user = workos_auth.current_user(websocket)
        await websocket.send_json(user["email"] if user else None)
        await websocket.close()

    @app.get("/open")
    def open_to_all() -> str:
        return "open"

    return app


def browser(app: FastAPI, scheme: str = "http") -> TestClient:
    return TestClient(app, f"{scheme}://localhost", follow_redirects=False)


@pytest.fixture
def client(fake: FakeAuthKit) -> TestClient:
    return browser(make_app(fake))


def sign_in(client: TestClient, path: str = "/login") -> Any:
    answer = client.get(path, headers=HTML)
    if answer.headers["Location"].startswith("/"):
        answer = client.get(answer.headers["Location"])
    sent = query(answer.headers["Location"])
    return client.get(sent["redirect_uri"] + f"?code=c&state={sent['state']}")


def test_login_and_logout(client: TestClient, fake: FakeAuthKit) -> None:
    assert client.get("/").text == "nobody"
    answer = sign_in(client)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert answer.headers["Cache-Control"] == "no-store"
    home, account = client.get("/"), client.get("/account")
    assert home.text == "ada@example.com"
    assert "Cookie" in home.headers["Vary"]
    assert account.json()["id"] == "user_1"
    for page in (home, account, client.get("/logout")):
        for secret in fake.secrets():
            assert secret not in page.text + str(page.headers)

    assert client.post("/logout").status_code == 403
    assert client.get("/").text == "ada@example.com"
    token = client.get("/logout").text.partition('form_token" value="')[2][:64]
    bye = client.post("/logout", data={"form_token": token})
    assert bye.status_code == 303
    assert query(bye.headers["Location"]) == {
        "session_id": "session_1",
        "return_to": "http://localhost/",
    }
    assert client.get("/").text == "nobody"
    assert client.get("/logout").headers["Location"] == "http://localhost/"
    assert client.post("/logout").headers["Location"] == "http://localhost/"


def test_cookies(fake: FakeAuthKit, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https"):
        monkeypatch.setenv("WORKOS_REDIRECT_URI", f"{scheme}://localhost/callback")
        client = browser(make_app(fake), scheme)
        started = client.get("/login")
        state = query(started.headers["Location"])["state"]
        done = client.get(f"/callback?code=c&state={state}")
        cookies = [
            cookie
            for answer in (started, done)
            for cookie in answer.headers.get_list("Set-Cookie")
        ]
        assert len(cookies) == 3
        for cookie in cookies:
            assert "HttpOnly" in cookie
            assert "SameSite=lax" in cookie
            assert "Path=/" in cookie
            assert ("Secure" in cookie) == (scheme == "https")


def test_protected(client: TestClient) -> None:
    answer = client.get("/members?a=1&b=2", headers=HTML)
    assert answer.status_code == 303
    assert query(answer.headers["Location"]) == {"next": "/members?a=1&b=2"}
    api = client.get("/members")
    assert (api.status_code, api.json()) == (401, {"detail": "not signed in"})
    posted = client.post("/members", headers=HTML)
    assert query(posted.headers["Location"]) == {"next": "/"}
    back = sign_in(client, "/members?a=1&b=2").headers["Location"]
    assert back == "/members?a=1&b=2"
    assert client.get("/members").json() == "ada@example.com"
    back = sign_in(client, "/login?next=%2F%2Fevil.test").headers["Location"]
    assert back == "/"


def test_callback_errors(client: TestClient, fake: FakeAuthKit) -> None:
    state = query(client.get("/login").headers["Location"])["state"]
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
    again = sign_in(client)
    assert again.headers["Location"] == "/"
    assert client.get(str(again.request.url)).status_code == 400


def test_host_header(client: TestClient) -> None:
    headers = {"Host": "evil.test", "X-Forwarded-Host": "evil.test"}
    location = client.get("/login", headers=headers).headers["Location"]
    assert query(location)["redirect_uri"] == "http://localhost/callback"
    assert "evil" not in location


def expired(fake: FakeAuthKit) -> str:
    """A sealed session whose access token has expired."""
    token = fake.token(exp=int(time.time()) - 1)
    data = {"access_token": token, "refresh_token": "r", "user": USER}
    return fake.seal(data)


def test_expired_session(client: TestClient, fake: FakeAuthKit) -> None:
    answer = client.get("/", headers={"Cookie": f"wos_session={expired(fake)}"})
    assert answer.text == "ada@example.com"
    assert answer.headers["Set-Cookie"].startswith("wos_session=")
    assert client.get("/").text == "ada@example.com"
    assert len(fake.requests) == 1
    client.cookies.clear()
    answer = client.get("/open", headers={"Cookie": "wos_session=broken"})
    assert "Max-Age=0" in answer.headers["Set-Cookie"]
    assert "Vary" not in answer.headers


def test_websocket(client: TestClient, fake: FakeAuthKit) -> None:
    with client.websocket_connect("/ws") as socket:
        assert socket.receive_json() is None
    headers = {"Cookie": f"wos_session={expired(fake)}"}
    with client.websocket_connect("/ws", headers=headers) as socket:
        assert socket.receive_json() == "ada@example.com"
        kept = dict(socket.extra_headers or [])
    assert kept[b"set-cookie"].startswith(b"wos_session=")


def test_prefix_and_root_path(
    fake: FakeAuthKit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKOS_REDIRECT_URI", "http://localhost/auth/callback")
    app = make_app(fake, prefix="/auth")
    client = TestClient(
        app, "http://localhost", root_path="/api", follow_redirects=False
    )
    answer = client.get("/members?a=1", headers=HTML)
    path, _, _ = answer.headers["Location"].partition("?")
    assert path == "/api/auth/login"
    assert query(answer.headers["Location"]) == {"next": "/api/members?a=1"}
    back = sign_in(client, "/members?a=1").headers["Location"]
    assert back == "/api/members?a=1"
    assert client.get(back).json() == "ada@example.com"
    assert 'action="/api/auth/logout"' in client.get("/auth/logout").text


def test_mounted_app(fake: FakeAuthKit) -> None:
    app, inner = make_app(fake), FastAPI()

    @inner.get("/page")
    def page(user: Any = Depends(workos_auth.require_user)) -> Any:  # noqa: B008
        return user["email"]

    app.mount("/inner", inner)
    client = browser(app)
    answer = client.get("/inner/page", headers=HTML)
    assert answer.headers["Location"] == "/login?next=%2Finner%2Fpage"
    assert sign_in(client, "/inner/page").headers["Location"] == "/inner/page"
    assert client.get("/inner/page").json() == "ada@example.com"


def test_annotated_user(fake: FakeAuthKit) -> None:
    app = make_app(fake)

    @app.get("/me")
    def me(user: CurrentUser) -> str:  # pyright: ignore[reportInvalidTypeForm]
        return user["email"]

    client = browser(app)
    assert client.get("/me").status_code == 401
    sign_in(client)
    assert client.get("/me").json() == "ada@example.com"


def test_template(fake: FakeAuthKit, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        "{% if request.state.workos.user %}{{ request.state.workos.user.email }} "
        "{{ request.state.workos.logout_url }}"
        "{% else %}{{ request.state.workos.login_url }}{% endif %}"
    )
    templates, app = Jinja2Templates(directory=tmp_path), make_app(fake)

    @app.get("/page")
    def page(request: Request) -> Any:
        return templates.TemplateResponse(request, "page.html")

    client = browser(app)
    answer = client.get("/page")
    assert answer.text == "/login"
    assert "Cookie" in answer.headers["Vary"]
    sign_in(client)
    assert client.get("/page").text == "ada@example.com /logout"


def test_not_in_the_api_schema(client: TestClient) -> None:
    assert "/login" not in client.get("/openapi.json").json()["paths"]
