"""What add --with gives a Flask app."""

from __future__ import annotations

import importlib
import time
from typing import Any

import pytest
from fake_authkit import FakeAuthKit, query
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

workos_auth: Any = importlib.import_module("workos_auth")
# The SDK's 5.x knows no max_age.
RECENT = hasattr(workos_auth, "recent_login_required")

JSON = {"Accept": "application/json"}


@pytest.fixture
def client(fake: FakeAuthKit) -> FlaskClient:
    app = Flask(__name__)
    workos_auth.init_app(app, fake.client())

    @app.get("/")
    def home() -> str:
        return workos_auth.user_links() + workos_auth.form_token()

    @app.get("/admin")
    @workos_auth.require_role("admin")
    def admin() -> str:
        return "admin"

    @app.get("/write")
    @workos_auth.require_permission("posts:write")
    def write() -> str:
        return "write"

    if RECENT:

        @app.route("/danger")
        @workos_auth.recent_login_required(300)
        def danger() -> str:
            return "danger"

    return app.test_client()


def sign_in(client: FlaskClient, path: str = "/login") -> TestResponse:
    sent = query(client.get(path).location)
    return client.get("/callback", query_string={"state": sent["state"], "code": "c"})


def test_sign_up(client: FlaskClient) -> None:
    assert 'href="/signup"' in client.get("/").text
    sent = query(client.get("/signup?next=/a").location)
    assert sent["screen_hint"] == "sign-up"
    assert sent["provider"] == "authkit" and sent["code_challenge"]
    arrived = client.get(
        "/callback", query_string={"state": sent["state"], "code": "c"}
    )
    assert arrived.location == "/a"


def test_roles(client: FlaskClient, fake: FakeAuthKit) -> None:
    assert client.get("/admin").location == "/login?next=/admin"
    assert client.get("/admin", headers=JSON).status_code == 401
    fake.claims = {"role": "member", "roles": ["member"], "permissions": ["posts:read"]}
    sign_in(client)
    for path in ("/admin", "/write"):
        assert client.get(path).status_code == 403
        assert client.get(path, headers=JSON).json == {"error": "not allowed"}
    fake.claims = {"role": "member", "roles": ["member", "admin"]}
    sign_in(client)
    assert client.get("/admin").text == "admin"
    assert client.get("/write").status_code == 403
    fake.claims = {"role": "admin", "permissions": ["posts:write"]}
    sign_in(client)
    assert client.get("/admin").text == "admin"
    assert client.get("/write").text == "write"


@pytest.mark.skipif(
    not RECENT,
    reason="the SDK's 5.x knows no max_age",
)
def test_recent_login(client: FlaskClient, fake: FakeAuthKit) -> None:
    fake.claims = {"auth_time": int(time.time()) - 1000}
    sign_in(client)
    again = client.get("/danger?a=1")
    assert again.location.startswith("/login?next=/danger?a%3D1&max_age=300")
    assert client.get("/danger", headers=JSON).status_code == 401
    sent = query(client.get(again.location).location)
    assert sent["max_age"] == "300"
    fake.claims = {}
    arrived = client.get(
        "/callback", query_string={"state": sent["state"], "code": "c"}
    )
    assert arrived.location == "/danger?a=1"
    assert client.get("/danger").text == "danger"
    assert "max_age" not in query(client.get("/login?max_age=x").location)


def test_switching_organizations(client: FlaskClient, fake: FakeAuthKit) -> None:
    form = {"organization_id": "org_2", "next": "/a"}
    assert client.post("/organization", data=form).status_code == 403
    sign_in(client)
    assert client.post("/organization", data=form).status_code == 403
    token = client.get("/").text.rpartition("</p>")[2]
    fake.claims = {"org_id": "org_2", "role": "admin"}
    switched = client.post("/organization", data={**form, "form_token": token})
    assert switched.location == "/a"
    assert fake.requests[-1]["grant_type"] == "refresh_token"
    assert fake.requests[-1]["organization_id"] == "org_2"
    assert client.get("/admin").text == "admin"
    away = {**form, "form_token": token, "next": "//evil.test"}
    assert client.post("/organization", data=away).location == "/"


def test_an_organization_that_wants_a_login(
    client: FlaskClient, fake: FakeAuthKit
) -> None:
    sign_in(client)
    token = client.get("/").text.rpartition("</p>")[2]
    form = {"organization_id": "org_2", "form_token": token}
    fake.answers = [(403, {"code": "sso_required", "message": "no"})]
    login = client.post("/organization", data=form)
    assert query(login.location)["organization_id"] == "org_2"
    fake.answers = [(503, {"message": "no"})]
    assert client.post("/organization", data=form).status_code == 502
    assert client.get("/account").status_code == 200


def test_impersonator(client: FlaskClient, fake: FakeAuthKit) -> None:
    fake.impersonator = {"email": "help@example.com", "reason": "ticket"}
    sign_in(client)
    assert "ada@example.com, impersonated by help@example.com" in client.get("/").text
