"""Connections, and a login by one."""

import os

from sdk_kit import OLD, PASSWORD, REDIRECT_URI, callback, fetch, resubmit, submit

NORTH, SOUTH = os.environ["NORTH"], os.environ["SOUTH"]
CONNECTION = os.environ["CONNECTION"]


def value(thing):
    return getattr(thing, "value", thing)


async def connections(k):
    seen = await k.sso.get_connection(CONNECTION)
    assert (seen.id, seen.organization_id) == (CONNECTION, NORTH), seen
    assert seen.name == "North Staff" and value(seen.state) == "active", seen
    assert value(seen.connection_type) == "OktaSAML", seen
    assert [d.domain for d in seen.domains] == ["north.test"], seen
    (listed,) = (await k.sso.list_connections(organization_id=NORTH)).data
    assert listed == seen, listed
    for fields in ({"domain": "north.test"}, {"connection_type": "OktaSAML"}):
        found = (await k.sso.list_connections(**fields)).data
        assert CONNECTION in [c.id for c in found], (fields, found)
    assert (await k.sso.list_connections(domain="elsewhere.test")).data == []
    await k.refused(k.sso.get_connection("conn_nobody"), 404)


async def a_login_by_a_connection(k):
    for fields in ({"connection_id": CONNECTION}, {"organization_id": NORTH}):
        url = await k.users.get_authorization_url(
            redirect_uri=REDIRECT_URI, state="s", **fields
        )
        status, _, page = fetch(url)
        assert status == 200, (status, page)
        if "connection_id" not in fields:
            continue  # AuthKit's own page, where nobody has to use the connection
        answered = callback(
            resubmit(page, action="pick-identity", email="new.hire@north.test")
        )
        answer = await k.users.authenticate_with_code(code=answered["code"])
        assert answer.user.email == "new.hire@north.test", answer
        assert answer.user.email_verified and answer.organization_id == NORTH, answer
        assert value(answer.authentication_method) == "SSO", answer
        (session,) = (await k.users.list_sessions(answer.user.id)).data
        assert value(session.auth_method) == "sso", session
        await k.users.delete_user(answer.user.id)


async def a_profile(k):
    for fields in (
        {"connection": CONNECTION},
        {"organization": NORTH},
        {"provider": "GoogleOAuth"},
    ):
        url = await k.sso.get_authorization_url(
            redirect_uri=REDIRECT_URI, state="s", **fields
        )
        email = "somebody@north.test"
        answered = callback(submit(url, action="pick-identity", email=email))
        assert answered["state"] == "s", answered
        seen = await k.sso.get_profile_and_token(code=answered["code"])
        profile = seen.profile
        assert (profile.email, value(profile.connection_type)) == (
            email,
            "GoogleOAuth" if "provider" in fields else "OktaSAML",
        ), profile
        here = None if "provider" in fields else NORTH
        assert profile.organization_id == here, profile
        assert await k.sso.get_profile(access_token=seen.access_token) == profile
        used = k.sso.get_profile_and_token(code=answered["code"])
        await k.refused(used, 400, error="invalid_grant")
    await k.refused(k.sso.get_profile(access_token="token"), 401)
    await k.refused(
        k.sso.get_profile_and_token(code="code"), 400, error="invalid_grant"
    )


async def a_profile_with_pkce(k):
    if OLD:
        return  # it has no method for it
    flow = await k.sso.get_authorization_url_with_pkce(
        redirect_uri=REDIRECT_URI, connection=CONNECTION
    )
    answered = callback(
        submit(flow["url"], action="pick-identity", email="pkce@north.test")
    )
    seen = await k.sso.get_profile_and_token_pkce(
        code=answered["code"], code_verifier=flow["code_verifier"]
    )
    out = await k.sso.authorize_logout(profile_id=seen.profile.id)
    url = await k.sso.get_logout_url(token=out.logout_token)
    assert url == out.logout_url, (url, out)
    assert fetch(url)[0] == 302, fetch(url)
    assert fetch(url)[0] == 404, fetch(url)
    await k.refused(k.sso.authorize_logout(profile_id="prof_nobody"), 404)


async def a_connection_that_is_required(k):
    (connection,) = (await k.sso.list_connections(organization_id=SOUTH)).data
    user = await k.sign_up("sso.user@south.test")
    calls = [
        k.users.authenticate_with_password(email=user.email, password=PASSWORD),
        k.users.authenticate_with_magic_auth(email=user.email, code="123456"),
    ]
    for call in calls:
        error = await k.refused(call, 403, error="sso_required")
        assert error.response_json["email"] == user.email, error
        assert error.response_json["connection_ids"] == [connection.id], error
        if not OLD:
            assert type(error).__name__ == "SsoRequiredError", error
            assert error.connection_ids == [connection.id], error
    await k.users.delete_user(user.id)


async def a_connection_is_deleted(k):
    # The last thing that is done with it.
    (connection,) = (await k.sso.list_connections(organization_id=SOUTH)).data
    await k.sso.delete_connection(connection.id)
    await k.refused(k.sso.get_connection(connection.id), 404)
    await k.refused(k.sso.delete_connection(connection.id), 404)
    user = await k.sign_up("sso.free@south.test")
    answer = await k.users.authenticate_with_password(
        email=user.email, password=PASSWORD
    )
    assert answer.user.id == user.id, answer
    await k.users.delete_user(user.id)
