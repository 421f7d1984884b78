"""What is proven by a code or a link from an email: magic auth, verification, a change of email, password reset."""

from sdk_kit import OLD, PASSWORD, ago, last_mail, wrong


def expires_in(thing, minutes):
    """Assert how long something can be used."""
    from sdk_kit import moment

    span = moment(thing.expires_at) - moment(thing.created_at)
    assert span.total_seconds() == minutes * 60, span


def method_of(answer):
    return getattr(answer.authentication_method, "value", answer.authentication_method)


async def magic_auth(k):
    user = await k.users.create_user(email="codes.magic@example.test")
    sent = await k.users.create_magic_auth(email=user.email)
    assert (sent.email, sent.user_id) == (user.email, user.id) and ago(
        sent.created_at
    ), sent
    assert sent.code.isdigit() and len(sent.code) == 6, sent
    expires_in(sent, 10)
    kept = await k.users.get_magic_auth(sent.id)
    assert (kept.id, kept.code, kept.email) == (sent.id, sent.code, sent.email), kept
    assert last_mail(user.email, "magic_auth")["code"] == sent.code

    def attempt(code, email=user.email):
        return k.users.authenticate_with_magic_auth(code=code, email=email)

    await k.refused(attempt(wrong(sent.code)), 400, code="invalid_one_time_code")
    await k.refused(
        attempt(sent.code, "somebody.else@example.test"),
        400,
        code="invalid_one_time_code",
    )
    answer = await attempt(sent.code)
    assert answer.user.id == user.id and answer.user.email_verified, answer.user
    assert method_of(answer) == "MagicAuth" and ago(answer.user.last_sign_in_at), answer
    assert (await k.users.list_sessions(user.id)).data[0].auth_method in (
        "magic_code",
    ), answer
    await k.refused(attempt(sent.code), 400, code="one_time_code_previously_used")

    # A newer code is the only one.
    old = await k.users.create_magic_auth(email=user.email)
    new = await k.users.create_magic_auth(email=user.email)
    if old.code != new.code:
        await k.refused(attempt(old.code), 400)
    assert (await attempt(new.code)).user.id == user.id
    await k.users.delete_user(user.id)
    await k.refused(k.users.get_magic_auth("magic_auth_nobody"), 404)
    await k.refused(k.users.create_magic_auth(email="nobody"), 422)


async def magic_auth_of_somebody_new(k):
    email = "codes.new@example.test"
    sent = await k.users.create_magic_auth(email=email)
    answer = await k.users.authenticate_with_magic_auth(code=sent.code, email=email)
    assert (answer.user.email, answer.user.id) == (
        email,
        sent.user_id,
    ) and answer.user.email_verified, answer
    await k.users.delete_user(answer.user.id)


async def too_many_attempts(k):
    user = await k.users.create_user(email="codes.guessed@example.test")
    sent = await k.users.create_magic_auth(email=user.email)
    for _ in range(30):
        error = await k.refused(
            k.users.authenticate_with_magic_auth(
                code=wrong(sent.code), email=user.email
            ),
            400,
        )
        if error.code != "invalid_one_time_code":
            break
    assert error.code == "one_time_code_too_many_attempts", error
    await k.refused(
        k.users.authenticate_with_magic_auth(code=sent.code, email=user.email), 400
    )
    await k.users.delete_user(user.id)


async def email_verification(k):
    user = await k.sign_up("codes.verified@example.test", email_verified=False)
    seen = (await k.users.send_verification_email(user.id)).user
    assert seen.id == user.id and not seen.email_verified, seen
    code = last_mail(user.email, "email_verification")["code"]
    await k.refused(
        k.users.verify_email(user.id, code=wrong(code)),
        400,
        code="email_verification_code_incorrect",
    )
    assert (await k.users.verify_email(user.id, code=code)).user.email_verified
    assert (await k.users.get_user(user.id)).email_verified
    await k.refused(
        k.users.verify_email(user.id, code=code),
        400,
        code="email_previously_verified",
    )
    await k.refused(
        k.users.send_verification_email(user.id), 400, code="email_already_verified"
    )
    await k.refused(k.users.send_verification_email("user_nobody"), 404)
    await k.users.delete_user(user.id)


async def email_verification_step_up(k):
    user = await k.sign_up("codes.step.up@example.test", email_verified=False)

    def attempt(code, token):
        return k.users.authenticate_with_email_verification(
            code=code, pending_authentication_token=token
        )

    error = await k.refused(
        k.users.authenticate_with_password(email=user.email, password=PASSWORD),
        403,
        code="email_verification_required",
    )
    assert type(error).__name__.startswith("EmailVerificationRequired"), error
    assert error.response_json["email"] == user.email, error.response_json
    token = error.response_json["pending_authentication_token"]
    if not OLD:
        assert (error.email, error.pending_authentication_token) == (
            user.email,
            token,
        ), error
    sent = await k.users.get_email_verification(error.email_verification_id)
    assert (sent.email, sent.user_id) == (user.email, user.id) and ago(
        sent.created_at
    ), sent
    expires_in(sent, 10)
    assert last_mail(user.email, "email_verification")["code"] == sent.code

    await k.refused(attempt(wrong(sent.code), token), 400)
    await k.refused(
        attempt(sent.code, "made-up"), 400, code="invalid_pending_authentication_token"
    )
    answer = await attempt(sent.code, token)
    assert answer.user.id == user.id and answer.user.email_verified, answer.user
    assert method_of(answer) == "Password", answer
    await k.refused(attempt(sent.code, token), 400)
    answer = await k.users.authenticate_with_password(
        email=user.email, password=PASSWORD
    )
    assert answer.user.id == user.id, answer
    await k.refused(k.users.get_email_verification("email_verification_nobody"), 404)
    await k.users.delete_user(user.id)


async def email_change(k):
    if OLD:  # which has no method for it
        return
    user = await k.sign_up("codes.before@example.test")
    change = await k.users.send_email_change(
        user.id, new_email="codes.after@example.test"
    )
    assert (
        change.user.id == user.id and change.new_email == "codes.after@example.test"
    ), change
    assert change.user.email == user.email and ago(change.created_at), change
    code = last_mail("codes.after@example.test", "email_change")["code"]
    await k.refused(
        k.users.confirm_email_change(user.id, code=wrong(code)),
        400,
        code="email_change_code_incorrect",
    )
    done = await k.users.confirm_email_change(user.id, code=code)
    assert (done.user.id, done.user.email) == (user.id, "codes.after@example.test"), (
        done
    )
    assert done.user.email_verified, done
    await k.refused(k.users.confirm_email_change(user.id, code=code), 409)
    await k.refused(
        k.users.send_email_change(user.id, new_email="codes.after@example.test"),
        409,
        code="email_change_not_needed",
    )
    other = await k.sign_up("codes.taken@example.test")
    await k.refused(
        k.users.send_email_change(user.id, new_email=other.email),
        409,
        code="email_not_available",
    )
    await k.refused(
        k.users.send_email_change("user_nobody", new_email="n@example.test"), 404
    )
    for one in (user, other):
        await k.users.delete_user(one.id)


async def password_reset(k):
    user = await k.sign_up("codes.reset@example.test")
    session = await k.users.authenticate_with_password(
        email=user.email, password=PASSWORD
    )
    sent = await k.users.reset_password(email=user.email)
    assert (sent.email, sent.user_id) == (user.email, user.id) and ago(
        sent.created_at
    ), sent
    assert sent.password_reset_token in sent.password_reset_url, sent
    assert await k.users.get_password_reset(sent.id) == sent
    assert last_mail(user.email, "password_reset")["link"] == sent.password_reset_url

    def confirm(token, password):
        return k.users.confirm_password_reset(token=token, new_password=password)

    await k.refused(confirm("made-up", "another long password"), 404)
    weak = confirm(sent.password_reset_token, "short")
    error = await k.refused(weak, 400, code="password_reset_error")
    assert error.errors and all(e["code"] for e in error.errors), error.response_json
    seen = (await confirm(sent.password_reset_token, "another long password")).user
    assert seen.id == user.id and seen.email_verified, seen
    # Whoever was signed in with the old password no longer is.
    await k.refused(
        k.users.authenticate_with_refresh_token(refresh_token=session.refresh_token),
        400,
        error="invalid_grant",
    )
    await k.refused(
        k.users.authenticate_with_password(email=user.email, password=PASSWORD),
        400,
        code="invalid_credentials",
    )
    answer = await k.users.authenticate_with_password(
        email=user.email, password="another long password"
    )
    assert answer.user.id == user.id, answer
    error = await k.refused(
        confirm(sent.password_reset_token, "a third long password"), 400
    )
    assert error.code == "password_reset_error", error
    await k.refused(k.users.reset_password(email="nobody.at.all@example.test"), 404)
    await k.refused(k.users.get_password_reset("password_reset_nobody"), 404)
    await k.users.delete_user(user.id)
