"""What the emulator does not serve, and says so."""

from sdk_kit import OLD, hashed

# What "U*U" is with bcrypt, from the algorithm's own test vectors.
BCRYPT = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"


async def not_served(k):
    calls = [
        k.users.create_user(email="h@example.test", **hashed(BCRYPT, "bcrypt")),
    ]
    if not OLD:
        calls += [
            k.users.list_jwt_template(),
            k.users.update_jwt_template(content="{}"),
            k.users.list_user_authorized_applications("user_1"),
            k.users.list_user_api_keys("user_1"),
        ]
    for call in calls:
        error = await k.refused(call, 501, code="not_served_by_emulator")
        assert "does not serve" in error.message or "imports no" in error.message, error
