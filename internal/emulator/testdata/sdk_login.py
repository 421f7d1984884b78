"""Drive the real workos SDK through a login against the emulator.

The environment gives WORKOS_API_KEY, WORKOS_CLIENT_ID, WORKOS_BASE_URL, and REDIRECT_URI,
EMAIL and PASSWORD, and a MEMBER with the same password, who is in the organisations NORTH
and SOUTH. Any answer that the SDK cannot read, and any other surprise, ends in a
traceback and a non-zero exit code.
"""

import html.parser
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from importlib.metadata import version

import jwt
from cryptography.fernet import Fernet
from workos import WorkOSClient
from workos._errors import BadRequestError, OrganizationSelectionRequiredError
from workos.pkce import PKCE
from workos.public_client import create_public_client
from workos.session import seal_session_from_auth_response

BASE = os.environ["WORKOS_BASE_URL"]
CLIENT_ID = os.environ["WORKOS_CLIENT_ID"]
REDIRECT_URI = os.environ["REDIRECT_URI"]
EMAIL = os.environ["EMAIL"]
PASSWORD = os.environ["PASSWORD"]
MEMBER = os.environ["MEMBER"]
NORTH = os.environ["NORTH"]
SOUTH = os.environ["SOUTH"]
ISSUER = f"{BASE}/user_management/{CLIENT_ID}"
COOKIE_PASSWORD = Fernet.generate_key().decode()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None


class Fields(html.parser.HTMLParser):
    """Collect the named inputs of a page."""

    def __init__(self):
        super().__init__()
        self.values = {}

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "input":
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


def submit(url, names, **values):
    """Open a page with inputs of these names, send its form, and return the callback's parameters."""
    status, _, page = fetch(url)
    assert status == 200, (status, page)
    fields = Fields()
    fields.feed(page)
    assert set(fields.values) == {"authorization", *names}, fields.values
    form = {**fields.values, **values}
    status, location, page = fetch(f"{BASE}/user_management/authorize", form)
    assert status == 302, (status, page)
    assert location.startswith(REDIRECT_URI + "?"), location
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))


def sign_in(url, action="sign-in", password=PASSWORD, email=EMAIL):
    """Sign in, or cancel."""
    names = {"email", "password"}
    return submit(url, names, email=email, password=password, action=action)


def mailed(email):
    """Return the newest mail to an address."""
    _, _, text = fetch(f"{BASE}/_authfit/api/mail?to={urllib.parse.quote(email)}")
    return json.loads(text)["data"][-1]


def sign_up(url, email):
    """Make an account, and verify its email."""
    fields = Fields()
    fields.feed(fetch(url)[2])
    assert set(fields.values) == {
        "authorization",
        "email",
        "first_name",
        "last_name",
        "password",
    }
    values = {"email": email, "password": PASSWORD, "action": "sign-up"}
    page = fetch(f"{BASE}/user_management/authorize", {**fields.values, **values})[2]
    fields = Fields()
    fields.feed(page)
    values = {"code": mailed(email)["code"], "action": "verify-email"}
    location = fetch(f"{BASE}/user_management/authorize", {**fields.values, **values})[
        1
    ]
    assert location and location.startswith(REDIRECT_URI + "?"), page
    return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))


def refused(call, **kwargs):
    """Return the error that the call must raise."""
    try:
        call(**kwargs)
    except BadRequestError as error:
        assert error.request_id, error
        return error
    raise AssertionError("the call was not refused")


client = WorkOSClient(jwt_issuer=ISSUER)
users = client.user_management

# A login as a web app does it: state, PKCE, secret and verifier.
pair = PKCE().generate()
callback = sign_in(
    users.get_authorization_url(
        redirect_uri=REDIRECT_URI,
        provider="authkit",
        state="a b&c=ü",
        code_challenge=pair.code_challenge,
        code_challenge_method=pair.code_challenge_method,
        login_hint=EMAIL,
        screen_hint="sign-in",
        max_age=0,
    )
)
assert callback["state"] == "a b&c=ü", callback
answer = users.authenticate_with_code(
    code=callback["code"], code_verifier=pair.code_verifier
)
assert answer.user.email == EMAIL and answer.user.last_sign_in_at is not None, (
    answer.user
)
assert answer.authentication_method.value == "Password", answer

# Its session, sealed and read back; the SDK checks signature, issuer, sid and auth_time.
sealed = seal_session_from_auth_response(
    access_token=answer.access_token,
    refresh_token=answer.refresh_token,
    user=answer.user.to_dict(),
    cookie_password=COOKIE_PASSWORD,
)
session = users.load_sealed_session(
    session_data=sealed, cookie_password=COOKIE_PASSWORD
)
seen = session.authenticate()
assert seen.authenticated, seen
assert seen.user["email"] == EMAIL, seen.user

claims = jwt.decode(answer.access_token, options={"verify_signature": False})
assert claims["iss"] == ISSUER and claims["sub"] == answer.user.id, claims
assert claims["client_id"] == CLIENT_ID and claims["jti"], claims

# Refreshing rotates the tokens and keeps the session and its time of sign-in.
refreshed = session.refresh()
assert refreshed.authenticated, refreshed.reason
assert refreshed.session_id == seen.session_id, refreshed
again = session.authenticate()
assert again.authenticated and again.session_id == seen.session_id, again

# Two requests that refresh at once, with the same old cookie, both stay signed in.
twin = users.load_sealed_session(session_data=sealed, cookie_password=COOKIE_PASSWORD)
assert twin.refresh().authenticated

# The key set, with the fields that only the SDK's own model asks for.
(key,) = users.get_jwks(client_id=CLIENT_ID).keys
assert key.x_5_c and key.x_5_t_s_256, key

# Logout, and the refresh token is dead.
logout = users.get_logout_url(
    session_id=seen.session_id, return_to=REDIRECT_URI.rsplit("/", 1)[0] + "/"
)
assert fetch(logout)[:2] == (302, REDIRECT_URI.rsplit("/", 1)[0] + "/"), fetch(logout)
over = session.refresh()
assert not over.authenticated and "invalid_grant" in str(over.reason), over.reason

# Cancel.
callback = sign_in(
    users.get_authorization_url(
        redirect_uri=REDIRECT_URI, provider="authkit", state="s"
    ),
    "cancel",
)
assert (
    callback["error"] == "access_denied"
    and callback["state"] == "s"
    and "code" not in callback
), callback

# Refusals, as the SDK shows them.
flow = users.get_authorization_url_with_pkce(
    redirect_uri=REDIRECT_URI, provider="authkit"
)
code = sign_in(flow["url"])["code"]
error = refused(users.authenticate_with_code, code=code, code_verifier="w" * 43)
assert error.error == "invalid_grant" and "code_verifier" in error.error_description, (
    error
)

code = sign_in(
    users.get_authorization_url(redirect_uri=REDIRECT_URI, provider="authkit")
)["code"]
error = refused(
    users.authenticate_with_code, code=code, code_verifier=pair.code_verifier
)
assert error.code == "code_challenge_not_found" and error.message, error

code = sign_in(
    users.get_authorization_url(redirect_uri=REDIRECT_URI, provider="authkit")
)["code"]
impostor = WorkOSClient(api_key="sk_test_wrong").user_management
error = refused(impostor.authenticate_with_code, code=code)
assert error.error == "invalid_client", error
assert users.authenticate_with_code(code=code).user.email == EMAIL
assert refused(users.authenticate_with_code, code=code).error == "invalid_grant"

error = refused(users.authenticate_with_password, email=EMAIL, password="wrong")
assert error.code == "invalid_credentials" and error.message, error
assert (
    users.authenticate_with_password(email=EMAIL, password=PASSWORD).user.email == EMAIL
)

# A session in an organisation, and the switch to another one.
answer = users.authenticate_with_code(
    code=sign_in(
        users.get_authorization_url(
            redirect_uri=REDIRECT_URI, provider="authkit", organization_id=NORTH
        ),
        email=MEMBER,
    )["code"]
)
assert answer.organization_id == NORTH, answer
session = users.load_sealed_session(
    session_data=seal_session_from_auth_response(
        access_token=answer.access_token,
        refresh_token=answer.refresh_token,
        user=answer.user.to_dict(),
        cookie_password=COOKIE_PASSWORD,
    ),
    cookie_password=COOKIE_PASSWORD,
)
seen = session.authenticate()
assert seen.authenticated and seen.organization_id == NORTH, seen
assert (seen.role, seen.roles) == ("admin", ["admin"]), seen
assert "posts:write" in seen.permissions, seen
assert seen.entitlements == ["audit-logs"], seen
assert seen.feature_flags == ["new-editor"], seen

switched = session.refresh(organization_id=SOUTH)
assert switched.authenticated, switched.reason
assert switched.session_id == seen.session_id, switched
assert switched.organization_id == SOUTH, switched
again = session.authenticate()
assert again.authenticated and again.organization_id == SOUTH, again
assert (again.role, again.roles) == ("member", ["member"]), again
assert (again.entitlements, again.feature_flags) == ([], []), again

elsewhere = session.refresh(organization_id="org_elsewhere")
assert not elsewhere.authenticated, elsewhere
assert "organization_not_found" in str(elsewhere.reason), elsewhere
assert session.refresh().organization_id == SOUTH

# Without a page, the app asks its user for the organisation.
try:
    users.authenticate_with_password(email=MEMBER, password=PASSWORD)
except OrganizationSelectionRequiredError as error:
    assert error.user["email"] == MEMBER, error.user
    assert [o["id"] for o in error.organizations] == [NORTH, SOUTH], error.organizations
    answer = users.authenticate_with_organization_selection(
        pending_authentication_token=error.pending_authentication_token,
        organization_id=SOUTH,
    )
    assert answer.organization_id == SOUTH, answer
else:
    raise AssertionError("the organisation was not asked for")

# A new account.
callback = sign_up(
    users.get_authorization_url(
        redirect_uri=REDIRECT_URI, provider="authkit", screen_hint="sign-up"
    ),
    "new@example.test",
)
answer = users.authenticate_with_code(code=callback["code"])
assert answer.user.email == "new@example.test" and answer.user.email_verified, answer
assert answer.user.first_name is None and answer.organization_id is None, answer

# A public client has no secret, and its verifier stands in for it.
flow = users.get_authorization_url_with_pkce(
    redirect_uri=REDIRECT_URI, provider="authkit"
)
code = sign_in(flow["url"])["code"]
public = create_public_client(client_id=CLIENT_ID).user_management
answer = public.authenticate_with_code_pkce(
    code=code, code_verifier=flow["code_verifier"]
)
assert answer.user.email == EMAIL, answer

print("workos", version("workos"), "logged in, refreshed and out")
