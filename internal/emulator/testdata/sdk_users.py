"""Users: made, found, changed and deleted; their sessions."""

import jwt
from sdk_kit import (
    OLD,
    PASSWORD,
    VERSION,
    ago,
    plain,
    secret,
)


async def made_found_and_deleted(k):
    email = "Users.Made@example.test"
    user = await k.users.create_user(
        email=email,
        first_name="Mary",
        last_name="Made",
        external_id="ext/made 1",
        metadata={"plan": "pro", "seats": "3"},
    )
    assert user.email == email.lower() or user.email == email, user
    assert (user.first_name, user.last_name, user.email_verified) == (
        "Mary",
        "Made",
        False,
    ), user
    assert (user.external_id, user.metadata) == (
        "ext/made 1",
        {"plan": "pro", "seats": "3"},
    ), user
    assert user.last_sign_in_at is None and user.profile_picture_url is None, user
    assert ago(user.created_at) and user.updated_at == user.created_at, user
    assert plain(await k.users.get_user(user.id)) == plain(user)
    if not OLD:  # 5.x puts an id into the path as it is
        again = await k.users.get_user_by_external_id("ext/made 1")
        assert plain(again) == plain(user), again
    (found,) = (await k.users.list_users(email=email.upper())).data
    assert plain(found) == plain(user), found

    bare = await k.users.create_user(email="users.bare@example.test")
    assert (bare.first_name, bare.last_name, bare.external_id) == (None, None, None), (
        bare
    )
    assert bare.metadata == {}, bare

    await k.users.delete_user(user.id)
    await k.refused(k.users.get_user(user.id), 404)
    await k.refused(k.users.delete_user(user.id), 404)
    await k.refused(k.users.get_user_by_external_id("made"), 404)
    assert (await k.users.list_users(email=email)).data == []
    again = await k.users.create_user(email=email)
    assert again.id != user.id, "a new account is nobody who was there before"
    for one in (again, bare):
        await k.users.delete_user(one.id)


async def made_with_what_newer_versions_send(k):
    if OLD:
        return
    fields = {"name": "Nora New"}
    if VERSION >= (9,):
        fields |= {"ip_address": "203.0.113.7", "user_agent": "Lynx/2.8"}
    user = await k.users.create_user(email="users.newer@example.test", **fields)
    assert (user.first_name, user.last_name) == ("Nora", "New"), user
    assert user.name == "Nora New", user
    if VERSION >= (10,):  # which has mails in a language
        await k.users.send_verification_email(user.id, locale="de")
        await k.users.reset_password(email=user.email, locale="de")
        await k.users.create_magic_auth(email=user.email, locale="de")
        change = {"new_email": "users.newest@example.test", "locale": "de"}
        await k.users.send_email_change(user.id, **change)
    await k.users.delete_user(user.id)


async def changed(k):
    user = await k.sign_up(
        "users.changed@example.test",
        external_id="before",
        metadata={"a": "1", "b": "2"},
    )
    seen = await k.users.update_user(
        user.id,
        first_name="Carla",
        last_name="Changed",
        external_id="after",
        locale="en-GB",
        metadata={"b": "3", "c": "4"},
    )
    assert seen.id == user.id and seen.email == user.email, seen
    assert (seen.first_name, seen.last_name, seen.locale) == (
        "Carla",
        "Changed",
        "en-GB",
    ), seen
    assert seen.external_id == "after", seen
    assert {key: value for key, value in seen.metadata.items() if value} == {
        "a": "1",
        "b": "3",
        "c": "4",
    }, seen
    assert await k.users.get_user(user.id) == seen
    assert (await k.users.get_user_by_external_id("after")).id == user.id
    await k.refused(k.users.get_user_by_external_id("before"), 404)

    # What is not named stays as it is.
    only = await k.users.update_user(user.id, first_name="Clara")
    assert (only.first_name, only.last_name, only.locale) == (
        "Clara",
        "Changed",
        "en-GB",
    ), only
    if VERSION >= (10,):  # which can say null
        cleared = await k.users.update_user(user.id, external_id=None, metadata=None)
        assert cleared.external_id is None and cleared.metadata == {}, cleared
        await k.refused(k.users.get_user_by_external_id("after"), 404)

    moved = await k.users.update_user(
        user.id, email="users.moved@example.test", email_verified=False
    )
    assert (moved.email, moved.email_verified) == ("users.moved@example.test", False), (
        moved
    )
    assert (await k.users.list_users(email=user.email)).data == []
    await k.users.update_user(
        user.id, email_verified=True, password=secret("another long password")
    )
    await k.refused(
        k.users.authenticate_with_password(email=moved.email, password=PASSWORD),
        400,
        code="invalid_credentials",
    )
    answer = await k.users.authenticate_with_password(
        email=moved.email, password="another long password"
    )
    assert answer.user.id == user.id and ago(answer.user.last_sign_in_at), answer
    await k.users.delete_user(user.id)


async def refused(k):
    user = await k.sign_up("users.refused@example.test", external_id="taken")
    error = await k.refused(
        k.users.create_user(email="USERS.refused@example.test"),
        400,
        code="user_creation_error",
    )
    assert [e["code"] for e in error.errors] == ["email_not_available"], error.errors
    error = await k.refused(
        k.users.create_user(email="users.other@example.test", external_id="taken"),
        400,
        code="user_creation_error",
    )
    codes = [e["code"] for e in error.errors]
    assert codes == ["external_id_already_used"], error.errors
    error = await k.refused(
        k.users.create_user(email="users.other@example.test", password=secret("short")),
        400,
        code="password_strength_error",
    )
    assert error.errors and all(e["code"] and e["message"] for e in error.errors), (
        error.errors
    )
    error = await k.refused(
        k.users.create_user(email="nobody"), 400, code="user_creation_error"
    )
    assert [e["code"] for e in error.errors] == ["email_invalid"], error.errors
    await k.refused(
        k.users.create_user(email="users.other@example.test", metadata={"a" * 41: "1"}),
        400,
        code="invalid_metadata",
    )
    assert (await k.users.list_users(email="users.other@example.test")).data == []

    await k.refused(k.users.update_user("user_nobody", first_name="N"), 404)
    await k.refused(
        k.users.update_user(user.id, password=secret("short")),
        400,
        code="password_strength_error",
    )
    other = await k.sign_up("users.other@example.test")
    await k.refused(
        k.users.update_user(other.id, email=user.email), 400, code="email_not_available"
    )
    await k.refused(
        k.users.update_user(other.id, external_id="taken"),
        400,
        code="external_id_already_used",
    )
    for one in (user, other):
        await k.users.delete_user(one.id)

    stranger = k.other(api_key="sk_test_wrong")
    await k.refused(stranger.users.get_user(user.id), 401)
    await k.refused(k.users.list_users(limit=101), 422)
    await k.refused(k.users.list_users(order="sideways"), 422)


async def listed(k):
    organization = await k.organizations.create_organization(name="Users Listed")
    made = []
    for number in range(5):
        user = await k.sign_up(f"users.listed.{number}@example.test")
        await k.memberships.create_organization_membership(
            user_id=user.id, organization_id=organization.id
        )
        made.append(user)
    seen = await k.pages(k.users.list_users, 5, organization_id=organization.id)
    assert [user.id for user in seen] == [user.id for user in made[::-1]], seen
    assert (await k.users.list_users(organization_id="org_nobody")).data == []
    assert len((await k.users.list_users()).data) <= 10, (
        "ten are a page where nothing is said"
    )
    for user in made:
        await k.users.delete_user(user.id)
    assert (await k.users.list_users(organization_id=organization.id)).data == []
    await k.organizations.delete_organization(organization.id)


async def sessions(k):
    user = await k.sign_up("users.sessions@example.test")
    answers = [
        await k.users.authenticate_with_password(
            email=user.email,
            password=PASSWORD,
            ip_address="203.0.113.7",
            user_agent="Lynx/2.8",
        )
        for _ in range(3)
    ]
    ids = [
        jwt.decode(a.access_token, options={"verify_signature": False})["sid"]
        for a in answers
    ]
    seen = await k.pages(k.users.list_sessions, 3, user.id)
    assert [s.id for s in seen] == ids[::-1], (seen, ids)
    for session in seen:
        assert session.user_id == user.id and session.organization_id is None, session
        assert (session.ip_address, session.user_agent) == (
            "203.0.113.7",
            "Lynx/2.8",
        ), session
        assert (
            getattr(session.auth_method, "value", session.auth_method) == "password"
        ), session
        assert getattr(session.status, "value", session.status) == "active", session
        assert session.ended_at is None and session.impersonator is None, session

    await k.users.revoke_session(session_id=ids[0])
    await k.refused(
        k.users.authenticate_with_refresh_token(refresh_token=answers[0].refresh_token),
        400,
        error="invalid_grant",
    )
    await k.users.authenticate_with_refresh_token(
        refresh_token=answers[1].refresh_token
    )
    status = {
        s.id: getattr(s.status, "value", s.status)
        for s in (await k.users.list_sessions(user.id)).data
    }
    assert status.get(ids[0], "revoked") == "revoked" and status[ids[1]] == "active", (
        status
    )
    await k.refused(k.users.revoke_session(session_id="session_nobody"), 400)
    await k.refused(k.users.list_sessions("user_nobody"), 404)

    await k.users.delete_user(user.id)
    await k.refused(
        k.users.authenticate_with_refresh_token(refresh_token=answers[2].refresh_token),
        400,
        error="invalid_grant",
    )
