"""What the sdk_*.py scripts share: a client of any version of the SDK, and a browser of sorts.

The scripts are written once, for the async client and in the words of the SDK's newest
version. A Kit makes them run with the sync client too, whose methods it lets be awaited,
and with 5.x, whose words it knows. It looks at whatever a method returns (`examine`), so
that the scripts say only what is particular to them.
"""

import base64
import contextlib
import dataclasses
import enum
import functools
import hashlib
import hmac
import html.parser
import inspect
import json
import os
import re
import struct
import time
import types
import typing
import urllib.error
import urllib.parse
import urllib.request
from datetime import datetime, timedelta, timezone
from importlib.metadata import version

import workos
from cryptography.fernet import Fernet

VERSION = tuple(int(part) for part in version("workos").split("."))
OLD = VERSION < (6,)
if OLD:
    from workos import exceptions as errors
    from workos.exceptions import BaseRequestException as APIError
    from workos.typing.untyped_literal import UntypedLiteral
else:
    from workos import _errors as errors
    from workos._errors import APIError

BASE = os.environ["WORKOS_BASE_URL"].rstrip("/")
CLIENT_ID = os.environ["WORKOS_CLIENT_ID"]
API_KEY = os.environ["WORKOS_API_KEY"]
REDIRECT_URI = os.environ["REDIRECT_URI"]
HOME = REDIRECT_URI.rsplit("/", 1)[0] + "/"
ISSUER = f"{BASE}/user_management/{CLIENT_ID}"
COOKIE_PASSWORD = Fernet.generate_key().decode()
PASSWORD = "correct horse battery staple"

# The ids of WorkOS, by the object's own name for its kind.
PREFIXES = {
    "authentication_challenge": "auth_challenge_",
    "authentication_factor": "auth_factor_",
    "connection": "conn_",
    "connection_domain": "conn_domain_",
    "cors_origin": "cors_origin_",
    "email_verification": "email_verification_",
    "feature_flag": "flag_",
    "invitation": "invitation_",
    "magic_auth": "magic_auth_",
    "organization": "org_",
    "organization_domain": "org_domain_",
    "organization_membership": "om_",
    "password_reset": "password_reset_",
    "permission": "perm_",
    "profile": "prof_",
    "redirect_uri": "redir_",
    "role": "role_",
    "role_assignment": "role_assignment_",
    "session": "session_",
    "user": "user_",
}


def moment(value):
    """Return a time of day that the SDK gives as a datetime, or as text."""
    if isinstance(value, str):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", value), value
        value = datetime.fromisoformat(value.replace("Z", "+00:00"))
    assert isinstance(value, datetime) and value.tzinfo, value
    return value


def ago(value, most=timedelta(minutes=5)):
    """Assert that a time was a moment ago."""
    passed = datetime.now(timezone.utc) - moment(value)
    assert timedelta(seconds=-5) < passed < most, value
    return True


def examine(value):
    """Look at whatever an SDK has made of an answer, and at all that is in it."""
    if isinstance(value, (list, tuple)):
        for item in value:
            examine(item)
    elif isinstance(value, dict):
        examine(list(value.values()))
    elif isinstance(value, enum.Enum):
        known = [member.value for member in type(value).__members__.values()]
        assert value.value in known, f"{value.value!r} is none of {known}"
    elif OLD and isinstance(value, UntypedLiteral):
        raise AssertionError(f"{value} is not a value that the SDK knows")
    else:
        examine_fields(fields_of(value))


hints_of = functools.cache(typing.get_type_hints)


def fields_of(value):
    """Return the fields of an object of the SDK, of the types that it says; none of any other value."""
    kind = type(value)
    if OLD:  # pydantic has held it to its types
        return {
            name: getattr(value, name) for name in getattr(kind, "model_fields", ())
        }
    if not dataclasses.is_dataclass(kind) or not kind.__module__.startswith("workos."):
        return {}
    fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(kind)}
    if ".models" in kind.__module__:
        for name, have in fields.items():
            wrong = f"{kind.__name__}.{name} is {have!r} and not {hints_of(kind)[name]}"
            assert fits(have, hints_of(kind)[name]), wrong
    return fields


def examine_fields(fields):
    """Look at the fields of an object."""
    kind, id = fields.get("object"), fields.get("id")
    if isinstance(id, str) and kind in PREFIXES:
        assert re.fullmatch(PREFIXES[kind] + r"\w+", id), f"{kind} with the id {id!r}"
    for name, value in fields.items():
        if name.endswith("_at") and value is not None:
            moment(value)
        elif name not in ("list_method", "list_args", "_fetch_page"):
            examine(value)
    made = fields.get("created_at")
    if made and fields.get("updated_at"):
        assert moment(fields["updated_at"]) >= moment(made), fields
    if made and fields.get("expires_at"):
        assert moment(fields["expires_at"]) > moment(made), fields


def fits(value, hint):
    """Report whether a value is what the SDK's own annotation says."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if hint is typing.Any:
        return True
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is typing.Literal:
        return value in parts
    if origin in (list, dict):
        if not isinstance(value, origin):
            return False
        items = value if origin is list else list(value.items())
        return all(
            fits(i, parts[0]) if origin is list else all(map(fits, i, parts))
            for i in items
        )
    if hint is float:
        return type(value) in (int, float)
    if hint in (bool, int):
        return type(value) is hint
    return isinstance(value, hint)


class Room:
    """A part of the SDK's client. Its methods are awaited, and what they return is examined."""

    def __init__(self, kit, name):
        self._kit, self._name = kit, name
        # 5.x has one of them by another name, and two not at all.
        self._real = "mfa" if OLD and name == "multi_factor_auth" else name

    def __getattr__(self, name):
        if OLD and (old := OLDER.get((self._name, name))):
            return functools.partial(old, self._kit)
        return self._kit.method(self._real, name)


class Kit:
    """A client and what the scripts do with it."""

    called: typing.ClassVar = set()  # what was called of any client, as "room.method"

    def __init__(self, asynchronous, **options):
        self.asynchronous = asynchronous
        make = workos.AsyncWorkOSClient if asynchronous else workos.WorkOSClient
        if options.get("is_public"):
            options["api_key"] = None
        if VERSION >= (10, 4):
            options.setdefault("jwt_issuer", ISSUER)
        self.client = make(**options)
        self.users = Room(self, "user_management")
        self.organizations = Room(self, "organizations")
        self.memberships = Room(self, "organization_membership")
        self.domains = Room(self, "organization_domains")
        self.roles = Room(self, "authorization")
        self.flags = Room(self, "feature_flags")
        self.factors = Room(self, "multi_factor_auth")
        self.sso = Room(self, "sso")

    def method(self, room, name):
        """Return a method of the client, by its own name there, to be awaited."""
        bound = getattr(getattr(self.client, room), name)

        async def call(*args, **kwargs):
            self.called.add(f"{room}.{name}")
            value = bound(*args, **kwargs)
            if inspect.isawaitable(value):
                value = await value
            examine(value)
            return value

        return call

    def other(self, **options):
        """Return a kit of the same kind with another client."""
        return Kit(self.asynchronous, **options)

    # Sessions, which 5.x seals and opens with other words.

    def seal(self, answer):
        """Seal the session of an answer."""
        user, who = plain(answer.user), answer.impersonator
        who = who and plain(who)
        data = {
            "access_token": answer.access_token,
            "refresh_token": answer.refresh_token,
            "user": user,
        }
        if OLD:
            from workos.session import Session

            return Session.seal_data({**data, "impersonator": who}, COOKIE_PASSWORD)
        from workos.session import seal_session_from_auth_response

        return seal_session_from_auth_response(
            **data, impersonator=who, cookie_password=COOKIE_PASSWORD
        )

    async def load(self, sealed, cookie_password=COOKIE_PASSWORD):
        """Open a sealed session."""
        word = "sealed_session" if OLD else "session_data"
        self.called.add("user_management.load_sealed_session")
        session = self.client.user_management.load_sealed_session(
            **{word: sealed, "cookie_password": cookie_password}
        )
        return await session if inspect.isawaitable(session) else session

    def opened(self, session):
        """Return what a sealed session holds."""
        if OLD:
            return session.unseal_data(session.session_data, COOKIE_PASSWORD)
        from workos.session import unseal_data

        return unseal_data(session.session_data, COOKIE_PASSWORD)

    async def refresh(self, session, **options):
        """Refresh a session, and return what came of it."""
        seen = session.refresh(**options)
        seen = await seen if inspect.isawaitable(seen) else seen
        examine(seen)
        return seen

    async def sign_up(self, email, **fields):
        """Make a user with a password and a verified email."""
        return await self.users.create_user(
            **{
                "email": email,
                "password": secret(PASSWORD),
                "email_verified": True,
                **fields,
            }
        )

    async def refused(self, call, status, **fields):
        """Return the error that a call must end in, with that status and those fields."""
        try:
            value = await call
        except APIError as error:
            body = error.response_json
            have = error.response.status_code if OLD else error.status_code
            assert isinstance(error, KINDS[status]), (type(error), body)
            assert have == status, (have, body)
            assert isinstance(body, dict), body
            assert error.request_id, body
            # OAuth's shape or the API's own, and no mixture.
            texts = ("error", "error_description") if "error" in body else ("message",)
            assert all(
                isinstance(body.get(text), str) and body[text] for text in texts
            ), body
            for name, value in fields.items():
                assert getattr(error, name) == value, (name, value, body)
            return error
        raise AssertionError(f"the call was not refused, and gave {value!r}")

    async def pages(self, method, size, *args, **filters):
        """Hold a list against itself, page by page, and return all that is in it."""

        def key(page):
            return [item.id for item in page.data]

        whole = await method(*args, limit=100, **filters)
        ids = key(whole)
        assert len(ids) == size and len(set(ids)) == size, (size, ids)
        assert (
            whole.list_metadata.after is None and whole.list_metadata.before is None
        ), whole.list_metadata
        there = await method(*args, limit=100, order="asc", **filters)
        assert key(there) == ids[::-1], (ids, key(there))

        seen, after = [], None
        while True:
            page = await method(
                *args, limit=2, **({"after": after} if after else {}), **filters
            )
            assert len(page.data) <= 2, page.data
            assert (page.list_metadata.before is None) == (after is None), (
                page.list_metadata
            )
            seen += key(page)
            if page.list_metadata.after is None:
                break
            after = page.list_metadata.after
            assert after == seen[-1], (after, seen)
        assert seen == ids, (seen, ids)
        if size > 2:
            page = await method(*args, limit=2, before=ids[-1], **filters)
            assert key(page) == ids[-3:-1], (key(page), ids)

        # All of it as the SDK itself turns the pages.
        first = await method(*args, limit=2, **filters)
        turned = first if OLD else first.auto_paging_iter()
        every = [i async for i in turned] if self.asynchronous else list(turned)
        assert [item.id for item in every] == ids, every
        return whole.data


def secret(text):
    """Return a password as the SDK's create_user takes it."""
    if OLD:
        return text
    from workos.user_management import PasswordPlaintext

    return PasswordPlaintext(password=text)


def hashed(text, kind):
    """Return the hash of a password as the SDK's create_user takes it."""
    if OLD:
        return {"password_hash": text, "password_hash_type": kind}
    from workos.user_management import PasswordHashed

    return {"password": PasswordHashed(password_hash=text, password_hash_type=kind)}


def role(*slugs):
    """Return roles as the SDK's memberships take them."""
    if OLD:
        return (
            {"role_slug": slugs[0]} if len(slugs) == 1 else {"role_slugs": list(slugs)}
        )
    from workos.organization_membership import RoleMultiple, RoleSingle

    return {
        "role": RoleSingle(slugs[0]) if len(slugs) == 1 else RoleMultiple(list(slugs))
    }


def domain(name, state):
    """Return a domain as the SDK's organizations take it."""
    if OLD:
        return {"domain": name, "state": state}
    from workos.common.models import OrganizationDomainDataState
    from workos.organizations.models import OrganizationDomainData

    return OrganizationDomainData(domain=name, state=OrganizationDomainDataState(state))


def plain(thing):
    """Return an object as a dictionary, so that it equals one that another method gives of it."""
    return thing.dict() if OLD else thing.to_dict()


def slug_of(role):
    """Return the slug of a membership's role."""
    return role["slug"] if isinstance(role, dict) else role.slug


# The errors of the SDK, by status.
if OLD:
    KINDS = {
        400: errors.BadRequestException,
        401: errors.AuthenticationException,
        403: errors.AuthorizationException,
        404: errors.NotFoundException,
        409: errors.ConflictException,
        422: errors.BadRequestException,
        501: errors.ServerException,
    }
else:
    KINDS = {
        **{
            status: errors.STATUS_CODE_TO_ERROR[status]
            for status in (400, 401, 403, 404, 409, 422)
        },
        501: errors.ServerError,
    }


def older(name, *positional, room="user_management", **renamed):
    """Say how 5.x calls a method: its name, the names of what comes first, and of what is called otherwise."""

    def call(kit, *args, **kwargs):
        kwargs = {renamed.get(word, word): value for word, value in kwargs.items()}
        return kit.method(room, name)(
            **dict(zip(positional, args, strict=False)), **kwargs
        )

    return call


def older_user(name, *positional):
    """Say the same of a method that returns the user itself."""

    async def call(kit, *args, **kwargs):
        user = await kit.method("user_management", name)(
            **dict(zip(positional, args, strict=False)), **kwargs
        )
        return types.SimpleNamespace(user=user)

    return call


OLDER = {
    ("user_management", "update_user"): older("update_user", "user_id"),
    ("user_management", "list_sessions"): older("list_sessions", "user_id"),
    ("user_management", "reset_password"): older("create_password_reset"),
    ("user_management", "confirm_password_reset"): older_user("reset_password"),
    ("user_management", "verify_email"): older_user("verify_email", "user_id"),
    ("user_management", "send_verification_email"): older_user(
        "send_verification_email", "user_id"
    ),
    ("organizations", "update_organization"): older(
        "update_organization", "organization_id", room="organizations"
    ),
    ("organization_membership", "create_organization_membership"): older(
        "create_organization_membership"
    ),
    ("organization_membership", "get_organization_membership"): older(
        "get_organization_membership", "organization_membership_id"
    ),
    ("organization_membership", "update_organization_membership"): older(
        "update_organization_membership", "organization_membership_id"
    ),
    ("organization_membership", "delete_organization_membership"): older(
        "delete_organization_membership", "organization_membership_id"
    ),
    ("organization_membership", "deactivate_organization_membership"): older(
        "deactivate_organization_membership", "organization_membership_id"
    ),
    ("organization_membership", "reactivate_organization_membership"): older(
        "reactivate_organization_membership", "organization_membership_id"
    ),
    ("organization_membership", "list_organization_memberships"): older(
        "list_organization_memberships"
    ),
    ("authorization", "add_environment_role_permission"): older(
        "add_environment_role_permission",
        "slug",
        room="authorization",
        body_slug="permission_slug",
    ),
    ("authorization", "add_organization_role_permission"): older(
        "add_organization_role_permission",
        "organization_id",
        "slug",
        room="authorization",
        body_slug="permission_slug",
    ),
    ("authorization", "remove_organization_role_permission"): older(
        "remove_organization_role_permission",
        "organization_id",
        "slug",
        "permission_slug",
        room="authorization",
    ),
    ("feature_flags", "list_user_feature_flags"): older(
        "list_feature_flags", "user_id"
    ),
    ("feature_flags", "list_organization_feature_flags"): older(
        "list_feature_flags", "organization_id", room="organizations"
    ),
    ("multi_factor_auth", "create_user_auth_factor"): older(
        "enroll_auth_factor", "user_id"
    ),
    ("multi_factor_auth", "list_user_auth_factors"): older(
        "list_auth_factors", "user_id"
    ),
    ("multi_factor_auth", "challenge_factor"): older(
        "challenge_factor", "authentication_factor_id", room="mfa"
    ),
    ("multi_factor_auth", "verify_challenge"): older(
        "verify_challenge", "authentication_challenge_id", room="mfa"
    ),
    ("sso", "get_authorization_url"): older(
        "get_authorization_url",
        room="sso",
        connection="connection_id",
        organization="organization_id",
    ),
}


def totp(key, at=None):
    """Return the one-time code of a secret (RFC 6238)."""
    counter = struct.pack(">Q", int((time.time() if at is None else at) // 30))
    digest = hmac.new(
        base64.b32decode(key + "=" * (-len(key) % 8)), counter, hashlib.sha1
    ).digest()
    start = digest[-1] & 15
    return (
        f"{(int.from_bytes(digest[start : start + 4], 'big') & 0x7FFFFFFF) % 10**6:06d}"
    )


def wrong(code):
    """Return another code of as many digits."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"


# What the emulator does not serve, by what such a method has in its name.
ELSEWHERE = re.compile(
    "radar|waitlist|authkit_oauth|authorized_application|api_key|audit_log|it_contact|saml_|group|resource"
    "|create_connection|update_connection|effective_permissions|role_assignment|assign_role|remove_role$"
    "|authorization.check|feature_flags[.](list_feature_flags|get|enable|disable|add|remove)"
    "|data_provider"
)


def uncalled(kit):
    """Name the methods of the SDK that nothing has called, of those that the emulator serves."""
    rooms = (
        "user_management organizations organization_domains authorization sso".split()
    )
    if not OLD:
        rooms += ["organization_membership", "feature_flags", "multi_factor_auth"]
    elif not kit.asynchronous:  # the async client of 5.x has none
        rooms.append("mfa")
    every = {
        f"{room}.{name}"
        for room in rooms
        for name, _ in inspect.getmembers(getattr(kit.client, room), callable)
        if not name.startswith("_")
    }
    assert kit.called <= every, kit.called - every
    return sorted(name for name in every - kit.called if not ELSEWHERE.search(name))


# A browser of sorts, and the inspector.


class NoRedirect(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect to the caller."""

    def redirect_request(self, *args, **kwargs):
        return None


class Form(html.parser.HTMLParser):
    """Collects what a page has a name for."""

    def __init__(self, page):
        super().__init__()
        self.values = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag in ("input", "button") and "name" in attributes:
            self.values[attributes["name"]] = attributes.get("value") or ""


def fetch(url, form=None):
    """Return the status, the Location header and the body, without following a redirect."""
    data = urllib.parse.urlencode(form).encode() if form else None
    try:
        answer = urllib.request.build_opener(NoRedirect).open(url, data)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return answer.status, answer.headers.get("Location"), answer.read().decode()


def submit(url, **values):
    """Open a page and send its form. Return the status, the Location header and the body."""
    status, _, page = fetch(url)
    assert status == 200, (status, page)
    return resubmit(page, **values)


def resubmit(page, **values):
    """Send the form of a page that is there, of what the page has fields for."""
    form = Form(page).values
    assert {"authorization", *values} <= set(form), (set(values), form)
    return fetch(f"{BASE}/user_management/authorize", {**form, **values})


def callback(answer):
    """Return the parameters that a page sent to the app."""
    status, location, page = answer
    assert status == 302, (status, page)
    assert location.startswith(REDIRECT_URI + "?"), location
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))


def sign_in(url, email, password=PASSWORD, action="sign-in"):
    """Sign in with a password, or cancel."""
    return callback(submit(url, email=email, password=password, action=action))


def inspector(path):
    """Return what the emulator's own JSON API says."""
    status, _, body = fetch(f"{BASE}/_authfit/api/{path}")
    assert status == 200, (status, body)
    return json.loads(body)


def last_mail(to, kind):
    """Return the newest message to somebody."""
    mails = [
        m for m in inspector("mail")["data"] if m["to"] == to and m["kind"] == kind
    ]
    assert mails, (to, kind)
    newest = mails[-1]
    assert newest["subject"] and newest["body"] and newest["created_at"], newest
    return newest


def run(coroutine):
    """Run what was written for the async client with the sync one, where nothing waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise AssertionError("the sync client had something to wait for")


@contextlib.contextmanager
def clock(seconds, stopped=False):
    """Set the emulator's clock that far from the real one, or stop it there, for a while."""

    def tell(seconds, stopped):
        form = {"seconds": seconds, "stopped": "yes" if stopped else ""}
        status, _, body = fetch(f"{os.environ['CONTROL']}/clock", form)
        assert status == 200, (status, body)

    tell(seconds, stopped)
    try:
        yield
    finally:
        tell(0, False)
