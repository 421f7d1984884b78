"""Login with WorkOS AuthKit: the routes /login, /callback, /logout and /account.

``init_app`` hooks it up. ``current_user()`` tells who is signed in, templates have
the same as ``workos_user``, and ``@login_required`` keeps a view for people who are.
"""

from __future__ import annotations

import os
# authfit: begin recent-login
import time
# authfit: end
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

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
    # authfit: begin organizations
    safe_next,
    # authfit: end
    sealed_session,
    session_cookies,
)

View = TypeVar("View", bound="Callable[..., Any]")

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
        g.workos_session, g.workos_sealed = _authkit().load(sealed)
        if g.workos_sealed != sealed:
            _set_cookies(session_cookies(g.workos_sealed, request.cookies))
    return cast("AuthKitSession | None", g.workos_session)


def current_user() -> dict[str, Any] | None:
    """Return who is signed in: ``id``, ``email``, ``first_name`` and so on, or None."""
    session = current_session()
    return session.user if session else None


def login_required(view: View) -> View:
    """Keep a view for people who are signed in.

    Others are sent to sign in and come back; a client that wants JSON gets a 401.
    """

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if current_user():
            return current_app.ensure_sync(view)(*args, **kwargs)
        return _turned_away()

    return cast("View", guarded)


# authfit: begin roles
def require_role(role: str) -> Callable[[View], View]:
    """Keep a view for people who have ``role`` in their organization."""
    return _require(lambda session: role in (session.role, *session.roles))


def require_permission(permission: str) -> Callable[[View], View]:
    """Keep a view for people who have ``permission`` in their organization."""
    return _require(lambda session: permission in session.permissions)


def _require(allowed: Callable[[AuthKitSession], bool]) -> Callable[[View], View]:
    def guard(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            session = current_session()
            if session is None:
                return _turned_away()
            if allowed(session):
                return current_app.ensure_sync(view)(*args, **kwargs)
            if _wants_json():
                return jsonify(error="not allowed"), 403
            return _page("Not allowed", "Your account may not open this page."), 403

        return cast("View", guarded)

    return guard


# authfit: begin recent-login
def recent_login_required(seconds: int) -> Callable[[View], View]:
    """Keep a view for people who signed in no longer than ``seconds`` ago.

    Others sign in again and come back.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            session = current_session()
            if session and time.time() - session.auth_time <= seconds:
                return current_app.ensure_sync(view)(*args, **kwargs)
            return _turned_away(max_age=seconds)

        return cast("View", guarded)

    return guard


# authfit: begin organizations
def form_token() -> str:
    """Return what a form that switches the organization sends as ``form_token``."""
    session = current_session()
    return _authkit().form_token(session.session_id) if session else ""


# authfit: end
def user_links() -> str:
    """Return who is signed in and a link to sign in or out, as HTML."""
    session = current_session()
    if session is None:
        links = f'<a href="{url_for("workos_auth.login")}">Sign in</a>'
        # authfit: begin sign-up
        links += f' <a href="{url_for("workos_auth.sign_up")}">Sign up</a>'
        # authfit: end
        return f"<p>{links}</p>"
    sign_out = f'<a href="{url_for("workos_auth.logout")}">Sign out</a>'
    return f"<p>Signed in as {escape(session.name)}. {sign_out}</p>"


@bp.get("/login")
def login() -> ResponseReturnValue:
    """Send the browser to AuthKit."""
    # authfit: begin recent-login
    max_age = request.args.get("max_age", "")
    if max_age.isdecimal() and len(max_age) < 10:
        return _start(max_age=int(max_age))
    # authfit: end
    return _start()


# authfit: begin sign-up
@bp.get("/signup")
def sign_up() -> ResponseReturnValue:
    """Send the browser to AuthKit's page for a new account."""
    return _start(screen_hint="sign-up")


# authfit: end
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
        return redirect(_authkit().home_url(_home()))
    if request.method == "GET":
        token = _authkit().form_token(session_id)
        return _page("Sign out", "Do you want to sign out?", form_token=token)
    if not _authkit().valid_form_token(session_id, request.form.get("form_token", "")):
        return _page("Sign-out did not work", "Please try again."), 403
    _set_cookies(session_cookies("", request.cookies))
    return redirect(_authkit().logout_url(session_id, _home()))


# authfit: begin organizations
@bp.post("/organization")
def organization() -> ResponseReturnValue:
    """Switch to the form's ``organization_id``, and go to its ``next``.

    The form also carries ``form_token()``, or any site could send it.
    """
    session = current_session()
    if session is None or not _authkit().valid_form_token(
        session.session_id, request.form.get("form_token", "")
    ):
        return _page("The organization was not switched", "Please try again."), 403
    organization_id = request.form.get("organization_id", "")
    try:
        sealed = _authkit().switch(g.workos_sealed, organization_id)
    except LoginError as error:
        if error.status == 403:  # it may want a login of its own, by SSO for instance
            return _start(organization_id=organization_id)
        return _page("The organization was not switched", error.message), error.status
    _set_cookies(session_cookies(sealed, request.cookies))
    return redirect(safe_next(request.form.get("next"), _home()))


# authfit: end
@bp.get("/account")
@login_required
def account() -> ResponseReturnValue:
    """Show who is signed in."""
    session = cast("AuthKitSession", current_session())
    token = _authkit().form_token(session.session_id)
    return _page("Your account", session.name, form_token=token)


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


def _home() -> str:
    """Return the path of the app, which may be mounted below the site's root."""
    return request.script_root + "/"


def _start(**hints: Any) -> ResponseReturnValue:
    next_url = request.args.get("next")
    started = _authkit().start(request.cookies, next_url, _home(), **hints)
    _set_cookies(started.cookies)
    return redirect(started.url)


def _turned_away(**hints: Any) -> ResponseReturnValue:
    """Answer somebody who is not signed in."""
    if _wants_json():
        return jsonify(error="not signed in"), 401
    here = request.full_path if request.query_string else request.path
    back = request.script_root + here if request.method == "GET" else None
    return redirect(url_for("workos_auth.login", next=back, **hints))


def _wants_json() -> bool:
    return "text/html" not in request.headers.get("Accept", "text/html")


def _set_cookies(changes: dict[str, str]) -> None:
    g.workos_cookies = {**g.get("workos_cookies", {}), **changes}


def _page(title: str, text: str, form_token: str = "") -> str:
    return render_template_string(PAGE, title=title, text=text, form_token=form_token)
