"""Login with WorkOS AuthKit: the views behind auth/login/, auth/callback/ and so on.

Who is signed in is in ``request.session["user"]``. ``@login_required`` keeps a view
for people who are; it also renews their session with AuthKit when that is due.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import Resolver404, resolve, reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_http_methods
from workos import WorkOSClient

from workos_authkit import AuthKit, LoginError, cookie_max_age

View = TypeVar("View", bound=Callable[..., Any])

# What the session has of a login: who it is, and the tokens in sealed form.
USER = "user"
SEALED = "workos_session"

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
LINK = '<p><a href="{}">Sign in</a></p>'
BUTTON = """<form method="post" action="{}">
  <input type="hidden" name="csrfmiddlewaretoken" value="{}">
  <button>Sign out</button>
</form>"""


@cache
def authkit() -> AuthKit:
    """Return what talks to AuthKit, made from the settings at first use.

    Raises:
        ImproperlyConfigured: a WORKOS_ setting is missing or not of its form.
    """
    names = (
        "WORKOS_API_KEY",
        "WORKOS_CLIENT_ID",
        "WORKOS_REDIRECT_URI",
        "WORKOS_COOKIE_PASSWORD",
    )
    missing = [name for name in names if not getattr(settings, name, None)]
    if missing:
        message = f"set {', '.join(missing)} in the environment or in .env"
        raise ImproperlyConfigured(message)
    try:
        return AuthKit(
            WorkOSClient(
                api_key=settings.WORKOS_API_KEY,
                client_id=settings.WORKOS_CLIENT_ID,
            ),
            redirect_uri=settings.WORKOS_REDIRECT_URI,
            cookie_password=settings.WORKOS_COOKIE_PASSWORD,
        )
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from error


def current_user(request: HttpRequest) -> dict[str, Any] | None:
    """Return who is signed in, after asking AuthKit for a new session if due."""
    sealed = request.session.get(SEALED, "")
    session, kept = authkit().load(sealed)
    if sealed and not kept:
        request.session.flush()
    elif kept != sealed:
        request.session[SEALED] = kept
    return session.user if session else None


def login_required(view: View) -> View:
    """Keep a view, async or not, for people who are signed in.

    Others are sent to sign in and come back; a client that wants JSON gets a 401.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return _turned_away(request) or view(request, *args, **kwargs)

    @wraps(view)
    async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        turned_away = await sync_to_async(_turned_away)(request)
        return turned_away or await view(request, *args, **kwargs)

    return cast(View, guarded_async if iscoroutinefunction(view) else guarded)


@never_cache
@require_GET
def login_view(request: HttpRequest) -> HttpResponse:
    """Send the browser to AuthKit."""
    started = authkit().start(request.COOKIES, request.GET.get("next"))
    return _with_cookies(redirect(started.url), started.cookies)


@never_cache
@require_GET
def callback_view(request: HttpRequest) -> HttpResponse:
    """Take the authorization code that AuthKit sent the browser back with."""
    query = request.GET
    try:
        finished = authkit().finish(
            request.COOKIES,
            query.getlist("state"),
            query.getlist("code"),
            query.getlist("error"),
        )
    except LoginError as error:
        response = _page("Sign-in did not work", error.message, status=error.status)
    else:
        _sign_in(request, finished.session.user, finished.sealed)
        response = redirect(_landing(finished.next_url))
    return _with_cookies(response, authkit().login_done(query.getlist("state")))


@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
def logout_view(request: HttpRequest) -> HttpResponse:
    """Ask with a button (GET), then end the session here and at AuthKit (POST)."""
    if SEALED not in request.session:
        return redirect(authkit().home_url)
    if request.method == "GET":
        return _page("Sign out", "Do you want to sign out?", _sign_out(request))
    session_id = authkit().session_id(request.session[SEALED])
    request.session.flush()
    if session_id is None:
        return redirect(authkit().home_url)
    return redirect(authkit().logout_url(session_id))


@never_cache
@require_GET
@login_required
def account_view(request: HttpRequest) -> HttpResponse:
    """Show who is signed in."""
    email = request.session[USER]["email"]
    return _page("Your account", email, _sign_out(request))


def _sign_in(request: HttpRequest, user: dict[str, Any], sealed: str) -> None:
    """Keep the login in the session, under a new key: a planted one is worth nothing.

    As in ``django.contrib.auth.login``, what an anonymous visitor had in the session
    stays, and what another user had goes.
    """
    if SEALED in request.session and request.session[USER]["id"] != user["id"]:
        request.session.flush()
    else:
        request.session.cycle_key()
    request.session[USER] = user
    request.session[SEALED] = sealed


def _turned_away(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to somebody who is not signed in, else None."""
    if current_user(request):
        return None
    if not request.accepts("text/html"):
        return JsonResponse({"error": "not signed in"}, status=401)
    back = request.get_full_path() if request.method == "GET" else "/"
    return redirect(f"{reverse('workos_login')}?{urlencode({'next': back})}")


def _landing(path: str) -> str:
    """Return where a login ends: a site without a home page has the account page."""
    if path == "/":
        try:
            resolve(path)
        except Resolver404:
            return reverse("workos_account")
    return path


def _sign_out(request: HttpRequest) -> str:
    return format_html(BUTTON, reverse("workos_logout"), get_token(request))


def _page(title: str, text: str, action: str = "", status: int = 200) -> HttpResponse:
    action = action or format_html(LINK, reverse("workos_login"))
    page = format_html(PAGE, title=title, text=text, action=action)
    return HttpResponse(page, status=status)


def _with_cookies(response: HttpResponse, changes: dict[str, str]) -> HttpResponse:
    for name, value in changes.items():
        response.set_cookie(
            name,
            value,
            max_age=cookie_max_age(name, value),
            secure=authkit().secure,
            httponly=True,
            samesite="Lax",
        )
    return response
