"""What the emulator does not serve, and says so."""

from sdk_kit import OLD, REDIRECT_URI, fetch, hashed

# What "U*U" is with bcrypt, from the algorithm's own test vectors.
BCRYPT = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"


async def not_served(k):
    calls = [
        k.sso.get_profile_and_token(code="code"),
        k.sso.get_profile(access_token="token"),
        k.flags.list_user_feature_flags("user_1"),
        k.flags.list_organization_feature_flags("org_1"),
        k.users.create_user(email="h@example.test", **hashed(BCRYPT, "bcrypt")),
    ]
    if not OLD:
        calls += [
            k.sso.get_profile_and_token_pkce(code="code", code_verifier="v" * 43),
            k.sso.authorize_logout(profile_id="prof_1"),
            k.users.list_jwt_template(),
            k.users.update_jwt_template(content="{}"),
            k.users.list_user_authorized_applications("user_1"),
            k.users.list_user_api_keys("user_1"),
        ]
    for call in calls:
        error = await k.refused(call, 501, code="not_served_by_emulator")
        assert "does not serve" in error.message or "imports no" in error.message, error

    urls = [
        await k.sso.get_authorization_url(redirect_uri=REDIRECT_URI, connection="c")
    ]
    if not OLD:
        fields = {"redirect_uri": REDIRECT_URI, "connection": "c"}
        urls.append((await k.sso.get_authorization_url_with_pkce(**fields))["url"])
        urls.append(await k.sso.get_logout_url(token="token"))
    for url in urls:
        status, _, body = fetch(url)
        assert status == 501 and "not_served_by_emulator" in body, (status, body)
