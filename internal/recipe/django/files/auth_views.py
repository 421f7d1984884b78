"""Login with WorkOS AuthKit: the views behind auth/login/, auth/callback/ and so on.

Who is signed in is in ``request.session["user"]``. ``@login_required`` keeps a view
for people who are; it also renews their session with AuthKit when that is due.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import require_GET, require_http_methods
from workos import WorkOSClient

from workos_authkit import AuthKit, LoginError, cookie_max_age

P = ParamSpec("P")

SEALED = "workos_session"  # the session key of the tokens, which only AuthKit opens

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
    try:
        workos = WorkOSClient(
            api_key=settings.WORKOS_API_KEY,
            client_id=settings.WORKOS_CLIENT_ID,
        )
        return AuthKit(
            workos,
            redirect_uri=settings.WORKOS_REDIRECT_URI,
            cookie_password=settings.WORKOS_COOKIE_PASSWORD,
        )
    except ValueError as error:
        raise ImproperlyConfigured(str(error)) from error


def current_user(request: HttpRequest) -> dict[str, Any] | None:
    """Return who is signed in, after asking AuthKit for a new session if due."""
    sealed = request.session.get(SEALED, "")
    session, kept = authkit().load(sealed)
    if not kept and sealed:
        request.session.flush()
    elif kept != sealed:
        request.session[SEALED] = kept
    return session.user if session else None


def login_required(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Keep a view for people who are signed in.

    Others are sent to sign in and come back; a client that wants JSON gets a 401.
    """

    @wraps(view)
    def guarded(
        request: HttpRequest, *args: P.args, **kwargs: P.kwargs
    ) -> HttpResponse:
        if current_user(request):
            return view(request, *args, **kwargs)
        if not request.accepts("text/html"):
            return JsonResponse({"error": "not signed in"}, status=401)
        back = request.get_full_path() if request.method == "GET" else "/"
        return redirect(f"{reverse('workos_login')}?{urlencode({'next': back})}")

    return guarded


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
        _renew_session(request, finished.session.user)
        request.session[SEALED] = finished.sealed
        response = redirect(finished.next_url)
    return _with_cookies(response, authkit().login_done(query.getlist("state")))


@never_cache
@csrf_protect
@require_http_methods(["GET", "POST"])
def logout_view(request: HttpRequest) -> HttpResponse:
    """Ask with a button (GET), then end the session here and at AuthKit (POST)."""
    session_id = authkit().session_id(request.session.get(SEALED, ""))
    if session_id is None:
        return redirect(authkit().home_url)
    if request.method == "GET":
        return _page("Sign out", "Do you want to sign out?", _sign_out(request))
    request.session.flush()
    return redirect(authkit().logout_url(session_id))


@never_cache
@require_GET
@login_required
def account_view(request: HttpRequest) -> HttpResponse:
    """Show who is signed in."""
    email = request.session["user"]["email"]
    return _page("Your account", email, _sign_out(request))


def _renew_session(request: HttpRequest, user: dict[str, Any]) -> None:
    """Sign ``user`` in under a new session key, so that a planted one is worth nothing.

    As in ``django.contrib.auth.login``: what an anonymous visitor had in the session
    stays, what another user had goes.
    """
    if request.session.get("user", user)["id"] == user["id"]:
        request.session.cycle_key()
    else:
        request.session.flush()
    request.session["user"] = user


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
