"""Login with WorkOS AuthKit: the routes /login, /callback, /logout and /account.

``init_app`` hooks it up. An endpoint that is for people who are signed in takes a
``user: CurrentUser``; any other finds out with ``current_user(request)``, and a
template with ``request.state.workos.user``.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from workos import WorkOSClient

from workos_authkit import (
    AuthKit,
    AuthKitSession,
    LoginError,
    cookie_max_age,
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


def init_app(app: FastAPI, workos: WorkOSClient, prefix: str = "") -> None:
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
        session, kept = None, sealed
        if sealed:  # in a thread, since it may have to ask AuthKit
            session, kept = await run_in_threadpool(self.authkit.load, sealed)
        visit = Visit(
            session,
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


def current_user(request: HTTPConnection) -> dict[str, Any] | None:
    """Return who is signed in: ``id``, ``email``, ``first_name`` and so on, or None."""
    return _visit(request).user


def require_user(request: Request) -> dict[str, Any]:
    """Return who is signed in; send others to sign in and back, JSON clients a 401."""
    user = current_user(request)
    if user:
        return user
    if "text/html" not in request.headers.get("Accept", ""):
        raise HTTPException(401, "not signed in")
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    root = request.scope.get("root_path", "")
    if not back.startswith(root):  # a proxy has cut it off
        back = root + back
    query = urlencode({"next": back if request.method == "GET" else "/"})
    raise HTTPException(
        303, headers={"Location": f"{_visit(request).login_url}?{query}"}
    )


CurrentUser = Annotated[dict[str, Any], Depends(require_user)]


@router.get("/login")
def login(request: Request) -> Response:
    """Send the browser to AuthKit."""
    started = _authkit(request).start(request.cookies, request.query_params.get("next"))
    _visit(request).cookies |= started.cookies
    return RedirectResponse(started.url, 303, headers=NO_STORE)


@router.get("/callback")
def callback(request: Request) -> Response:
    """Take the authorization code that AuthKit sent the browser back with."""
    query, authkit = request.query_params, _authkit(request)
    _visit(request).cookies |= authkit.login_done(query.getlist("state"))
    try:
        finished = authkit.finish(
            request.cookies,
            query.getlist("state"),
            query.getlist("code"),
            query.getlist("error"),
        )
    except LoginError as error:
        return _page(request, "Sign-in did not work", error.message, error.status)
    _visit(request).cookies |= session_cookies(finished.sealed, request.cookies)
    return RedirectResponse(finished.next_url, 303, headers=NO_STORE)


@router.get("/logout")
def confirm_logout(request: Request) -> Response:
    """Ask with a button, so that a mere link cannot sign anyone out."""
    authkit = _authkit(request)
    session_id = authkit.session_id(sealed_session(request.cookies))
    if session_id is None:
        return RedirectResponse(authkit.home_url, 303, headers=NO_STORE)
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
        return RedirectResponse(authkit.home_url, 303, headers=NO_STORE)
    form = parse_qs((await request.body()).decode(errors="replace"))
    if not authkit.valid_form_token(session_id, form.get("form_token", [""])[0]):
        return _page(request, "Sign-out did not work", "Please try again.", 403)
    _visit(request).cookies |= session_cookies("", request.cookies)
    return RedirectResponse(authkit.logout_url(session_id), 303, headers=NO_STORE)


@router.get("/account")
def account(user: CurrentUser) -> dict[str, Any]:
    """Show who is signed in, and to nobody else: an example of a protected route."""
    return user


def _authkit(request: Request) -> AuthKit:
    return request.app.state.workos_auth


def _visit(request: HTTPConnection) -> Visit:
    return request.state.workos


def _page(
    request: Request, title: str, text: str, status: int = 200, action: str = ""
) -> Response:
    page = PAGE.format(
        title=escape(title),
        text=escape(text),
        action=action or LINK.format(url=_visit(request).login_url),
    )
    return HTMLResponse(page, status, headers=NO_STORE)
