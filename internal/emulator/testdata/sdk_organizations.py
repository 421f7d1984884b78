"""Organisations, their domains and their members."""

from sdk_kit import OLD, PASSWORD, ago, domain, role, slug_of


def state_of(thing):
    return getattr(thing.state, "value", thing.state)


def status_of(thing):
    return getattr(thing.status, "value", thing.status)


async def made_found_and_deleted(k):
    made = await k.organizations.create_organization(
        name="Made GmbH", external_id="made-1", metadata={"tier": "gold"}
    )
    assert (made.name, made.external_id, made.metadata) == (
        "Made GmbH",
        "made-1",
        {"tier": "gold"},
    ), made
    assert made.domains == [] and made.stripe_customer_id is None, made
    assert made.allow_profiles_outside_organization is False, made
    assert ago(made.created_at) and made.updated_at == made.created_at, made
    assert await k.organizations.get_organization(made.id) == made
    assert await k.organizations.get_organization_by_external_id("made-1") == made

    seen = await k.organizations.update_organization(
        made.id,
        name="Made AG",
        external_id="made-2",
        metadata={"tier": None, "seats": "4"},
        stripe_customer_id="cus_1",
    )
    assert (seen.id, seen.name, seen.external_id) == (made.id, "Made AG", "made-2"), (
        seen
    )
    assert seen.metadata == {"seats": "4"}, seen
    assert seen.stripe_customer_id == "cus_1", seen
    assert await k.organizations.get_organization_by_external_id("made-2") == seen
    await k.refused(k.organizations.get_organization_by_external_id("made-1"), 404)
    assert (
        await k.organizations.update_organization(made.id, name="Made KG")
    ).external_id == "made-2"

    await k.organizations.delete_organization(made.id)
    await k.refused(k.organizations.get_organization(made.id), 404)
    await k.refused(k.organizations.get_organization_by_external_id("made-2"), 404)


async def listed(k):
    before = len((await k.organizations.list_organizations(limit=100)).data)
    made = [
        await k.organizations.create_organization(name=f"Listed {number}")
        for number in range(5)
    ]
    seen = await k.pages(k.organizations.list_organizations, before + 5)
    assert [o.id for o in seen[:5]] == [o.id for o in made[::-1]], seen
    if not OLD:
        found = await k.organizations.list_organizations(search="listed 3")
        assert [o.id for o in found.data] == [made[3].id], found
    for organization in made:
        await k.organizations.delete_organization(organization.id)


async def refused(k):
    made = await k.organizations.create_organization(
        name="Refused",
        external_id="refused",
        domain_data=[domain("refused.test", "verified")],
    )
    await k.refused(
        k.organizations.create_organization(name="Other", external_id="refused"),
        400,
        code="external_id_already_used",
    )
    await k.refused(
        k.organizations.create_organization(name="Other", metadata={"a": "1" * 601}),
        400,
        code="invalid_metadata",
    )
    await k.refused(
        k.organizations.create_organization(
            name="Other", domain_data=[domain("refused.test", "pending")]
        ),
        409,
    )
    await k.refused(k.organizations.create_organization(name=""), 422)
    await k.refused(k.organizations.update_organization("org_nobody", name="N"), 404)
    await k.refused(
        k.domains.create_organization_domain(
            organization_id=made.id, domain="refused.test"
        ),
        409,
    )
    await k.organizations.delete_organization(made.id)


async def domains(k):
    made = await k.organizations.create_organization(
        name="Domains",
        domain_data=[domain("one.test", "verified"), domain("two.test", "pending")],
    )
    states = {d.domain: state_of(d) for d in made.domains}
    assert states == {"one.test": "verified", "two.test": "pending"}, states
    assert all(d.organization_id == made.id for d in made.domains), made
    for names in (
        ["one.test"],
        ["two.test", "elsewhere.test"],
        ["one.test", "two.test"],
    ):
        found = await k.organizations.list_organizations(domains=names)
        assert [o.id for o in found.data] == [made.id], (names, found)
    assert (
        await k.organizations.list_organizations(domains=["elsewhere.test"])
    ).data == []

    three = await k.domains.create_organization_domain(
        organization_id=made.id, domain="three.test"
    )
    assert (three.domain, state_of(three), three.organization_id) == (
        "three.test",
        "pending",
        made.id,
    ), three
    assert three.verification_token and ago(three.created_at), three
    seen = await k.domains.get_organization_domain(three.id)
    assert (seen.id, seen.verification_token) == (three.id, three.verification_token), (
        seen
    )
    seen = await k.domains.verify_organization_domain(three.id)
    assert (seen.id, state_of(seen)) == (three.id, "verified"), seen
    await k.refused(
        k.domains.verify_organization_domain(three.id),
        400,
        code="domain_already_verified",
    )
    assert len((await k.organizations.get_organization(made.id)).domains) == 3
    await k.domains.delete_organization_domain(three.id)
    await k.refused(k.domains.get_organization_domain(three.id), 404)
    assert len((await k.organizations.get_organization(made.id)).domains) == 2

    left = await k.organizations.update_organization(
        made.id, domain_data=[domain("four.test", "verified")]
    )
    assert [d.domain for d in left.domains] == ["four.test"], left
    await k.organizations.delete_organization(made.id)


async def memberships(k):
    organization = await k.organizations.create_organization(name="Members")
    user = await k.sign_up(
        "organizations.member@example.test", first_name="Mem", last_name="Ber"
    )
    made = await k.memberships.create_organization_membership(
        user_id=user.id, organization_id=organization.id, **role("admin")
    )
    assert (made.user_id, made.organization_id) == (user.id, organization.id), made
    assert made.organization_name == "Members" and made.directory_managed is False, made
    assert status_of(made) == "active" and ago(made.created_at), made
    assert slug_of(made.role) == "admin" and [slug_of(r) for r in made.roles] == [
        "admin"
    ], made
    if not OLD:
        assert (made.user.id, made.user.email, made.user.first_name) == (
            user.id,
            user.email,
            "Mem",
        ), made
    assert await k.memberships.get_organization_membership(made.id) == made
    assert (
        await k.memberships.list_organization_memberships(user_id=user.id)
    ).data == [made]

    seen = await k.memberships.update_organization_membership(made.id, **role("member"))
    assert slug_of(seen.role) == "member" and [slug_of(r) for r in seen.roles] == [
        "member"
    ], seen
    seen = await k.memberships.update_organization_membership(
        made.id, **role("admin", "member")
    )
    assert {slug_of(r) for r in seen.roles} == {"admin", "member"}, seen
    plain = await k.sign_up("organizations.plain@example.test")
    other = await k.memberships.create_organization_membership(
        user_id=plain.id, organization_id=organization.id
    )
    assert slug_of(other.role) == "member", other

    # Who is not active cannot sign in to it.
    answer = await k.users.authenticate_with_password(
        email=user.email, password=PASSWORD
    )
    assert answer.organization_id == organization.id, answer
    gone = await k.memberships.deactivate_organization_membership(made.id)
    assert status_of(gone) == "inactive", gone
    for statuses, ids in (
        (["active"], [other.id]),
        (["inactive"], [made.id]),
        (["active", "inactive"], 2),
    ):
        found = await k.memberships.list_organization_memberships(
            organization_id=organization.id, statuses=statuses
        )
        have = [m.id for m in found.data]
        assert have == ids or len(have) == ids, (statuses, have)
    assert (
        await k.users.authenticate_with_password(email=user.email, password=PASSWORD)
    ).organization_id is None
    await k.refused(
        k.users.authenticate_with_refresh_token(
            refresh_token=answer.refresh_token, organization_id=organization.id
        ),
        400,
    )
    back = await k.memberships.reactivate_organization_membership(made.id)
    assert status_of(back) == "active", back
    answer = await k.users.authenticate_with_password(
        email=user.email, password=PASSWORD
    )
    assert answer.organization_id == organization.id, answer

    await k.memberships.delete_organization_membership(made.id)
    await k.refused(k.memberships.get_organization_membership(made.id), 404)
    await k.organizations.delete_organization(organization.id)
    await k.refused(k.memberships.get_organization_membership(other.id), 404)
    for one in (user, plain):
        await k.users.delete_user(one.id)


async def memberships_refused_and_listed(k):
    organization = await k.organizations.create_organization(name="Members Refused")
    user = await k.sign_up("organizations.refused@example.test")

    def create(**fields):
        return k.memberships.create_organization_membership(
            **{"user_id": user.id, "organization_id": organization.id, **fields}
        )

    await k.refused(create(user_id="user_nobody"), 404)
    await k.refused(create(organization_id="org_nobody"), 404)
    await k.refused(create(**role("nobody")), 422, code="invalid_role")
    made = await create()
    await k.refused(
        k.memberships.update_organization_membership(made.id, **role("nobody")),
        422,
        code="invalid_role",
    )
    for call in (
        k.memberships.get_organization_membership,
        k.memberships.update_organization_membership,
        k.memberships.delete_organization_membership,
        k.memberships.deactivate_organization_membership,
        k.memberships.reactivate_organization_membership,
    ):
        await k.refused(call("om_nobody"), 404)

    others = [
        await k.sign_up(f"organizations.listed.{number}@example.test")
        for number in range(4)
    ]
    for other in others:
        await create(user_id=other.id)
    await k.pages(
        k.memberships.list_organization_memberships, 5, organization_id=organization.id
    )
    for other in (user, *others):
        await k.users.delete_user(other.id)
    left = await k.memberships.list_organization_memberships(
        organization_id=organization.id
    )
    assert left.data == [], left
    await k.organizations.delete_organization(organization.id)
