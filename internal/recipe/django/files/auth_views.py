"""Login with WorkOS AuthKit: the views behind auth/login/, auth/callback/ and so on.

Who is signed in is in ``request.session["user"]``. ``@login_required`` keeps a view
for people who are; it also renews their session with AuthKit when that is due.
"""

from __future__ import annotations

# authfit: begin recent-login
import time
# authfit: end
from collections.abc import Callable
# authfit: begin sdk6
from functools import cache, wraps
# authfit: begin sdk5
from functools import lru_cache, wraps
# authfit: end
from typing import Any, TypeVar, cast
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.urls import get_script_prefix, is_valid_path, reverse
# authfit: begin async-views cookie-sessions
from django.utils.decorators import sync_and_async_middleware
# authfit: end
from django.utils.html import format_html
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    # authfit: begin organizations
    require_POST,
    # authfit: end
)
from workos import WorkOSClient

from workos_authkit import (
    AuthKit,
    AuthKitSession,
    LoginError,
    cookie_max_age,
    # authfit: begin organizations
    safe_next,
    # authfit: begin cookie-sessions
    sealed_session,
    session_cookies,
    # authfit: end
)

View = TypeVar("View", bound="Callable[..., Any]")

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


# authfit: begin sdk6
@cache
# authfit: begin sdk5
@lru_cache(maxsize=None)
# authfit: end
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


# authfit: begin async-views
@sync_and_async_middleware
def load_session(get_response: Callable[[HttpRequest], Any]) -> Callable[..., Any]:
    """Load the session before the view: the templates of an async one cannot.

    This middleware has its place behind Django's SessionMiddleware.
    """

    def load(request: HttpRequest) -> None:
        accessed = request.session.accessed
        request.session.get(USER)
        # Or every response would vary by cookie; what reads the session says so.
        request.session.accessed = accessed

    def middleware(request: HttpRequest) -> Any:
        load(request)
        return get_response(request)

    async def async_middleware(request: HttpRequest) -> Any:
        await sync_to_async(load)(request)
        return await get_response(request)

    return async_middleware if iscoroutinefunction(get_response) else middleware


# authfit: begin cookie-sessions
@sync_and_async_middleware
def split_session(get_response: Callable[[HttpRequest], Any]) -> Callable[..., Any]:
    """Keep AuthKit's session in cookies of its own, as Django's may be too small.

    That one has its id instead. This middleware has its place directly below
    Django's SessionMiddleware.
    """
    if not settings.SESSION_ENGINE.endswith("signed_cookies"):
        return get_response  # it has no limit of 4,096 bytes

    def middleware(request: HttpRequest) -> Any:
        sealed = _join_session(request)
        return _split_session(request, get_response(request), sealed)

    async def async_middleware(request: HttpRequest) -> Any:
        sealed = _join_session(request)
        return _split_session(request, await get_response(request), sealed)

    return async_middleware if iscoroutinefunction(get_response) else middleware


def _join_session(request: HttpRequest) -> str:
    """Put AuthKit's session in the place of its id, and return it in sealed form.

    Where it is missing or another one, Django's session is over too: what that has
    of a user counts only with what AuthKit gave for the user.
    """
    session, sealed = request.session, ""
    flags = session.accessed, session.modified
    session_id = session.get(SEALED)
    if session_id:
        sealed = sealed_session(request.COOKIES)
        if authkit().session_id(sealed) != session_id:
            session.flush()
            return sealed
        session[SEALED] = sealed
    # Or every response would vary by cookie, and set one.
    session.accessed, session.modified = flags
    return sealed


def _split_session(request: HttpRequest, response: HttpResponse, old: str) -> Any:
    """Put the id back, and write what the view made of AuthKit's session."""
    session = request.session
    flags = session.accessed, session.modified
    sealed = session.get(SEALED, "")
    if sealed:
        session[SEALED] = authkit().session_id(sealed)
    if sealed == old:
        session.accessed, session.modified = flags
        return response
    age = None if session.get_expire_at_browser_close() else session.get_expiry_age()
    for name, value in session_cookies(sealed, request.COOKIES).items():
        response.set_cookie(
            name,
            value,
            max_age=age if value else 0,
            path=settings.SESSION_COOKIE_PATH,
            domain=settings.SESSION_COOKIE_DOMAIN,
            secure=authkit().secure,
            httponly=True,
            samesite=settings.SESSION_COOKIE_SAMESITE,
        )
    return response


# authfit: end
def current_session(request: HttpRequest) -> AuthKitSession | None:
    """Return the visitor's session, after asking AuthKit for a new one if due."""
    sealed = request.session.get(SEALED, "")
    asked = vars(request)  # which one request may be several times
    if asked.get("_authkit_sealed") != sealed:
        session, kept = authkit().load(sealed)
        if sealed and not kept:
            request.session.flush()
        elif kept != sealed:
            request.session[SEALED] = kept
        asked.update(_authkit_sealed=kept, _authkit_session=session)
    return asked.get("_authkit_session")


def current_user(request: HttpRequest) -> dict[str, Any] | None:
    """Return who is signed in: ``id``, ``email``, ``first_name`` and so on, or None."""
    session = current_session(request)
    return session.user if session else None


def _guard(view: View, refusal: Callable[[HttpRequest], HttpResponse | None]) -> View:
    """Ask before a view, async or not, whether the request is to be refused."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return refusal(request) or view(request, *args, **kwargs)

    @wraps(view)
    async def guarded_async(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        refused = await sync_to_async(refusal)(request)
        return refused or await view(request, *args, **kwargs)

    return cast("View", guarded_async if iscoroutinefunction(view) else guarded)


def _turned_away(request: HttpRequest) -> HttpResponse | None:
    """Return the answer to somebody who is not signed in, else None."""
    return None if current_session(request) else _ask_to_sign_in(request)


def _ask_to_sign_in(request: HttpRequest, **hints: Any) -> HttpResponse:
    if _wants_json(request):
        return JsonResponse({"error": "not signed in"}, status=401)
    back = request.get_full_path() if request.method == "GET" else get_script_prefix()
    query = urlencode({"next": back, **hints})
    return redirect(f"{reverse('workos_login')}?{query}")


def login_required(view: View) -> View:
    """Keep a view, async or not, for people who are signed in.

    Others are sent to sign in and come back; a client that wants JSON gets a 401.
    """
    return _guard(view, _turned_away)


# authfit: begin roles
def require_role(role: str) -> Callable[[View], View]:
    """Keep a view for people who have ``role`` in their organization."""
    return _require(lambda session: role in (session.role, *session.roles))


def require_permission(permission: str) -> Callable[[View], View]:
    """Keep a view for people who have ``permission`` in their organization."""
    return _require(lambda session: permission in session.permissions)


def _require(allowed: Callable[[AuthKitSession], bool]) -> Callable[[View], View]:
    def refusal(request: HttpRequest) -> HttpResponse | None:
        session = current_session(request)
        if session is None:
            return _ask_to_sign_in(request)
        if allowed(session):
            return None
        if _wants_json(request):
            return JsonResponse({"error": "not allowed"}, status=403)
        return _page("Not allowed", "Your account may not open this page.", status=403)

    return lambda view: _guard(view, refusal)


# authfit: begin recent-login
def recent_login_required(seconds: int) -> Callable[[View], View]:
    """Keep a view for people who signed in no longer than ``seconds`` ago.

    Others sign in again and come back.
    """

    def refusal(request: HttpRequest) -> HttpResponse | None:
        session = current_session(request)
        if session and time.time() - session.auth_time <= seconds:
            return None
        return _ask_to_sign_in(request, max_age=seconds)

    return lambda view: _guard(view, refusal)


# authfit: begin user-links
def user_links(request: HttpRequest) -> str:
    """Return who is signed in and a link to sign in or out, as HTML."""
    if USER in request.session:
        return format_html(
            '<p>Signed in as {}. <a href="{}">Sign out</a></p>',
            request.session[USER]["email"],
            reverse("workos_logout"),
        )
    links = format_html('<a href="{}">Sign in</a>', reverse("workos_login"))
    # authfit: begin user-links+sign-up
    links += format_html(' <a href="{}">Sign up</a>', reverse("workos_sign_up"))
    # authfit: begin user-links
    return format_html("<p>{}</p>", links)


# authfit: end
@never_cache
@require_GET
def login_view(request: HttpRequest) -> HttpResponse:
    """Send the browser to AuthKit."""
    # authfit: begin recent-login
    max_age = request.GET.get("max_age", "")
    if max_age.isdecimal() and len(max_age) < 10:
        return _start(request, max_age=int(max_age))
    # authfit: end
    return _start(request)


# authfit: begin sign-up
@never_cache
@require_GET
def sign_up_view(request: HttpRequest) -> HttpResponse:
    """Send the browser to AuthKit's page for a new account."""
    return _start(request, screen_hint="sign-up")


# authfit: end
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
        return redirect(authkit().home_url(get_script_prefix()))
    if request.method == "GET":
        return _page("Sign out", "Do you want to sign out?", _sign_out(request))
    session_id = authkit().session_id(request.session[SEALED])
    request.session.flush()
    if session_id is None:
        return redirect(authkit().home_url(get_script_prefix()))
    return redirect(authkit().logout_url(session_id, get_script_prefix()))


@never_cache
@require_GET
@login_required
def account_view(request: HttpRequest) -> HttpResponse:
    """Show who is signed in."""
    session = cast("AuthKitSession", current_session(request))
    return _page("Your account", session.name, _sign_out(request))


# authfit: begin organizations
@never_cache
@csrf_protect
@require_POST
@login_required
def organization_view(request: HttpRequest) -> HttpResponse:
    """Switch to the form's ``organization_id``, and go to its ``next``."""
    organization_id = request.POST.get("organization_id", "")
    try:
        sealed = authkit().switch(request.session[SEALED], organization_id)
    except LoginError as error:
        if error.status == 403:  # it may want a login of its own, by SSO for instance
            return _start(request, organization_id=organization_id)
        title = "The organization was not switched"
        return _page(title, error.message, status=error.status)
    request.session[SEALED] = sealed
    return redirect(safe_next(request.POST.get("next"), get_script_prefix()))


# authfit: end
def _start(request: HttpRequest, **hints: Any) -> HttpResponse:
    next_url, home = request.GET.get("next"), get_script_prefix()
    started = authkit().start(request.COOKIES, next_url, home, **hints)
    return _with_cookies(redirect(started.url), started.cookies)


def _sign_in(request: HttpRequest, user: dict[str, Any], sealed: str) -> None:
    """Keep the login in the session, under a new key: a planted one is worth nothing.

    As in ``django.contrib.auth.login``, what an anonymous visitor had in the session
    stays, and what another user had goes.
    """
    if SEALED in request.session and request.session[USER]["id"] != user["id"]:
        request.session.flush()
    elif request.session.session_key:
        request.session.cycle_key()
    request.session[USER] = user
    request.session[SEALED] = sealed


def _wants_json(request: HttpRequest) -> bool:
    return "text/html" not in request.headers.get("Accept", "text/html")


def _landing(path: str) -> str:
    """Return where a login ends: a site without a home page has the account page."""
    homes = ("/", f"/{get_language()}/")  # the second one with i18n_patterns
    if path == get_script_prefix() and not any(map(is_valid_path, homes)):
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
