"""Invitations: sent, found, accepted, revoked, and a sign-in that takes one along."""

from sdk_kit import (
    OLD,
    PASSWORD,
    REDIRECT_URI,
    ago,
    clock,
    last_mail,
    moment,
    sign_in,
    slug_of,
)


def state_of(invitation):
    return getattr(invitation.state, "value", invitation.state)


async def sent_and_found(k):
    organization = await k.organizations.create_organization(name="Invitations Sent")
    inviter = await k.sign_up("invitations.inviter@example.test")
    sent = await k.users.send_invitation(
        email="invitations.sent@example.test",
        organization_id=organization.id,
        expires_in_days=3,
        inviter_user_id=inviter.id,
        role_slug="admin",
    )
    assert (
        state_of(sent) == "pending" and sent.email == "invitations.sent@example.test"
    ), sent
    assert (sent.organization_id, sent.inviter_user_id) == (
        organization.id,
        inviter.id,
    ), sent
    assert (sent.accepted_at, sent.revoked_at, sent.accepted_user_id) == (
        None,
        None,
        None,
    ), sent
    assert (
        moment(sent.expires_at) - moment(sent.created_at)
    ).total_seconds() == 3 * 86400, sent
    assert (
        sent.token and sent.token in sent.accept_invitation_url and ago(sent.created_at)
    ), sent
    if not OLD:
        assert sent.role_slug == "admin", sent
    assert last_mail(sent.email, "invitation")["link"] == sent.accept_invitation_url
    assert await k.users.get_invitation(sent.id) == sent
    assert await k.users.find_invitation_by_token(sent.token) == sent
    assert (await k.users.list_invitations(email=sent.email)).data == [sent]

    for number in range(4):
        await k.users.send_invitation(
            email=f"invitations.{number}@example.test", organization_id=organization.id
        )
    await k.pages(k.users.list_invitations, 5, organization_id=organization.id)

    again = await k.users.resend_invitation(sent.id)
    assert (again.id, state_of(again)) == (sent.id, "pending"), again
    gone = await k.users.revoke_invitation(sent.id)
    assert state_of(gone) == "revoked" and ago(gone.revoked_at), gone
    await k.refused(k.users.revoke_invitation(sent.id), 400, code="invite_not_pending")
    await k.refused(k.users.resend_invitation(sent.id), 400, code="invite_revoked")
    await k.refused(k.users.accept_invitation(sent.id), 400, code="invite_not_pending")
    await k.organizations.delete_organization(organization.id)
    await k.users.delete_user(inviter.id)


async def refused(k):
    organization = await k.organizations.create_organization(name="Invitations Refused")
    email = "invitations.refused@example.test"

    def send(**fields):
        return k.users.send_invitation(
            **{"email": email, "organization_id": organization.id, **fields}
        )

    await k.refused(send(expires_in_days=0), 400, code="expires_in_days_too_short")
    await k.refused(send(expires_in_days=31), 400, code="expires_in_days_too_long")
    await k.refused(send(role_slug="nobody"), 400, code="invalid_role")
    await k.refused(send(email="nobody"), 422, code="invalid_request_parameters")
    await k.refused(send(organization_id="org_nobody"), 404)
    await send()
    await k.refused(send(), 400, code="email_already_invited_to_organization")
    user = await k.sign_up("invitations.member@example.test")
    await k.memberships.create_organization_membership(
        user_id=user.id, organization_id=organization.id
    )
    await k.refused(
        send(email=user.email), 400, code="user_already_organization_member"
    )
    await k.refused(
        k.users.send_invitation(email=user.email), 400, code="user_already_exists"
    )
    await k.users.send_invitation(email="invitations.twice@example.test")
    await k.refused(
        k.users.send_invitation(email="invitations.twice@example.test"),
        400,
        code="email_already_invited",
    )
    for call in (
        k.users.get_invitation,
        k.users.find_invitation_by_token,
        k.users.accept_invitation,
        k.users.resend_invitation,
    ):
        await k.refused(call("invitation_nobody"), 404)
    await k.organizations.delete_organization(organization.id)
    await k.users.delete_user(user.id)


async def accepted(k):
    organization = await k.organizations.create_organization(
        name="Invitations Accepted"
    )
    user = await k.sign_up("invitations.accepted@example.test")
    sent = await k.users.send_invitation(
        email=user.email, organization_id=organization.id, role_slug="admin"
    )
    done = await k.users.accept_invitation(sent.id)
    assert (state_of(done), done.accepted_user_id) == ("accepted", user.id) and ago(
        done.accepted_at
    ), done
    (member,) = (
        await k.memberships.list_organization_memberships(user_id=user.id)
    ).data
    assert (member.organization_id, slug_of(member.role)) == (
        organization.id,
        "admin",
    ), member
    await k.refused(k.users.accept_invitation(sent.id), 400)
    await k.refused(k.users.resend_invitation(sent.id), 400, code="invite_accepted")
    await k.organizations.delete_organization(organization.id)
    await k.users.delete_user(user.id)


async def taken_along_by_a_sign_in(k):
    # An email that was invited is that of whoever has the token.
    organization = await k.organizations.create_organization(name="Invitations Along")
    email = "invitations.along@example.test"
    sent = await k.users.send_invitation(
        email=email, organization_id=organization.id, role_slug="admin"
    )
    code = (
        await k.users.create_magic_auth(email=email, invitation_token=sent.token)
    ).code
    if OLD:  # whose magic auth takes none
        answer = await k.users.authenticate_with_magic_auth(code=code, email=email)
    else:
        answer = await k.users.authenticate_with_magic_auth(
            code=code, email=email, invitation_token=sent.token
        )
        assert answer.organization_id == organization.id, answer
        done = await k.users.get_invitation(sent.id)
        assert (state_of(done), done.accepted_user_id) == (
            "accepted",
            answer.user.id,
        ), done
        (member,) = (
            await k.memberships.list_organization_memberships(user_id=answer.user.id)
        ).data
        assert slug_of(member.role) == "admin", member
        await k.refused(
            k.users.create_magic_auth(email=email, invitation_token="made-up"),
            400,
            error="invitation_invalid",
        )
        other = await k.sign_up("invitations.other@example.test")
        elsewhere = await k.users.send_invitation(
            email="invitations.elsewhere@example.test"
        )
        await k.refused(
            k.users.authenticate_with_password(
                email=other.email, password=PASSWORD, invitation_token=elsewhere.token
            ),
            400,
            error="invitation_cannot_be_used_for_email",
        )
        await k.users.delete_user(other.id)
    await k.organizations.delete_organization(organization.id)
    await k.users.delete_user(answer.user.id)


async def taken_along_by_a_code(k):
    # Who was signed in on a page joins with the invitation that the app has.
    organization = await k.organizations.create_organization(name="Invitations Code")
    user = await k.sign_up("invitations.code@example.test")
    sent = await k.users.send_invitation(
        email=user.email, organization_id=organization.id
    )
    url = await k.users.get_authorization_url(
        redirect_uri=REDIRECT_URI, provider="authkit"
    )
    answer = await k.users.authenticate_with_code(
        code=sign_in(url, user.email)["code"], invitation_token=sent.token
    )
    assert answer.user.id == user.id, answer
    assert answer.organization_id == organization.id, answer
    assert state_of(await k.users.get_invitation(sent.id)) == "accepted"
    await k.refused(
        k.users.authenticate_with_code(
            code=sign_in(url, user.email)["code"], invitation_token="made-up"
        ),
        400,
        error="invitation_invalid",
    )
    await k.organizations.delete_organization(organization.id)
    await k.users.delete_user(user.id)


async def expired(k):
    sent = await k.users.send_invitation(
        email="invitations.late@example.test", expires_in_days=1
    )
    with clock(86401):
        late = await k.users.get_invitation(sent.id)
        assert state_of(late) == "expired" and late.revoked_at is None, late
        await k.refused(k.users.resend_invitation(sent.id), 400, code="invite_expired")
        await k.refused(k.users.accept_invitation(sent.id), 400)
    await k.users.revoke_invitation(sent.id)


async def in_a_language(k):
    if OLD:  # whose mails are in one
        return
    sent = await k.users.send_invitation(
        email="invitations.de@example.test", locale="de"
    )
    assert sent.email == "invitations.de@example.test", sent
    again = await k.users.resend_invitation(sent.id, locale="fr")
    assert again.id == sent.id, again
    await k.users.revoke_invitation(sent.id)
