"""Flask-Login over the test client of an app that has AuthKit's login."""

from __future__ import annotations

from typing import Any

import flask_login  # pyright: ignore[reportMissingTypeStubs]
import pytest
from fake_authkit import FakeAuthKit, query
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

import workos_auth
import workos_flask_login

LINES = "{{ current_user.is_authenticated }} {{ current_user.email }}"


@pytest.fixture
def app(fake: FakeAuthKit) -> Flask:
    app = Flask(__name__)  # no secret key: the session of AuthKit needs none
    workos_auth.init_app(app, fake.client())
    manager = flask_login.LoginManager(app)
    workos_flask_login.init_app(manager)

    @app.get("/")
    def home() -> str:
        return render_template_string(LINES)

    @app.get("/members")
    @flask_login.login_required
    def members() -> str:
        user: Any = flask_login.current_user
        return f"{user.get_id()} {user.first_name}"

    return app


def sign_in(client: FlaskClient, path: str) -> TestResponse:
    answer = client.get(path)
    state = query(client.get(answer.location).location)["state"]
    return client.get(f"/callback?state={state}&code=c")


def test_members(app: Flask, fake: FakeAuthKit) -> None:
    client = app.test_client()
    assert client.get("/").text == "False "
    assert client.get("/members?a=1").location == "/login?next=%2Fmembers%3Fa%3D1"
    assert sign_in(client, "/members?a=1").location == "/members?a=1"
    assert client.get("/members").text == "user_1 Ada"
    assert client.get("/").text == "True ada@example.com"
    page = client.get("/logout").text
    token = page.partition('form_token" value="')[2].partition('"')[0]
    client.post("/logout", data={"form_token": token})
    assert client.get("/").text == "False "


def test_what_the_app_has_set_stays() -> None:
    manager = flask_login.LoginManager()
    manager.login_view, manager.login_message = "mine", "Come in"  # type: ignore[assignment]
    workos_flask_login.init_app(manager)
    assert (manager.login_view, manager.login_message) == ("mine", "Come in")


def test_beside_a_user_loader(app: Flask, fake: FakeAuthKit) -> None:
    class Local(flask_login.UserMixin):
        id, email = "7", "local@example.com"

    app.secret_key = "for tests only"  # noqa: S105
    app.login_manager.user_loader(lambda _: Local())  # type: ignore[attr-defined]
    client = app.test_client()
    with client.session_transaction() as session:
        session["_user_id"] = "7"
    assert client.get("/").text == "True local@example.com"
    other = app.test_client()
    sign_in(other, "/members")
    assert other.get("/").text == "True ada@example.com"
