"""Login with WorkOS AuthKit: the routes /login, /callback, /logout and /account.

``init_app`` hooks it up. An endpoint that is for people who are signed in takes a
``user: CurrentUser``; any other finds out with ``current_user(request)``, and a
template with ``request.state.workos.user``.
"""

from __future__ import annotations

import os
# authfit: begin recent-login
import time
# authfit: begin roles recent-login
from collections.abc import Callable
# authfit: end
from dataclasses import dataclass
from html import escape
# authfit: begin sdk6
from typing import TYPE_CHECKING, Annotated, Any
# authfit: begin sdk5
from typing import TYPE_CHECKING, Any, Dict
# authfit: end
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.responses import (
    HTMLResponse,
    JSONResponse,
    RedirectResponse,
    Response,
)
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
# authfit: begin sdk5
from typing_extensions import Annotated
# authfit: end
from workos import AsyncWorkOSClient

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

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

router = APIRouter(include_in_schema=False)

NO_STORE = {"Cache-Control": "no-store"}  # for every page about a login

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<h1>{title}</h1>
<p>{text}</p>
{action}
</html>
"""
LINK = '<p><a href="{url}">Sign in</a></p>'
BUTTON = """<form method="post" action="{url}">
  <input type="hidden" name="form_token" value="{token}">
  <button>Sign out</button>
</form>"""


def init_app(app: FastAPI, workos: AsyncWorkOSClient, prefix: str = "") -> None:
    """Add the login routes to ``app``, which uses ``workos`` to talk to AuthKit.

    Raises:
        ValueError: WORKOS_REDIRECT_URI or WORKOS_COOKIE_PASSWORD is not set right.
    """
    app.state.workos_auth = AuthKit(
        workos,
        redirect_uri=os.environ.get("WORKOS_REDIRECT_URI", ""),
        cookie_password=os.environ.get("WORKOS_COOKIE_PASSWORD", ""),
    )
    app.include_router(router, prefix=prefix)
    app.add_middleware(AuthKitMiddleware, authkit=app.state.workos_auth, prefix=prefix)


@dataclass
class Visit:
    """What is known of the visitor behind a request: ``request.state.workos``."""

    session: AuthKitSession | None
    sealed: str
    prefix: str  # of the login routes, as a browser sees them
    cookies: dict[str, str]  # to set on the response
    asked: bool = False  # whether the response depends on who it is

    @property
    def user(self) -> dict[str, Any] | None:
        """Who is signed in, or None."""
        self.asked = True
        return self.session.user if self.session else None

    @property
    def login_url(self) -> str:
        """The path to sign in at."""
        return self.prefix + "/login"

    # authfit: begin sign-up
    @property
    def sign_up_url(self) -> str:
        """The path to make an account at."""
        return self.prefix + "/signup"

    # authfit: end
    @property
    def logout_url(self) -> str:
        """The path to sign out at."""
        return self.prefix + "/logout"


class AuthKitMiddleware:
    """Opens the sealed session of a request, and writes the cookies that it changed."""

    def __init__(self, app: ASGIApp, authkit: AuthKit, prefix: str) -> None:
        """Wrap ``app``, whose login routes are below ``prefix``."""
        self.app = app
        self.authkit = authkit
        self.prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put the session into ``request.state`` before the request is handled."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        cookies = HTTPConnection(scope).cookies
        sealed = sealed_session(cookies)
        session, kept = await self.authkit.load(sealed)
        visit = Visit(
            session,
            kept,
            scope.get("root_path", "") + self.prefix,
            session_cookies(kept, cookies) if kept != sealed else {},
        )
        scope.setdefault("state", {})["workos"] = visit

        async def send_with_cookies(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.accept"):
                message.setdefault("headers", [])
                headers = MutableHeaders(scope=message)
                if visit.asked:  # or a cache might show one person's page to another
                    headers.add_vary_header("Cookie")
                for cookie in self._cookies(visit.cookies):
                    headers.append("Set-Cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_with_cookies)

    def _cookies(self, changes: dict[str, str]) -> list[str]:
        response = Response()
        for name, value in changes.items():
            response.set_cookie(
                name,
                value,
                max_age=cookie_max_age(name, value),
                secure=self.authkit.secure,
                httponly=True,
                samesite="lax",
            )
        return response.headers.getlist("Set-Cookie")


def current_session(request: HTTPConnection) -> AuthKitSession | None:
    """Return the session of this request, or None for an anonymous visitor."""
    visit = _visit(request)
    visit.asked = True
    return visit.session


def current_user(request: HTTPConnection) -> dict[str, Any] | None:
    """Return who is signed in: ``id``, ``email``, ``first_name`` and so on, or None."""
    return _visit(request).user


async def require_user(request: Request) -> dict[str, Any]:
    """Return who is signed in; send others to sign in and back, JSON clients a 401."""
    user = current_user(request)
    if user:
        return user
    raise _turned_away(request)


# authfit: begin sdk6
CurrentUser = Annotated[dict[str, Any], Depends(require_user)]
# authfit: begin sdk5
CurrentUser = Annotated[Dict[str, Any], Depends(require_user)]
# authfit: end


# authfit: begin roles
def require_role(role: str) -> Callable[[Request], Any]:
    """Return a dependency for people who have ``role`` in their organization."""
    return _require(lambda session: role in (session.role, *session.roles))


def require_permission(permission: str) -> Callable[[Request], Any]:
    """Return a dependency for people with ``permission`` in their organization."""
    return _require(lambda session: permission in session.permissions)


def _require(allowed: Callable[[AuthKitSession], bool]) -> Callable[[Request], Any]:
    async def check(request: Request) -> None:
        session = current_session(request)
        if session is None:
            raise _turned_away(request)
        if not allowed(session):
            raise HTTPException(403, "not allowed")

    return check


# authfit: begin recent-login
def require_recent_login(seconds: int) -> Callable[[Request], Any]:
    """Return a dependency for people who signed in at most ``seconds`` ago.

    Others sign in again and come back.
    """

    async def check(request: Request) -> None:
        session = current_session(request)
        if session is None or time.time() - session.auth_time > seconds:
            raise _turned_away(request, max_age=seconds)

    return check


# authfit: begin organizations
def form_token(request: HTTPConnection) -> str:
    """Return what a form that switches the organization sends as ``form_token``."""
    session = current_session(request)
    return _authkit(request).form_token(session.session_id) if session else ""


# authfit: begin user-links
def user_links(request: HTTPConnection) -> str:
    """Return who is signed in and a link to sign in or out, as HTML."""
    visit, session = _visit(request), current_session(request)
    if session is not None:
        sign_out = f'<a href="{visit.logout_url}">Sign out</a>'
        return f"<p>Signed in as {escape(session.name)}. {sign_out}</p>"
    links = f'<a href="{visit.login_url}">Sign in</a>'
    # authfit: begin user-links+sign-up
    links += f' <a href="{visit.sign_up_url}">Sign up</a>'
    # authfit: begin user-links
    return f"<p>{links}</p>"


# authfit: end
@router.get("/login")
async def login(request: Request) -> Response:
    """Send the browser to AuthKit."""
    # authfit: begin recent-login
    max_age = request.query_params.get("max_age", "")
    if max_age.isdecimal() and len(max_age) < 10:
        return _start(request, max_age=int(max_age))
    # authfit: end
    return _start(request)


# authfit: begin sign-up
@router.get("/signup")
async def sign_up(request: Request) -> Response:
    """Send the browser to AuthKit's page for a new account."""
    return _start(request, screen_hint="sign-up")


# authfit: end
@router.get("/callback")
async def callback(request: Request) -> Response:
    """Take the authorization code that AuthKit sent the browser back with."""
    query, authkit = request.query_params, _authkit(request)
    _visit(request).cookies.update(authkit.login_done(query.getlist("state")))
    try:
        finished = await authkit.finish(
            request.cookies,
            query.getlist("state"),
            query.getlist("code"),
            query.getlist("error"),
        )
    except LoginError as error:
        return _page(request, "Sign-in did not work", error.message, error.status)
    _visit(request).cookies.update(session_cookies(finished.sealed, request.cookies))
    return RedirectResponse(finished.next_url, 303, headers=NO_STORE)


@router.get("/logout")
async def confirm_logout(request: Request) -> Response:
    """Ask with a button, so that a mere link cannot sign anyone out."""
    authkit = _authkit(request)
    session_id = authkit.session_id(sealed_session(request.cookies))
    if session_id is None:
        return RedirectResponse(authkit.home_url(_home(request)), 303, headers=NO_STORE)
    action = BUTTON.format(
        url=_visit(request).logout_url, token=authkit.form_token(session_id)
    )
    return _page(request, "Sign out", "Do you want to sign out?", action=action)


@router.post("/logout")
async def logout(request: Request) -> Response:
    """End the session here and at AuthKit."""
    authkit = _authkit(request)
    session_id = authkit.session_id(sealed_session(request.cookies))
    if session_id is None:
        return RedirectResponse(authkit.home_url(_home(request)), 303, headers=NO_STORE)
    form = await _form(request)
    if not authkit.valid_form_token(session_id, form.get("form_token", "")):
        return _page(request, "Sign-out did not work", "Please try again.", 403)
    _visit(request).cookies.update(session_cookies("", request.cookies))
    url = authkit.logout_url(session_id, _home(request))
    return RedirectResponse(url, 303, headers=NO_STORE)


# authfit: begin organizations
@router.post("/organization")
async def organization(request: Request) -> Response:
    """Switch to the form's ``organization_id``, and go to its ``next``.

    The form also carries ``form_token()``, or any site could send it.
    """
    authkit, visit, form = _authkit(request), _visit(request), await _form(request)
    title = "The organization was not switched"
    if visit.session is None or not authkit.valid_form_token(
        visit.session.session_id, form.get("form_token", "")
    ):
        return _page(request, title, "Please try again.", 403)
    organization_id = form.get("organization_id", "")
    try:
        sealed = await authkit.switch(visit.sealed, organization_id)
    except LoginError as error:
        if error.status == 403:  # it may want a login of its own, by SSO for instance
            return _start(request, organization_id=organization_id)
        return _page(request, title, error.message, error.status)
    visit.cookies.update(session_cookies(sealed, request.cookies))
    next_url = safe_next(form.get("next"), _home(request))
    return RedirectResponse(next_url, 303, headers=NO_STORE)


# authfit: end
@router.get("/account")
async def account(user: CurrentUser) -> Response:
    """Show who is signed in, and to nobody else: an example of a protected route."""
    return JSONResponse(user, headers=NO_STORE)


def _authkit(request: HTTPConnection) -> AuthKit:
    return request.app.state.workos_auth


def _visit(request: HTTPConnection) -> Visit:
    return request.state.workos


def _home(request: HTTPConnection) -> str:
    """Return the path of the app, which may be mounted below the site's root."""
    return request.scope.get("root_path", "") + "/"


def _start(request: Request, **hints: Any) -> Response:
    next_url, home = request.query_params.get("next"), _home(request)
    started = _authkit(request).start(request.cookies, next_url, home, **hints)
    _visit(request).cookies.update(started.cookies)
    return RedirectResponse(started.url, 303, headers=NO_STORE)


def _turned_away(request: Request, **hints: Any) -> HTTPException:
    """Return the answer to somebody who is not signed in."""
    if "text/html" not in request.headers.get("Accept", ""):
        return HTTPException(401, "not signed in")
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    root = request.scope.get("root_path", "")
    if not back.startswith(root):  # a proxy has cut it off
        back = root + back
    if request.method != "GET":
        back = _home(request)
    query = urlencode({"next": back, **hints})
    location = f"{_visit(request).login_url}?{query}"
    return HTTPException(303, headers={"Location": location})


async def _form(request: Request) -> dict[str, str]:
    fields = parse_qs((await request.body()).decode(errors="replace"))
    return {name: values[0] for name, values in fields.items()}


def _page(
    request: Request, title: str, text: str, status: int = 200, action: str = ""
) -> Response:
    page = PAGE.format(
        title=escape(title),
        text=escape(text),
        action=action or LINK.format(url=_visit(request).login_url),
    )
    return HTMLResponse(page, status, headers=NO_STORE)
