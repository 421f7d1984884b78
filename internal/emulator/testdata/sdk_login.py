"""Logins over the pages: codes with and without PKCE, sessions, organisations, and what is refused."""

import base64
import hashlib
import os
import types

import jwt
from cryptography.fernet import Fernet
from sdk_kit import (
    CLIENT_ID,
    COOKIE_PASSWORD,
    HOME,
    ISSUER,
    OLD,
    PASSWORD,
    REDIRECT_URI,
    VERSION,
    ago,
    callback,
    clock,
    fetch,
    last_mail,
    moment,
    resubmit,
    sign_in,
    slug_of,
    submit,
    wrong,
)

# Who is there from the start: somebody in no organisation, a member of both, and somebody whom the app's own people
# look at the app as.
EMAIL, LOCAL_PASSWORD = os.environ["EMAIL"], os.environ["PASSWORD"]
MEMBER, NORTH, SOUTH = os.environ["MEMBER"], os.environ["NORTH"], os.environ["SOUTH"]
LOOKED_AT = os.environ["LOOKED_AT"]


def method_of(answer):
    return getattr(answer.authentication_method, "value", answer.authentication_method)


def claims_of(answer):
    return jwt.decode(answer.access_token, options={"verify_signature": False})


def reason_of(refused):
    assert not refused.authenticated, refused
    return getattr(refused.reason, "value", refused.reason)


def pair():
    """Return a code verifier and its challenge (RFC 7636), as an app makes them without the SDK's help."""
    verifier = base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()
    challenge = (
        base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        .rstrip(b"=")
        .decode()
    )
    return verifier, challenge


def local(url, email=EMAIL, action="sign-in"):
    """Sign in as somebody who is there from the start."""
    return sign_in(url, email, LOCAL_PASSWORD, action)


async def authkit(k, **fields):
    """Return an authorization URL."""
    return await k.users.get_authorization_url(
        **{"redirect_uri": REDIRECT_URI, "provider": "authkit", **fields}
    )


async def a_login_of_a_web_app(k):
    # State, PKCE, secret and verifier.
    verifier, challenge = pair()
    fields = {
        "state": "a b&c=ü",
        "code_challenge": challenge,
        "login_hint": EMAIL,
        "screen_hint": "sign-in",
    }
    if not OLD:  # 5.x adds it itself
        fields["code_challenge_method"] = "S256"
    if VERSION >= (9, 1):
        fields["max_age"] = 0
    answered = local(await authkit(k, **fields))
    assert answered["state"] == "a b&c=ü", answered
    answer = await k.users.authenticate_with_code(
        code=answered["code"],
        code_verifier=verifier,
        ip_address="203.0.113.9",
        user_agent="Lynx/2.8",
    )
    assert answer.user.email == EMAIL and ago(answer.user.last_sign_in_at), answer.user
    assert method_of(answer) == "Password" and answer.organization_id is None, answer
    assert answer.impersonator is None and answer.oauth_tokens is None, answer
    claims = claims_of(answer)
    assert claims["iss"] == ISSUER and claims["sub"] == answer.user.id, claims
    assert claims["client_id"] == CLIENT_ID and claims["jti"], claims

    # Its session, sealed and read back; the SDK checks signature, issuer, sid and auth_time.
    sealed = k.seal(answer)
    session = await k.load(sealed)
    seen = session.authenticate()
    assert seen.authenticated and seen.session_id == claims["sid"], seen
    email = seen.user.email if OLD else seen.user["email"]
    assert email == EMAIL, seen.user

    # Refreshing rotates the tokens and keeps the session and its time of sign-in.
    refreshed = await k.refresh(session)
    assert refreshed.authenticated, refreshed
    assert (
        refreshed.session_id == seen.session_id and refreshed.sealed_session != sealed
    ), refreshed
    again = session.authenticate()
    assert again.authenticated and again.session_id == seen.session_id, again

    # Two requests that refresh at once, with the same old cookie, both stay signed in.
    twin = await k.load(sealed)
    assert (await k.refresh(twin)).authenticated

    # A cookie that cannot be opened.
    stranger = await k.load(sealed, Fernet.generate_key().decode())
    assert reason_of(stranger.authenticate()) == "invalid_session_cookie"
    assert reason_of(await k.refresh(stranger)) == "invalid_session_cookie"
    nobody = await k.load("")
    assert reason_of(nobody.authenticate()) == "no_session_cookie_provided"

    # Logout, by both of the SDK's URLs, and the refresh token is dead.
    url = await k.users.get_logout_url(session_id=seen.session_id, return_to=HOME)
    own = session.get_logout_url(return_to=HOME)
    assert (await own if not isinstance(own, str) else own) == url, url
    assert fetch(url)[:2] == (302, HOME), fetch(url)
    over = await k.refresh(session)
    assert "invalid_grant" in reason_of(over), over.reason


async def an_access_token_that_has_expired(k):
    with clock(-600):  # where tokens are good for five minutes
        answer = await k.users.authenticate_with_code(
            code=local(await authkit(k))["code"]
        )
    session = await k.load(k.seal(answer))
    assert reason_of(session.authenticate()) == "invalid_jwt"
    refreshed = await k.refresh(session)
    assert refreshed.authenticated, refreshed
    seen = session.authenticate()
    assert seen.authenticated and seen.session_id == refreshed.session_id, seen
    # Its user has not signed in again.
    again = claims_of(types.SimpleNamespace(**k.opened(session)))
    assert again["auth_time"] == claims_of(answer)["auth_time"], again
    assert again["iat"] > claims_of(answer)["iat"], again


async def a_session_that_5_seals_itself(k):
    if not OLD:
        return
    config = {"seal_session": True, "cookie_password": COOKIE_PASSWORD}
    answer = await k.users.authenticate_with_code(
        code=local(await authkit(k))["code"], session=config
    )
    session = await k.load(answer.sealed_session)
    assert session.authenticate().user.email == EMAIL
    answer = await k.users.authenticate_with_refresh_token(
        refresh_token=answer.refresh_token, session=config
    )
    session = await k.load(answer.sealed_session)
    assert session.authenticate().user.email == EMAIL


async def a_session_that_6_opens_at_once(k):
    if OLD:
        return
    answer = await k.users.authenticate_with_code(code=local(await authkit(k))["code"])
    seen = await k.users.authenticate_with_session_cookie(
        session_data=k.seal(answer), cookie_password=COOKIE_PASSWORD
    )
    assert seen.authenticated and seen.session_id == claims_of(answer)["sid"], seen
    # And the token endpoint with a body that the app makes itself.
    again = await k.users.create_authenticate(
        body={
            "grant_type": "refresh_token",
            "client_id": CLIENT_ID,
            "client_secret": os.environ["WORKOS_API_KEY"],
            "refresh_token": answer.refresh_token,
        }
    )
    assert again.user.id == answer.user.id, again


async def cancelled(k):
    answered = local(await authkit(k, state="s"), action="cancel")
    assert answered["error"] == "access_denied" and answered["error_description"], (
        answered
    )
    assert answered["state"] == "s" and "code" not in answered, answered


async def asked_for_consent(k):
    fields = {"prompt": "consent", "domain_hint": "example.test", "state": "s"}
    url = await authkit(k, **fields)
    status, _, page = submit(
        url, email=EMAIL, password=LOCAL_PASSWORD, action="sign-in"
    )
    assert status == 200, (status, page)
    answered = callback(resubmit(page, action="cancel"))
    assert answered["error"] == "access_denied" and answered["state"] == "s", answered
    _, _, page = submit(url, email=EMAIL, password=LOCAL_PASSWORD, action="sign-in")
    answered = callback(resubmit(page, action="consent"))
    answer = await k.users.authenticate_with_code(code=answered["code"])
    assert answer.user.email == EMAIL, answer


async def refused(k):
    async def code(**fields):
        return local(await authkit(k, **fields))["code"]

    def exchange(code, kit=k, **fields):
        return kit.users.authenticate_with_code(code=code, **fields)

    verifier, challenge = pair()
    fields = (
        {"code_challenge": challenge}
        if OLD
        else {"code_challenge": challenge, "code_challenge_method": "S256"}
    )
    error = await k.refused(
        exchange(await code(**fields), code_verifier="w" * 43),
        400,
        error="invalid_grant",
    )
    assert "code_verifier" in error.error_description, error
    await k.refused(
        exchange(await code(), code_verifier=verifier),
        400,
        code="code_challenge_not_found",
    )

    once = await code()
    await k.refused(
        exchange(once, k.other(api_key="sk_test_wrong")), 400, error="invalid_client"
    )
    await k.refused(
        exchange(once, k.other(client_id="client_nobody")), 400, error="invalid_client"
    )
    answer = await exchange(once)
    assert answer.user.email == EMAIL, answer
    await k.refused(exchange(once), 400, error="invalid_grant")
    await k.refused(exchange("made-up"), 400, error="invalid_grant")
    # A code that was used twice was stolen: what it gave is taken back.
    await k.refused(
        k.users.authenticate_with_refresh_token(refresh_token=answer.refresh_token),
        400,
        error="invalid_grant",
    )
    await k.refused(
        k.users.authenticate_with_refresh_token(refresh_token="made-up"),
        400,
        error="invalid_grant",
    )

    await k.refused(
        k.users.authenticate_with_password(email=EMAIL, password="wrong"),
        400,
        code="invalid_credentials",
    )
    await k.refused(
        k.users.authenticate_with_password(
            email="nobody@example.test", password="wrong"
        ),
        400,
        code="invalid_credentials",
    )
    answer = await k.users.authenticate_with_password(
        email=EMAIL, password=LOCAL_PASSWORD
    )
    assert answer.user.email == EMAIL and method_of(answer) == "Password", answer
    if not OLD:
        body = {
            "grant_type": "client_credentials",
            "client_id": CLIENT_ID,
            "client_secret": "x",
        }
        error = await k.refused(k.users.create_authenticate(body=body), 400)
        assert error.error in ("unsupported_grant_type", "invalid_client"), error


async def a_session_in_an_organisation(k):
    answered = local(await authkit(k, organization_id=NORTH), MEMBER)
    answer = await k.users.authenticate_with_code(code=answered["code"])
    assert answer.organization_id == NORTH, answer
    session = await k.load(k.seal(answer))
    seen = session.authenticate()
    assert seen.authenticated and seen.organization_id == NORTH, seen
    assert (seen.role, seen.roles) == ("admin", ["admin"]), seen
    assert "posts:write" in seen.permissions, seen
    assert seen.entitlements == ["audit-logs"], seen
    assert seen.feature_flags == ["new-editor"], seen

    switched = await k.refresh(session, organization_id=SOUTH)
    assert switched.authenticated, switched
    assert (
        switched.session_id == seen.session_id and switched.organization_id == SOUTH
    ), switched
    again = session.authenticate()
    assert again.authenticated and again.organization_id == SOUTH, again
    assert (again.role, again.roles) == ("member", ["member"]), again
    assert (again.entitlements, again.feature_flags) == ([], []), again

    elsewhere = await k.refresh(session, organization_id="org_elsewhere")
    assert "organization_not_found" in reason_of(elsewhere), elsewhere.reason
    assert (await k.refresh(session)).organization_id == SOUTH


async def an_organisation_is_chosen(k):
    # On a page.
    status, _, page = submit(
        await authkit(k), email=MEMBER, password=LOCAL_PASSWORD, action="sign-in"
    )
    assert status == 200 and NORTH in page and SOUTH in page, (status, page)
    answered = callback(
        resubmit(page, action="choose-organization", organization_id=SOUTH)
    )
    assert (
        await k.users.authenticate_with_code(code=answered["code"])
    ).organization_id == SOUTH

    # Without one, the app asks its user.
    error = await k.refused(
        k.users.authenticate_with_password(email=MEMBER, password=LOCAL_PASSWORD),
        403,
        code="organization_selection_required",
    )
    body = error.response_json
    assert body["user"]["email"] == MEMBER, body
    assert [o["id"] for o in body["organizations"]] == [NORTH, SOUTH], body
    assert all(o["name"] for o in body["organizations"]), body
    if not OLD:
        assert type(error).__name__ == "OrganizationSelectionRequiredError", error
        assert (error.organizations, error.user) == (
            body["organizations"],
            body["user"],
        ), error
        assert (
            error.pending_authentication_token == body["pending_authentication_token"]
        ), error

    def choose(organization_id, token=body["pending_authentication_token"]):
        return k.users.authenticate_with_organization_selection(
            pending_authentication_token=token, organization_id=organization_id
        )

    await k.refused(choose(SOUTH, "made-up"), 400)
    answer = await choose(SOUTH)
    assert answer.organization_id == SOUTH and answer.user.email == MEMBER, answer
    await k.refused(choose(NORTH), 400)


async def a_new_account(k):
    email = "login.new@example.test"
    url = await authkit(k, screen_hint="sign-up")
    fields = {"email": email, "password": PASSWORD, "first_name": "", "last_name": ""}
    status, _, page = submit(url, action="sign-up", **fields)
    assert status == 200, (status, page)
    code = last_mail(email, "email_verification")["code"]
    status, _, again = resubmit(page, action="verify-email", code=wrong(code))
    assert status == 422, (status, again)
    answered = callback(resubmit(page, action="verify-email", code=code))
    answer = await k.users.authenticate_with_code(code=answered["code"])
    assert answer.user.email == email and answer.user.email_verified, answer
    assert answer.user.first_name is None and answer.organization_id is None, answer
    await k.users.delete_user(answer.user.id)


async def a_public_client(k):
    if OLD:  # which has none
        return
    # It has no secret, and its verifier stands in for it.
    flow = await k.users.get_authorization_url_with_pkce(
        redirect_uri=REDIRECT_URI, provider="authkit"
    )
    answered = local(flow["url"])
    assert answered["state"] == flow["state"], answered
    public = k.other(client_id=CLIENT_ID, is_public=True)
    answer = await public.users.authenticate_with_code_pkce(
        code=answered["code"], code_verifier=flow["code_verifier"]
    )
    assert answer.user.email == EMAIL, answer
    # What it began it refreshes without a secret, too.
    again = await public.users.authenticate_with_refresh_token(
        refresh_token=answer.refresh_token
    )
    assert claims_of(again)["sid"] == claims_of(answer)["sid"], again

    flow = await k.users.get_authorization_url_with_pkce(
        redirect_uri=REDIRECT_URI, provider="authkit"
    )
    code = local(flow["url"])["code"]
    await k.refused(
        public.users.authenticate_with_code_pkce(code=code, code_verifier="w" * 43), 400
    )
    await k.refused(
        public.users.authenticate_with_code(code=local(await authkit(k))["code"]), 400
    )
    await k.refused(public.users.get_user(answer.user.id), 401)

    # The same with a secret beside the verifier.
    flow = await k.users.get_authorization_url_with_pkce(
        redirect_uri=REDIRECT_URI, provider="authkit"
    )
    answer = await k.users.authenticate_with_code_pkce(
        code=local(flow["url"])["code"], code_verifier=flow["code_verifier"]
    )
    assert answer.user.email == EMAIL, answer


async def an_invitation_in_the_url(k):
    if OLD:  # whose URLs take none
        return
    organization = await k.organizations.create_organization(name="Login Invited")
    email = "login.invited@example.test"
    sent = await k.users.send_invitation(
        email=email, organization_id=organization.id, role_slug="admin"
    )
    url = await authkit(k, invitation_token=sent.token, screen_hint="sign-up")
    answered = callback(
        submit(
            url,
            email=email,
            first_name="In",
            last_name="Vited",
            password=PASSWORD,
            action="sign-up",
        )
    )
    answer = await k.users.authenticate_with_code(code=answered["code"])
    assert answer.user.email == email and answer.user.email_verified, answer
    assert answer.organization_id == organization.id, answer
    (member,) = (
        await k.memberships.list_organization_memberships(user_id=answer.user.id)
    ).data
    assert slug_of(member.role) == "admin", member
    done = await k.users.get_invitation(sent.id)
    assert done.accepted_user_id == answer.user.id and ago(done.accepted_at), done
    await k.users.delete_user(answer.user.id)
    await k.organizations.delete_organization(organization.id)


async def impersonated(k):
    answer = await k.users.authenticate_with_code(
        code=local(await authkit(k), LOOKED_AT)["code"]
    )
    assert answer.user.email == LOOKED_AT and method_of(answer) == "Impersonation", (
        answer
    )
    assert (answer.impersonator.email, answer.impersonator.reason) == (
        "support@example.test",
        "a ticket",
    ), answer
    assert claims_of(answer)["act"] == {"sub": "support@example.test"}, claims_of(
        answer
    )
    session = await k.load(k.seal(answer))
    seen = session.authenticate()
    who = seen.impersonator
    assert (who.email if OLD else who["email"]) == "support@example.test", seen
    assert (await k.refresh(session)).authenticated
    (listed, *_) = (await k.users.list_sessions(answer.user.id)).data
    assert (
        getattr(listed.auth_method, "value", listed.auth_method) == "impersonation"
    ), listed
    assert listed.impersonator.email == "support@example.test", listed
    span = moment(listed.expires_at) - moment(listed.created_at)
    assert span.total_seconds() == 3600, span


async def an_account_elsewhere(k):
    url = await authkit(k, provider="GoogleOAuth", state="s")
    status, _, page = fetch(url)
    assert status == 200, (status, page)
    email = "login.google@example.test"
    answered = callback(resubmit(page, action="pick-identity", email=email))
    assert answered["state"] == "s", answered
    answer = await k.users.authenticate_with_code(code=answered["code"])
    assert answer.user.email == email and answer.user.email_verified, answer
    assert method_of(answer) == "GoogleOAuth", answer
    if not OLD:
        (identity,) = await k.users.get_user_identities(answer.user.id)
        assert identity["idp_id"] if isinstance(identity, dict) else identity.idp_id, (
            identity
        )
        have = (
            identity["provider"]
            if isinstance(identity, dict)
            else identity.provider.value
        )
        assert have == "GoogleOAuth", identity
        await k.refused(k.users.get_user_identities("user_nobody"), 404)
    (listed,) = (await k.users.list_sessions(answer.user.id)).data
    assert getattr(listed.auth_method, "value", listed.auth_method) == "oauth", listed
    await k.users.delete_user(answer.user.id)
