"""What add --with gives a Django project."""

from __future__ import annotations

import importlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client, override_settings
from fake_authkit import (  # pyright: ignore[reportMissingImports]
    FakeAuthKit,
    query,
)

auth_views: Any = importlib.import_module("auth_views")
# The SDK's 5.x knows no max_age.
RECENT = hasattr(auth_views, "recent_login_required")

HTML = {"Accept": "text/html,*/*;q=0.8"}
JSON = {"Accept": "application/json"}


@pytest.fixture
def client(fake: FakeAuthKit) -> Iterator[Client]:
    with override_settings(ROOT_URLCONF="feature_urls"):
        yield Client(enforce_csrf_checks=True)


def callback(client: Client, location: str) -> Any:
    state = query(location)["state"]
    return client.get(f"/auth/callback/?state={state}&code=c")


def sign_in(client: Client) -> Any:
    return callback(client, client.get("/auth/login/")["Location"])


def test_sign_up(client: Client) -> None:
    location = client.get("/auth/signup/?next=/a")["Location"]
    assert query(location)["screen_hint"] == "sign-up"
    assert callback(client, location)["Location"] == "/a"


def test_roles(client: Client, fake: FakeAuthKit) -> None:
    away = client.get("/admin/", headers=HTML)
    assert away["Location"] == "/auth/login/?next=%2Fadmin%2F"
    assert client.get("/write/", headers=JSON).status_code == 401
    fake.claims = {"role": "member", "permissions": ["posts:read"]}
    sign_in(client)
    for path in ("/admin/", "/write/"):
        assert client.get(path, headers=HTML).status_code == 403
        assert client.get(path, headers=JSON).json() == {"error": "not allowed"}
    fake.claims = {"roles": ["member", "admin"], "permissions": ["posts:write"]}
    sign_in(client)
    assert client.get("/admin/").content == b"admin"
    assert client.get("/write/").content == b"write"


@pytest.mark.skipif(not RECENT, reason="the SDK's 5.x knows no max_age")
def test_recent_login(client: Client, fake: FakeAuthKit) -> None:
    fake.claims = {"auth_time": int(time.time()) - 1000}
    sign_in(client)
    assert client.get("/danger/", headers=JSON).status_code == 401
    again = client.get("/danger/", headers=HTML)["Location"]
    assert again == "/auth/login/?next=%2Fdanger%2F&max_age=300"
    location = client.get(again)["Location"]
    assert query(location)["max_age"] == "300"
    fake.claims = {}
    assert callback(client, location)["Location"] == "/danger/"
    assert client.get("/danger/").content == b"danger"


def test_switching_organizations(client: Client, fake: FakeAuthKit) -> None:
    form = {"organization_id": "org_2", "next": "/a"}
    sign_in(client)
    assert client.post("/auth/organization/", form).status_code == 403
    form["csrfmiddlewaretoken"] = client.get("/").content.decode()
    fake.claims = {"org_id": "org_2", "role": "admin"}
    assert client.post("/auth/organization/", form)["Location"] == "/a"
    assert fake.requests[-1]["organization_id"] == "org_2"
    assert client.get("/admin/").content == b"admin"
    fake.answers = [(403, {"code": "sso_required", "message": "no"})]
    login = client.post("/auth/organization/", form)["Location"]
    assert query(login)["organization_id"] == "org_2"
    fake.answers = [(503, {"message": "no"})]
    assert client.post("/auth/organization/", form).status_code == 502


def test_impersonator(client: Client, fake: FakeAuthKit) -> None:
    fake.impersonator = {"email": "help@example.com", "reason": "ticket"}
    sign_in(client)
    page = client.get("/auth/account/").content.decode()
    assert "ada@example.com, impersonated by help@example.com" in page
