"""Makes ``request.user`` the user of who is signed in with WorkOS AuthKit.

It goes directly below Django's AuthenticationMiddleware.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth import SESSION_KEY, authenticate, login, logout
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.utils.cache import add_never_cache_headers
from django.utils.decorators import sync_and_async_middleware
from django.utils.html import format_html

from auth_views import PAGE, SEALED, USER, authkit, current_user

LINK = '<p><a href="{}">Sign out</a></p>'


@sync_and_async_middleware
def authkit_user(get_response: Callable[[HttpRequest], Any]) -> Callable[..., Any]:
    """Sign in and out at Django who signs in and out with AuthKit."""

    def middleware(request: HttpRequest) -> Any:
        sealed = _before(request)
        return _after(request, get_response(request), sealed)

    async def middleware_async(request: HttpRequest) -> Any:
        sealed = await sync_to_async(_before)(request)
        response = await get_response(request)
        return await sync_to_async(_after)(request, response, sealed)

    return middleware_async if iscoroutinefunction(get_response) else middleware


def _before(request: HttpRequest) -> str:
    """Bring Django's user up to date, and return AuthKit's session in sealed form."""
    if _sealed(request):
        _follow(request)
    return _sealed(request)


def _after(request: HttpRequest, response: HttpResponse, before: str) -> HttpResponse:
    """Do at Django what the view did with the session of AuthKit."""
    sealed = _sealed(request)
    if sealed == before:
        return response
    if sealed:
        return response if _follow(request) else _refused(response, sealed)
    if SESSION_KEY not in request.session and request.user.is_authenticated:
        logout(request)
    return response


def _sealed(request: HttpRequest) -> str:
    """Return AuthKit's session in sealed form, or ``""``.

    The session of a visitor who has none stays untouched, so that caches can keep
    what such visitors see.
    """
    session = request.session
    touched = session.session_key or session.accessed
    return session.get(SEALED, "") if touched else ""


def _follow(request: HttpRequest) -> bool:
    """Make ``request.user`` who is signed in with AuthKit; False if that may not be."""
    link = getattr(request.user, "workos_user", None)
    person = current_user(request)
    if person is None:
        _be_nobody(request)
    elif link is None or link.workos_id != person["id"]:
        user = authenticate(request, authkit_user=person)
        if user is None:
            logout(request)
            return False
        # The session of another user would be emptied.
        kept = {name: request.session[name] for name in (USER, SEALED)}
        login(request, user)
        request.session.update(kept)
    return True


def _be_nobody(request: HttpRequest) -> None:
    """End Django's session with that of AuthKit, or only this request has no user.

    The latter is when AuthKit cannot be asked just now.
    """
    if SEALED not in request.session:
        logout(request)
    nobody = AnonymousUser()

    async def auser() -> AnonymousUser:
        return nobody

    request.user = nobody
    request.auser = auser


def _refused(response: HttpResponse, sealed: str) -> HttpResponse:
    """Answer somebody whom AuthKit knows and who has no user here, or a closed one."""
    session_id = authkit().session_id(sealed) or ""
    page = format_html(
        PAGE,
        title="No account here",
        text="Your sign-in worked, but there is no account for you on this site.",
        action=format_html(LINK, authkit().logout_url(session_id)),
    )
    refused = HttpResponse(page, status=403)
    refused.cookies = response.cookies
    add_never_cache_headers(refused)
    return refused
