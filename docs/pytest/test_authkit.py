"""What a suite does with the fixture; the app would stand between these calls and AuthKit."""

import jwt
import pytest
from conftest import AuthKit
from workos import WorkOSClient
from workos._errors import BadRequestError


def sign_in(client: WorkOSClient) -> dict[str, object]:
    """Sign in without a page, and give what the access token says."""
    answer = client.user_management.authenticate_with_password(
        email="mary@shop.test", password="correct horse"
    )
    return jwt.decode(answer.access_token, options={"verify_signature": False})


def test_the_seed_is_there(authkit: AuthKit) -> None:
    claims = sign_in(WorkOSClient())
    assert claims["role"] == "admin"
    assert claims["permissions"] == ["orders:read", "orders:write"]


def test_mail_is_read_and_not_sent(authkit: AuthKit) -> None:
    client = WorkOSClient().user_management
    client.create_magic_auth(email="mary@shop.test")
    (mail,) = authkit.inspect("GET", "mail?to=mary@shop.test")["data"]
    answer = client.authenticate_with_magic_auth(
        email="mary@shop.test", code=mail["code"]
    )
    assert answer.user.email == "mary@shop.test"


def test_each_test_has_its_own(authkit: AuthKit) -> None:
    assert authkit.inspect("GET", "mail")["data"] == []


def test_a_token_that_has_expired(authkit: AuthKit) -> None:
    authkit.inspect("PUT", "clock", {"access_token_lifetime_seconds": -1})
    claims = sign_in(WorkOSClient())
    assert claims["exp"] < claims["iat"]  # type: ignore[operator]


def test_a_failing_authkit(authkit: AuthKit) -> None:
    route = {"method": "POST", "path": "/user_management/authenticate"}
    authkit.inspect("POST", "failures", {**route, "status": 400, "count": 1})
    with pytest.raises(BadRequestError):
        sign_in(WorkOSClient())
    sign_in(WorkOSClient())


def test_what_was_asked(authkit: AuthKit) -> None:
    sign_in(WorkOSClient())
    last = authkit.inspect("GET", "requests")["data"][-1]
    assert (last["path"], last["status"]) == ("/user_management/authenticate", 200)
    assert "correct horse" not in str(last)
