"""Login with WorkOS AuthKit: the routes /login, /callback, /logout and /account.

``init_app`` hooks it up. ``current_user()`` tells who is signed in, templates have
the same as ``workos_user``, and ``@login_required`` keeps a view for people who are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, cast

from flask import (
    Blueprint,
    Flask,
    current_app,
    g,
    has_request_context,
    jsonify,
    redirect,
    render_template_string,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask.wrappers import Response
from markupsafe import escape
from workos import WorkOSClient

from workos_authkit import (
    AuthKit,
    AuthKitSession,
    LoginError,
    cookie_max_age,
    sealed_session,
    session_cookies,
)

P = ParamSpec("P")

bp = Blueprint("workos_auth", __name__)

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<h1>{{ title }}</h1>
<p>{{ text }}</p>
{% if form_token %}
<form method="post" action="{{ url_for('workos_auth.logout') }}">
  <input type="hidden" name="form_token" value="{{ form_token }}">
  {% if csrf_token is defined %}
  <input type="hidden" name="csrf_token" value="{{ csrf_token() }}">
  {% endif %}
  <button>Sign out</button>
</form>
{% else %}
<p><a href="{{ url_for('workos_auth.login') }}">Sign in</a></p>
{% endif %}
</html>
"""


def init_app(app: Flask, workos: WorkOSClient, url_prefix: str | None = None) -> None:
    """Add the login routes to ``app``, which uses ``workos`` to talk to AuthKit.

    Raises:
        ValueError: WORKOS_REDIRECT_URI or WORKOS_COOKIE_PASSWORD is not set right.
    """
    app.extensions["workos_auth"] = AuthKit(
        workos,
        redirect_uri=os.environ.get("WORKOS_REDIRECT_URI", ""),
        cookie_password=os.environ.get("WORKOS_COOKIE_PASSWORD", ""),
    )
    app.register_blueprint(bp, url_prefix=url_prefix)


def current_session() -> AuthKitSession | None:
    """Return the session of this request, or None for an anonymous visitor."""
    if "workos_session" not in g:
        sealed = sealed_session(request.cookies)
        g.workos_session, kept = _authkit().load(sealed)
        if kept != sealed:
            _set_cookies(session_cookies(kept, request.cookies))
    return cast("AuthKitSession | None", g.workos_session)


def current_user() -> dict[str, Any] | None:
    """Return who is signed in: ``id``, ``email``, ``first_name`` and so on, or None."""
    session = current_session()
    return session.user if session else None


def login_required(view: Callable[P, Any]) -> Callable[P, Any]:
    """Keep a view for people who are signed in.

    Others are sent to sign in and come back; a client that wants JSON gets a 401.
    """

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
        if current_user():
            return current_app.ensure_sync(view)(*args, **kwargs)
        accepts = request.accept_mimetypes
        if accepts.best_match(["text/html", "application/json"]) == "application/json":
            return jsonify(error="not signed in"), 401
        here = request.script_root + request.full_path.removesuffix("?")
        back = here if request.method == "GET" else None
        return redirect(url_for("workos_auth.login", next=back))

    return guarded


def user_links() -> str:
    """Return who is signed in and a link to sign in or out, as HTML."""
    user = current_user()
    if user is None:
        return f'<p><a href="{url_for("workos_auth.login")}">Sign in</a></p>'
    sign_out = f'<a href="{url_for("workos_auth.logout")}">Sign out</a>'
    return f"<p>Signed in as {escape(user['email'])}. {sign_out}</p>"


@bp.get("/login")
def login() -> ResponseReturnValue:
    """Send the browser to AuthKit."""
    started = _authkit().start(request.cookies, request.args.get("next"))
    _set_cookies(started.cookies)
    return redirect(started.url)


@bp.get("/callback")
def callback() -> ResponseReturnValue:
    """Take the authorization code that AuthKit sent the browser back with."""
    query = request.args
    _set_cookies(_authkit().login_done(query.getlist("state")))
    try:
        finished = _authkit().finish(
            request.cookies,
            query.getlist("state"),
            query.getlist("code"),
            query.getlist("error"),
        )
    except LoginError as error:
        return _page("Sign-in did not work", error.message), error.status
    _set_cookies(session_cookies(finished.sealed, request.cookies))
    return redirect(finished.next_url)


@bp.route("/logout", methods=["GET", "POST"])
def logout() -> ResponseReturnValue:
    """Ask with a button (GET), then end the session here and at AuthKit (POST)."""
    session_id = _authkit().session_id(sealed_session(request.cookies))
    if session_id is None:
        return redirect(_authkit().home_url)
    if request.method == "GET":
        token = _authkit().form_token(session_id)
        return _page("Sign out", "Do you want to sign out?", form_token=token)
    if not _authkit().valid_form_token(session_id, request.form.get("form_token", "")):
        return _page("Sign-out did not work", "Please try again."), 403
    _set_cookies(session_cookies("", request.cookies))
    return redirect(_authkit().logout_url(session_id))


@bp.get("/account")
@login_required
def account() -> ResponseReturnValue:
    """Show who is signed in."""
    session = cast("AuthKitSession", current_session())
    token = _authkit().form_token(session.session_id)
    return _page("Your account", session.user["email"], form_token=token)


@bp.app_context_processor
def template_user() -> dict[str, Any]:
    """Give every template ``workos_user``."""
    return {"workos_user": current_user() if has_request_context() else None}


@bp.after_request
def no_store(response: Response) -> Response:
    """Keep pages about a login out of every cache."""
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.after_app_request
def write_cookies(response: Response) -> Response:
    """Set the cookies that this request changed."""
    if "workos_session" in g:  # or a cache might show one person's page to another
        response.vary.add("Cookie")
    for name, value in g.get("workos_cookies", {}).items():
        response.set_cookie(
            name,
            value,
            max_age=cookie_max_age(name, value),
            secure=_authkit().secure,
            httponly=True,
            samesite="Lax",
        )
    return response


def _authkit() -> AuthKit:
    return cast("AuthKit", current_app.extensions["workos_auth"])


def _set_cookies(changes: dict[str, str]) -> None:
    g.workos_cookies = {**g.get("workos_cookies", {}), **changes}


def _page(title: str, text: str, form_token: str = "") -> str:
    return render_template_string(PAGE, title=title, text=text, form_token=form_token)
