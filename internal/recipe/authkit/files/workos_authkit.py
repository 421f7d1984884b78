"""The part of a WorkOS AuthKit login that is the same in every web framework.

It builds the redirect to AuthKit, checks what comes back, and keeps the session
that AuthKit gave in sealed (encrypted and authenticated) form. It knows nothing
of requests and responses; the routes beside it do.

The rules come from RFC 9700 (OAuth 2.0 security), RFC 7636 (PKCE) and the README
of the ``workos`` package.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
import os
import secrets
# authfit: begin sync
import threading
# authfit: end
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

# authfit: begin async
import anyio
import anyio.to_thread
# authfit: end
# authfit: begin sdk5
import httpx
# authfit: end
import jwt
from cryptography.fernet import Fernet, InvalidToken
from jwt import PyJWK, PyJWKClient
from jwt.exceptions import PyJWKClientConnectionError, PyJWTError
# authfit: begin sdk6
from workos import (
    # authfit: begin sdk6+async
    AsyncWorkOSClient,
    # authfit: begin sdk6
    AuthenticationError,
    AuthorizationError,
    BadRequestError,
    # authfit: begin sdk6+sync
    WorkOSClient,
    # authfit: begin sdk6
    WorkOSError,
)
from workos.session import seal_session_from_auth_response
# authfit: begin sdk5
from workos import AsyncWorkOSClient
from workos.exceptions import BaseRequestException
from workos.session import Session
# authfit: end

logger = logging.getLogger(__name__)

SESSION_COOKIE = "wos_session"
LOGIN_COOKIE = "wos_login_"
LOGIN_SECONDS = 600  # how long a started login may take
MAX_LOGINS = 5  # how many logins a browser may have under way, one a tab
MAX_NEXT = 1000  # bytes of the path to come back to; it travels in a cookie
CLOCK_SKEW_SECONDS = 5  # how far this clock and AuthKit's may be apart
KEY_SECONDS = 300  # how long a key of AuthKit's is used before it is asked for again
REFRESH_AHEAD_SECONDS = 30  # how long before its end a session is renewed
# authfit: begin sdk6
REFRESH_TIMEOUT = 5  # seconds that a page waits for a renewal
# authfit: end
REFRESH_AGAIN_SECONDS = 2  # after which a renewal that AuthKit did not answer is tried
REFRESH_SHARED_SECONDS = 60  # how long late requests share another's refresh
CHUNK = 3800  # bytes of a cookie's value; browsers drop cookies over 4,096

# authfit: begin sdk6
SDK_ERRORS = (WorkOSError,)
# authfit: begin sdk5
# ValueError and TypeError are what the SDK makes of an answer that it cannot read.
SDK_ERRORS = (BaseRequestException, httpx.HTTPError, ValueError, TypeError)
# authfit: end


class LoginError(Exception):
    """A login that cannot go on. ``message`` may be shown to the visitor."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the HTTP ``status`` to answer with beside the ``message``."""
        super().__init__(message)
        self.status = status
        self.message = message


@dataclass(frozen=True)
class AuthKitSession:
    """Who is signed in, from an access token whose signature was checked.

    What depends on an organization is None or empty outside of one.
    """

    user: dict[str, Any]
    session_id: str
    auth_time: int  # when the person signed in, in seconds since 1970
    organization_id: str | None = None
    role: str | None = None
    roles: Sequence[str] = ()
    permissions: Sequence[str] = ()
    entitlements: Sequence[str] = ()
    feature_flags: Sequence[str] = ()
    impersonator: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        """Who is signed in, and who acts in their place, for a page to show."""
        email = str(self.user["email"])
        by = self.impersonator
        return f"{email}, impersonated by {by['email']}" if by else email


@dataclass(frozen=True)
class StartedLogin:
    """Where to send the browser, and the cookies it takes along ("" deletes one)."""

    url: str
    cookies: dict[str, str]


@dataclass(frozen=True)
class FinishedLogin:
    """A session in sealed form, who it belongs to, and where to go next."""

    sealed: str
    session: AuthKitSession
    next_url: str


@dataclass(frozen=True)
class _Content:
    """What a sealed session holds, and its access token's claims, not yet checked."""

    session: dict[str, Any]
    claims: dict[str, Any]
    key_id: str = ""  # of the key that the access token says to be signed with

    @property
    def refresh_token(self) -> str:
        return self.session.get("refresh_token", "")

    @property
    def ends_soon(self) -> bool:
        """Whether the access token has ended, or not a tenth of its time is left."""
        issued, expires = self.claims.get("iat"), self.claims.get("exp")
        if issued is None or expires is None:
            return False
        ahead = min(REFRESH_AHEAD_SECONDS, (expires - issued) / 10)
        return expires - ahead <= time.time()


def safe_next(target: str | None, home: str = "/") -> str:
    """Return ``target`` if it is a path of this site, with its query; else ``home``.

    Browsers read a backslash as a slash and drop control characters, so these are
    refused too, percent-encoded ones in the path included.
    """
    if not target or len(target.encode(errors="replace")) > MAX_NEXT:
        return home
    path = target.partition("?")[0]
    while path != (decoded := unquote(path)):
        path = decoded
    of_this_site = target.startswith("/") and not path.startswith("//")
    harmless = "\\" not in path and (target + path).isprintable()
    return target if of_this_site and harmless else home


def session_cookies(sealed: str, present: Mapping[str, str]) -> dict[str, str]:
    """Spread a sealed session over cookies; ``""`` stands for one to delete."""
    changes = {name: "" for name in present if name.startswith(SESSION_COOKIE)}
    for number, start in enumerate(range(0, len(sealed), CHUNK)):
        name = f"{SESSION_COOKIE}_{number}" if number else SESSION_COOKIE
        changes[name] = sealed[start : start + CHUNK]
    return changes


def sealed_session(cookies: Mapping[str, str]) -> str:
    """Put together again what ``session_cookies`` spread; ``""`` if there is none."""
    sealed, number = cookies.get(SESSION_COOKIE, ""), 1
    while chunk := cookies.get(f"{SESSION_COOKIE}_{number}"):
        sealed, number = sealed + chunk, number + 1
    return sealed


def cookie_max_age(name: str, value: str) -> int | None:
    """Return the seconds that a cookie lives; None is until the browser is closed."""
    if not value:
        return 0
    return LOGIN_SECONDS if name.startswith(LOGIN_COOKIE) else None


class AuthKit:
    """Logs people in through AuthKit with ``state`` and PKCE."""

    def __init__(
        self, workos: AsyncWorkOSClient, *, redirect_uri: str, cookie_password: str
    ) -> None:
        """Take a client, the redirect URI that WorkOS knows, and a Fernet key.

        Raises:
            ValueError: a setting is missing or not of its form.
        """
        if not urlsplit(redirect_uri).netloc:
            message = "WORKOS_REDIRECT_URI must be the full URL of the callback"
            raise ValueError(message)
        try:
            self._fernet = Fernet(cookie_password)
        except ValueError:
            message = (
                "WORKOS_COOKIE_PASSWORD must be a Fernet key: 32 random bytes in "
                "URL-safe base64, as cryptography.fernet.Fernet.generate_key() gives"
            )
            raise ValueError(message) from None
        self._workos = workos
        self._password = cookie_password
        keys_url = workos.user_management.get_jwks_url()
        self._keys = PyJWKClient(keys_url, cache_jwk_set=False)
        self._known_keys: dict[str, tuple[float, PyJWK]] = {}
        self._refreshing = [anyio.Lock() for _ in range(64)]
        self._refreshed: dict[str, tuple[float, str]] = {}
        self.redirect_uri = redirect_uri

    @property
    def secure(self) -> bool:
        """Whether cookies are for https only: as the redirect URI is."""
        return self.redirect_uri.startswith("https:")

    def home_url(self, home: str = "/") -> str:
        """Return the page ``home`` on the site that the redirect URI names.

        The host comes from configuration and never from the request.
        """
        parts = urlsplit(self.redirect_uri)
        return f"{parts.scheme}://{parts.netloc}{home}"

    def start(
        self,
        cookies: Mapping[str, str],
        next_url: str | None,
        home: str = "/",
        **hints: Any,
    ) -> StartedLogin:
        """Begin a login that ends at ``next_url``, or at ``home``.

        The hints are for AuthKit, as the SDK's ``get_authorization_url`` takes them.
        """
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        # authfit: begin sdk6
        challenge = self._workos.pkce.generate_code_challenge(verifier)
        # authfit: begin sdk5
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        # authfit: end
        url = self._workos.user_management.get_authorization_url(
            provider="authkit",
            redirect_uri=self.redirect_uri,
            state=state,
            code_challenge=challenge,
            # authfit: begin sdk6
            code_challenge_method="S256",
            # authfit: end
            **hints,
        )
        target = safe_next(next_url, home)
        login = {"state": state, "verifier": verifier, "next": target}
        changes = self._crowded_out(cookies)
        changes[self._login_cookie(state)] = self._fernet.encrypt(
            json.dumps(login, ensure_ascii=False).encode()
        ).decode()
        return StartedLogin(url, changes)

    async def finish(
        self,
        cookies: Mapping[str, str],
        states: Sequence[str],
        codes: Sequence[str],
        errors: Sequence[str],
    ) -> FinishedLogin:
        """End the login that AuthKit answered with these query parameters.

        Raises:
            LoginError: the answer is not for a login of this browser, or AuthKit
                or the person said no.
        """
        login = self._started(cookies, states)
        if login is None:
            raise LoginError(
                400,
                "This sign-in was not started in this browser, has been used "
                "already, or took too long. Please start it again.",
            )
        if errors:
            logger.info("AuthKit answered the login with an error: %.80r", errors[0])
            raise LoginError(403, "Sign-in was cancelled or refused.")
        if len(codes) != 1 or not codes[0]:
            raise LoginError(400, "AuthKit's answer has no authorization code.")
        try:
            answer = await self._workos.user_management.authenticate_with_code(
                code=codes[0], code_verifier=login["verifier"]
            )
            sealed = self._seal(answer)
        except SDK_ERRORS as error:
            logger.warning("The code was not exchanged: %s", type(error).__name__)
            if _refused(error):
                raise LoginError(400, "AuthKit refused this sign-in.") from error
            raise LoginError(502, "AuthKit cannot be reached just now.") from error
        session, sealed = await self.load(sealed)
        if session is None:
            raise LoginError(502, "AuthKit's answer could not be verified.")
        return FinishedLogin(sealed, session, login["next"])

    def login_done(self, states: Sequence[str]) -> dict[str, str]:
        """Return the cookie changes that make a callback good for once only."""
        return {self._login_cookie(state): "" for state in states[:1]}

    async def load(self, sealed: str) -> tuple[AuthKitSession | None, str]:
        """Return who is signed in, and the sealed session to keep from now on.

        An access token at its end is renewed, so the second may be new; it is
        ``""`` when the session is over.
        """
        if not sealed:
            return None, ""
        try:
            content = self._open(sealed)
            session = await self._verified(content)
            if content.ends_soon:
                sealed, old = await self._refresh(sealed, content), sealed
                if sealed != old:
                    session = await self._verified(self._open(sealed))
            elif session is None:
                sealed = ""
        except PyJWKClientConnectionError:
            logger.warning("AuthKit's key set cannot be reached")
            return None, sealed
        return session, sealed

    # authfit: begin organizations
    async def switch(self, sealed: str, organization_id: str) -> str:
        """Return the session anew, sealed, for another organization of the user.

        Raises:
            LoginError: AuthKit wants a login with that organization instead (403),
                or did not answer (502).
        """
        try:
            users = self._workos.user_management
            answer = await users.authenticate_with_refresh_token(
                refresh_token=self._open(sealed).refresh_token,
                organization_id=organization_id,
            )
            return self._seal(answer)
        except SDK_ERRORS as error:
            logger.warning("AuthKit did not switch: %s", type(error).__name__)
            if _refused(error):
                raise LoginError(403, "AuthKit refused this organization.") from error
            raise LoginError(502, "AuthKit cannot be reached just now.") from error

    # authfit: end
    def session_id(self, sealed: str) -> str | None:
        """Return the id of a sealed session, also of one that has expired."""
        return self._open(sealed).claims.get("sid")

    def logout_url(self, session_id: str, home: str = "/") -> str:
        """Return where AuthKit ends the session before it comes back to ``home``."""
        return self._workos.user_management.get_logout_url(
            session_id=session_id, return_to=self.home_url(home)
        )

    def form_token(self, session_id: str) -> str:
        """Return the token that the forms of a session carry."""
        key = self._password.encode()
        return hmac.new(key, b"form:" + session_id.encode(), "sha256").hexdigest()

    def valid_form_token(self, session_id: str, token: str) -> bool:
        """Whether a form came from a page of this session (CSRF)."""
        return hmac.compare_digest(self.form_token(session_id).encode(), token.encode())

    def _login_cookie(self, state: str) -> str:
        return LOGIN_COOKIE + hashlib.sha256(state.encode()).hexdigest()[:16]

    def _crowded_out(self, cookies: Mapping[str, str]) -> dict[str, str]:
        """Delete the oldest started logins, so that cookies cannot pile up."""
        started: dict[str, int] = {}
        for name in cookies:
            if name.startswith(LOGIN_COOKIE):
                try:
                    started[name] = self._fernet.extract_timestamp(cookies[name])
                except InvalidToken:
                    started[name] = 0
        # Browsers send the older cookie first, which settles it within a second.
        by_age = sorted(started, key=started.__getitem__)
        return dict.fromkeys(by_age[: max(0, len(by_age) - MAX_LOGINS + 1)], "")

    def _started(
        self, cookies: Mapping[str, str], states: Sequence[str]
    ) -> dict[str, str] | None:
        if len(states) != 1 or not states[0]:
            return None
        try:
            sealed = cookies.get(self._login_cookie(states[0]), "")
            login = json.loads(self._fernet.decrypt(sealed.encode(), ttl=LOGIN_SECONDS))
        except (InvalidToken, ValueError):
            return None
        own = str(login.get("state", ""))
        same = hmac.compare_digest(own.encode(), states[0].encode())
        return login if same else None

    # authfit: begin sdk6
    def _seal(self, answer: Any) -> str:
        if answer is None:  # what the SDK makes of a page that is not JSON
            message = "AuthKit's answer is not JSON"
            raise WorkOSError(message)
        impersonator = answer.impersonator
        return seal_session_from_auth_response(
            access_token=answer.access_token,
            refresh_token=answer.refresh_token,
            user=answer.user.to_dict(),
            impersonator=impersonator.to_dict() if impersonator else None,
            cookie_password=self._password,
        )

    # authfit: begin sdk5
    def _seal(self, answer: Any) -> str:
        impersonator = answer.impersonator
        session = {
            "access_token": answer.access_token,
            "refresh_token": answer.refresh_token,
            "user": answer.user.dict(),
        }
        if impersonator:
            session["impersonator"] = impersonator.dict()
        return Session.seal_data(session, self._password)

    # authfit: end
    def _open(self, sealed: str) -> _Content:
        try:
            session = json.loads(self._fernet.decrypt(sealed.encode()))
            header, payload, _ = session["access_token"].split(".")
            claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
            key_id = json.loads(base64.urlsafe_b64decode(header + "=="))["kid"]
        except (InvalidToken, LookupError, ValueError):
            return _Content({}, {})
        return _Content(session, claims, key_id)

    async def _verified(self, content: _Content) -> AuthKitSession | None:
        """Check the signature, lifetime and owner of the sealed access token.

        Raises:
            PyJWKClientConnectionError: AuthKit's key set cannot be reached.
        """
        if not content.session:
            return None
        try:
            claims: dict[str, Any] = jwt.decode(
                content.session["access_token"],
                await self._key(content.key_id),
                algorithms=["RS256"],
                issuer=os.environ.get("WORKOS_ISSUER"),
                leeway=CLOCK_SKEW_SECONDS,
                options={"verify_aud": False, "require": ["exp", "iat", "sub"]},
            )
        except PyJWKClientConnectionError:
            raise
        except PyJWTError:
            return None
        user: dict[str, Any] = content.session.get("user") or {}
        if not _of_user(claims) or not user.get("id") or user["id"] != claims["sub"]:
            return None
        return AuthKitSession(
            user=user,
            session_id=claims["sid"],
            auth_time=int(claims["auth_time"]),
            organization_id=claims.get("org_id"),
            role=claims.get("role"),
            roles=claims.get("roles") or (),
            permissions=claims.get("permissions") or (),
            entitlements=claims.get("entitlements") or (),
            feature_flags=claims.get("feature_flags") or (),
            impersonator=content.session.get("impersonator"),
        )

    async def _key(self, key_id: str) -> PyJWK:
        """Return AuthKit's key of that id, which is asked for now and then."""
        known = self._known_keys.get(key_id)
        if known and time.monotonic() - known[0] < KEY_SECONDS:
            return known[1]
        # authfit: begin async
        # In a thread, since it blocks.
        key = await anyio.to_thread.run_sync(self._keys.get_signing_key, key_id)
        # authfit: begin sync
        key = self._keys.get_signing_key(key_id)
        # authfit: end
        self._known_keys[key_id] = (time.monotonic(), key)
        return key

    async def _refresh(self, sealed: str, content: _Content) -> str:
        """Trade the refresh token for a new session, once for parallel requests."""
        token = content.refresh_token
        # One lock for all sessions would make everyone wait for the slowest.
        async with self._refreshing[hash(token) % len(self._refreshing)]:
            now = time.monotonic()
            for old, (at, _) in list(self._refreshed.items()):
                if now - at >= REFRESH_SHARED_SECONDS:
                    self._refreshed.pop(old, None)
            if token in self._refreshed:
                return self._refreshed[token][1]
            try:
                users = self._workos.user_management
                answer = await users.authenticate_with_refresh_token(
                    refresh_token=token,
                    # authfit: begin sdk6
                    request_options={"timeout": REFRESH_TIMEOUT, "max_retries": 0},
                    # authfit: end
                )
                new = self._seal(answer)
            except SDK_ERRORS as error:
                logger.warning("AuthKit did not refresh: %s", type(error).__name__)
                if _refused(error):
                    return ""
                # For a moment the others need not try, and wait, themselves.
                new, now = sealed, now - REFRESH_SHARED_SECONDS + REFRESH_AGAIN_SECONDS
            self._refreshed[token] = (now, new)
            return new


def _of_user(claims: dict[str, Any]) -> bool:
    """Whether a token is a person's, as AuthKit signs them for other things too."""
    return (
        isinstance(claims.get("sid"), str)
        and isinstance(claims.get("auth_time"), (int, float))
        and claims.get("sub_type") is None
        and claims.get("sub_profile") in (None, "user")
    )


# authfit: begin sdk6
def _refused(error: Exception) -> bool:
    """Whether AuthKit has said no; else it has not answered."""
    return isinstance(error, (BadRequestError, AuthenticationError, AuthorizationError))
# authfit: begin sdk5
def _refused(error: Exception) -> bool:
    """Whether AuthKit has said no; else it has not answered."""
    if not isinstance(error, BaseRequestException):
        return False
    return error.response.status_code in (400, 401, 403)
# authfit: end
