"""What add --with gives a FastAPI app."""

from __future__ import annotations

import importlib
import time
from typing import Any

import pytest
from fake_authkit import FakeAuthKit, query
from fastapi import Depends, FastAPI, Request
from fastapi.testclient import TestClient
from workos import AsyncWorkOSClient

workos_auth: Any = importlib.import_module("workos_auth")
# The SDK's 5.x knows no max_age.
RECENT = hasattr(workos_auth, "require_recent_login")

HTML = {"Accept": "text/html"}


@pytest.fixture
def client(fake: FakeAuthKit) -> TestClient:
    app = FastAPI()
    workos_auth.init_app(app, fake.client(AsyncWorkOSClient))

    @app.get("/")
    def home(request: Request) -> Any:
        visit = request.state.workos
        token = workos_auth.form_token(request)
        session = workos_auth.current_session(request)
        name = session.name if session else ""
        return {"sign_up": visit.sign_up_url, "token": token, "name": name}

    @app.get("/admin", dependencies=[Depends(workos_auth.require_role("admin"))])
    async def admin() -> str:
        return "admin"

    @app.get("/write", dependencies=[Depends(workos_auth.require_permission("w"))])
    def write() -> str:
        return "write"

    if RECENT:
        recent = Depends(workos_auth.require_recent_login(300))

        @app.get("/danger", dependencies=[recent])
        def danger() -> str:
            return "danger"

    return TestClient(app, "http://localhost", follow_redirects=False)


def callback(client: TestClient, location: str) -> Any:
    return client.get(
        "/callback", params={"state": query(location)["state"], "code": "c"}
    )


def sign_in(client: TestClient) -> Any:
    return callback(client, client.get("/login").headers["Location"])


def test_sign_up(client: TestClient) -> None:
    assert client.get("/").json()["sign_up"] == "/signup"
    location = client.get("/signup?next=/a").headers["Location"]
    assert query(location)["screen_hint"] == "sign-up"
    assert callback(client, location).headers["Location"] == "/a"


def test_roles(client: TestClient, fake: FakeAuthKit) -> None:
    away = client.get("/admin", headers=HTML)
    assert away.headers["Location"] == "/login?next=%2Fadmin"
    assert client.get("/admin").status_code == 401
    fake.claims = {"role": "member", "permissions": ["r"]}
    sign_in(client)
    assert client.get("/admin").status_code == 403
    assert client.get("/write").status_code == 403
    fake.claims = {"roles": ["member", "admin"], "permissions": ["w"]}
    sign_in(client)
    assert client.get("/admin").json() == "admin"
    assert client.get("/write").json() == "write"


@pytest.mark.skipif(
    not RECENT,
    reason="the SDK's 5.x knows no max_age",
)
def test_recent_login(client: TestClient, fake: FakeAuthKit) -> None:
    fake.claims = {"auth_time": int(time.time()) - 1000}
    sign_in(client)
    assert client.get("/danger").status_code == 401
    again = client.get("/danger", headers=HTML).headers["Location"]
    assert again == "/login?next=%2Fdanger&max_age=300"
    location = client.get(again).headers["Location"]
    assert query(location)["max_age"] == "300"
    fake.claims = {}
    assert callback(client, location).headers["Location"] == "/danger"
    assert client.get("/danger").json() == "danger"


def test_switching_organizations(client: TestClient, fake: FakeAuthKit) -> None:
    form = {"organization_id": "org_2", "next": "/a"}
    assert client.post("/organization", data=form).status_code == 403
    sign_in(client)
    assert client.post("/organization", data=form).status_code == 403
    form["form_token"] = client.get("/").json()["token"]
    fake.claims = {"org_id": "org_2", "role": "admin"}
    switched = client.post("/organization", data=form)
    assert switched.headers["Location"] == "/a"
    assert fake.requests[-1]["organization_id"] == "org_2"
    assert client.get("/admin").json() == "admin"
    fake.answers = [(403, {"code": "sso_required", "message": "no"})]
    login = client.post("/organization", data=form).headers["Location"]
    assert query(login)["organization_id"] == "org_2"
    fake.answers = [(503, {"message": "no"})]
    assert client.post("/organization", data=form).status_code == 502


def test_impersonator(client: TestClient, fake: FakeAuthKit) -> None:
    fake.impersonator = {"email": "help@example.com", "reason": "ticket"}
    sign_in(client)
    name = client.get("/").json()["name"]
    assert name == "ada@example.com, impersonated by help@example.com"
