"""Authentication factors: enrolled, asked for and shown, with real one-time codes (RFC 6238)."""

import os
import time
import urllib.parse

from sdk_kit import (
    OLD,
    PASSWORD,
    REDIRECT_URI,
    ago,
    callback,
    resubmit,
    submit,
    totp,
    wrong,
)


def first(enrolled):
    """Return the code of this moment, which is taken for half a minute longer."""
    return totp(enrolled.totp.secret)


def second(enrolled):
    """Return the one after it, which is taken already. None is taken twice."""
    return totp(enrolled.totp.secret, time.time() + 30)


def kind_of(factor):
    return getattr(factor.type, "value", factor.type)


def absent(k):
    """Report that the client has no methods for factors: the async one of 5.x."""
    if not (OLD and k.asynchronous):
        return False
    try:
        k.client.mfa  # noqa: B018
    except NotImplementedError:
        return True
    raise AssertionError("there is a client for factors")


async def enrolled_and_challenged(k):
    if absent(k):
        return
    user = await k.sign_up("mfa.user@example.test")
    answer = await k.factors.create_user_auth_factor(
        user.id, type="totp", totp_issuer="Test Issuer", totp_user=user.email
    )
    factor, challenge = answer.authentication_factor, answer.authentication_challenge
    assert (kind_of(factor), factor.user_id) == ("totp", user.id) and ago(
        factor.created_at
    ), factor
    assert (factor.totp.issuer, factor.totp.user) == ("Test Issuer", user.email), factor
    assert factor.totp.qr_code.startswith("data:image/"), factor.totp.qr_code[:40]
    uri = urllib.parse.urlsplit(factor.totp.uri)
    query = dict(urllib.parse.parse_qsl(uri.query))
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp"), uri
    assert (query["secret"], query["issuer"]) == (factor.totp.secret, "Test Issuer"), (
        query
    )
    assert challenge.authentication_factor_id == factor.id and ago(
        challenge.created_at
    ), challenge

    code = first(factor)
    bad = await k.factors.verify_challenge(challenge.id, code=wrong(code))
    assert bad.valid is False and bad.challenge.id == challenge.id, bad
    good = await k.factors.verify_challenge(challenge.id, code=code)
    assert (
        good.valid is True and good.challenge.authentication_factor_id == factor.id
    ), good
    await k.refused(k.factors.verify_challenge(challenge.id, code=code), 422)

    (listed,) = (await k.factors.list_user_auth_factors(user.id)).data
    assert (listed.id, kind_of(listed), listed.totp.issuer) == (
        factor.id,
        "totp",
        "Test Issuer",
    ), listed
    assert not hasattr(listed.totp, "secret"), listed

    # From now on a password is not enough.
    error = await k.refused(
        k.users.authenticate_with_password(email=user.email, password=PASSWORD),
        403,
        code="mfa_challenge",
    )
    body = error.response_json
    assert body["user"]["id"] == user.id, body
    assert [(f["id"], f["type"]) for f in body["authentication_factors"]] == [
        (factor.id, "totp")
    ], body
    if not OLD:
        assert type(error).__name__ == "MfaChallengeError", error
        assert error.authentication_factors == body["authentication_factors"], error
        assert (
            error.pending_authentication_token == body["pending_authentication_token"]
        ), error
    challenge = await k.factors.challenge_factor(factor.id)
    assert challenge.authentication_factor_id == factor.id and ago(
        challenge.created_at
    ), challenge

    def attempt(
        code, token=body["pending_authentication_token"], challenge_id=challenge.id
    ):
        return k.users.authenticate_with_totp(
            code=code,
            pending_authentication_token=token,
            authentication_challenge_id=challenge_id,
        )

    await k.refused(attempt(wrong(second(factor))), 400, code="invalid_one_time_code")
    await k.refused(
        attempt(second(factor), token="made-up"),
        400,
        code="invalid_pending_authentication_token",
    )
    await k.refused(attempt(second(factor), challenge_id="auth_challenge_nobody"), 404)
    code = second(factor)
    answer = await attempt(code)
    assert answer.user.id == user.id and ago(answer.user.last_sign_in_at), answer
    method = getattr(
        answer.authentication_method, "value", answer.authentication_method
    )
    assert method == "Password", answer
    await k.refused(attempt(code), 400)

    await k.factors.delete_factor(factor.id)
    await k.refused(k.factors.get_factor(factor.id), 404)
    assert (await k.factors.list_user_auth_factors(user.id)).data == []
    answer = await k.users.authenticate_with_password(
        email=user.email, password=PASSWORD
    )
    assert answer.user.id == user.id, answer
    await k.users.delete_user(user.id)


async def factors_of_the_app(k):
    if absent(k):
        return
    # A factor that the app keeps itself, of no user.
    factor = await k.factors.enroll_factor(
        type="totp", totp_issuer="Test Issuer", totp_user="a.user"
    )
    assert kind_of(factor) == "totp" and factor.totp.secret and not factor.user_id, (
        factor
    )
    seen = await k.factors.get_factor(factor.id)
    assert (seen.id, seen.totp.issuer, seen.totp.user) == (
        factor.id,
        "Test Issuer",
        "a.user",
    ), seen
    challenge, code = await k.factors.challenge_factor(factor.id), first(factor)
    assert (await k.factors.verify_challenge(challenge.id, code=code)).valid is True
    # A code is taken once.
    challenge = await k.factors.challenge_factor(factor.id)
    assert (await k.factors.verify_challenge(challenge.id, code=code)).valid is False
    await k.factors.delete_factor(factor.id)

    await k.refused(k.factors.challenge_factor(factor.id), 404)
    await k.refused(k.factors.delete_factor(factor.id), 404)
    await k.refused(
        k.factors.verify_challenge("auth_challenge_nobody", code="123456"), 404
    )


async def many_factors(k):
    user = await k.sign_up("mfa.many@example.test")
    for _ in range(3):
        await k.factors.create_user_auth_factor(
            user.id, type="totp", totp_issuer="I", totp_user="u"
        )
    await k.pages(k.factors.list_user_auth_factors, 3, user.id)
    mine = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
    answer = await k.factors.create_user_auth_factor(
        user.id, type="totp", totp_issuer="I", totp_user="u", totp_secret=mine
    )
    assert answer.authentication_factor.totp.secret == mine, answer
    if not absent(k):
        done = await k.factors.verify_challenge(
            answer.authentication_challenge.id, code=totp(mine)
        )
        assert done.valid is True, done
    await k.users.delete_user(user.id)


async def enrolled_since_it_is_required(k):
    # Another emulator, where everybody has to have a factor.
    k = k.other(base_url=os.environ["MFA_BASE_URL"])
    user = await k.sign_up("mfa.required@example.test")
    error = await k.refused(
        k.users.authenticate_with_password(email=user.email, password=PASSWORD),
        403,
        code="mfa_enrollment",
    )
    body = error.response_json
    assert body["user"]["id"] == user.id, body
    if not OLD:
        assert type(error).__name__ == "MfaEnrollmentError", error
        assert error.user == body["user"], error
    answer = await k.factors.create_user_auth_factor(
        user.id, type="totp", totp_issuer="I", totp_user="u"
    )
    challenge = answer.authentication_challenge
    answer = await k.users.authenticate_with_totp(
        code=first(answer.authentication_factor),
        pending_authentication_token=body["pending_authentication_token"],
        authentication_challenge_id=challenge.id,
    )
    assert answer.user.id == user.id, answer
    await k.refused(
        k.users.authenticate_with_password(email=user.email, password=PASSWORD),
        403,
        code="mfa_challenge",
    )


async def shown_on_the_page(k):
    if absent(k):
        return
    user = await k.sign_up("mfa.page@example.test")
    answer = await k.factors.create_user_auth_factor(
        user.id, type="totp", totp_issuer="I", totp_user="u"
    )
    factor = answer.authentication_factor
    done = await k.factors.verify_challenge(
        answer.authentication_challenge.id, code=first(factor)
    )
    assert done.valid is True, done
    url = await k.users.get_authorization_url(
        redirect_uri=REDIRECT_URI, provider="authkit"
    )
    status, _, page = submit(url, email=user.email, password=PASSWORD, action="sign-in")
    assert status == 200, (status, page)
    code = second(factor)
    status, _, again = resubmit(page, action="challenge-factor", code=wrong(code))
    assert status == 422, (status, again)
    answered = callback(resubmit(page, action="challenge-factor", code=code))
    answer = await k.users.authenticate_with_code(code=answered["code"])
    assert answer.user.id == user.id, answer
    await k.users.delete_user(user.id)
