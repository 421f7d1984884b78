"""Roles, permissions and feature flags, and what a token says of them."""

import os

import jwt
from sdk_kit import OLD, PASSWORD, role

MEMBER, NORTH, SOUTH = os.environ["MEMBER"], os.environ["NORTH"], os.environ["SOUTH"]


def kind_of(role):
    return getattr(role.type, "value", role.type)


async def permissions(k):
    before = len((await k.roles.list_permissions(limit=100)).data)
    made = [
        await k.roles.create_permission(
            slug=f"roles:{name}", name=name.title(), description=f"May {name}"
        )
        for name in ("read", "write", "erase")
    ]
    assert (made[0].slug, made[0].name, made[0].description) == (
        "roles:read",
        "Read",
        "May read",
    ), made[0]
    assert made[0].system is False, made[0]
    await k.pages(k.roles.list_permissions, before + 3)
    assert await k.roles.get_permission("roles:read") == made[0]
    seen = await k.roles.update_permission(
        "roles:read", name="Look", description="May look"
    )
    assert (seen.id, seen.name, seen.description) == (made[0].id, "Look", "May look"), (
        seen
    )
    await k.refused(
        k.roles.create_permission(slug="roles:read", name="R"),
        409,
        code="permission_slug_conflict",
    )
    for permission in made:
        await k.roles.delete_permission(permission.slug)
    await k.refused(k.roles.get_permission("roles:read"), 404)
    await k.refused(k.roles.update_permission("roles:read", name="N"), 404)
    await k.refused(k.roles.delete_permission("roles:read"), 404)


async def environment_roles(k):
    slug = f"editor-{'async' if k.asynchronous else 'sync'}"  # no method takes one away again
    for name in ("edit", "publish"):
        await k.roles.create_permission(slug=f"env:{name}", name=name)
    made = await k.roles.create_environment_role(
        slug=slug, name="Editor", description="Edits"
    )
    assert (made.slug, made.name, made.description) == (slug, "Editor", "Edits"), made
    assert (kind_of(made), made.permissions) == ("EnvironmentRole", []), made
    assert await k.roles.get_environment_role(slug) == made
    assert slug in [r.slug for r in (await k.roles.list_environment_roles()).data]
    seen = await k.roles.update_environment_role(slug, name="Chief Editor")
    assert (seen.id, seen.name, seen.description) == (
        made.id,
        "Chief Editor",
        "Edits",
    ), seen
    seen = await k.roles.set_environment_role_permissions(
        slug, permissions=["env:edit"]
    )
    assert seen.permissions == ["env:edit"], seen
    seen = await k.roles.add_environment_role_permission(slug, body_slug="env:publish")
    assert sorted(seen.permissions) == ["env:edit", "env:publish"], seen

    await k.refused(
        k.roles.create_environment_role(slug=slug, name="E"),
        409,
        code="role_slug_conflict",
    )
    await k.refused(k.roles.get_environment_role("nobody"), 404)
    await k.refused(k.roles.update_environment_role("nobody", name="N"), 404)
    await k.refused(
        k.roles.set_environment_role_permissions(slug, permissions=["nothing"]), 404
    )
    await k.refused(
        k.roles.add_environment_role_permission("nobody", body_slug="env:edit"), 404
    )
    for name in ("edit", "publish"):
        await k.roles.delete_permission(f"env:{name}")
    assert (await k.roles.get_environment_role(slug)).permissions == []


async def organization_roles(k):
    organization = await k.organizations.create_organization(name="Roles")
    for name in ("mix", "pour", "drink"):
        await k.roles.create_permission(slug=f"bar:{name}", name=name)
    made = await k.roles.create_organization_role(
        organization.id, slug="org-barkeeper", name="Barkeeper"
    )
    assert (made.slug, made.name, made.description) == (
        "org-barkeeper",
        "Barkeeper",
        None,
    ), made
    assert (kind_of(made), made.permissions) == ("OrganizationRole", []), made
    assert await k.roles.get_organization_role(organization.id, "org-barkeeper") == made
    kinds = {
        r.slug: kind_of(r)
        for r in (await k.roles.list_organization_roles(organization.id)).data
    }
    assert (
        kinds["org-barkeeper"] == "OrganizationRole"
        and kinds["member"] == "EnvironmentRole"
    ), kinds
    if OLD:  # which has the list in another place, too
        older = await k.organizations.list_organization_roles(organization.id)
        assert {r.slug for r in older.data} == set(kinds), older
    assert "org-barkeeper" not in [
        r.slug for r in (await k.roles.list_environment_roles()).data
    ]

    def keeper(call, *args, **kwargs):
        return call(organization.id, "org-barkeeper", *args, **kwargs)

    seen = await keeper(
        k.roles.update_organization_role, name="Keeper", description="Pours"
    )
    assert (seen.id, seen.name, seen.description) == (made.id, "Keeper", "Pours"), seen
    seen = await keeper(
        k.roles.set_organization_role_permissions, permissions=["bar:mix", "bar:pour"]
    )
    assert sorted(seen.permissions) == ["bar:mix", "bar:pour"], seen
    seen = await keeper(k.roles.add_organization_role_permission, body_slug="bar:drink")
    assert sorted(seen.permissions) == ["bar:drink", "bar:mix", "bar:pour"], seen
    await keeper(
        k.roles.remove_organization_role_permission, permission_slug="bar:drink"
    )
    seen = await keeper(k.roles.get_organization_role)
    assert sorted(seen.permissions) == ["bar:mix", "bar:pour"], seen

    # It is in the token of whoever has it.
    user = await k.sign_up("roles.keeper@example.test")
    member = await k.memberships.create_organization_membership(
        user_id=user.id, organization_id=organization.id, **role("org-barkeeper")
    )
    answer = await k.users.authenticate_with_password(
        email=user.email, password=PASSWORD
    )
    claims = jwt.decode(answer.access_token, options={"verify_signature": False})
    assert (claims["role"], claims["roles"]) == ("org-barkeeper", ["org-barkeeper"]), (
        claims
    )
    assert sorted(claims["permissions"]) == ["bar:mix", "bar:pour"], claims

    await k.refused(
        k.roles.create_organization_role(
            organization.id, slug="org-barkeeper", name="B"
        ),
        409,
        code="organization_role_slug_conflict",
    )
    await k.refused(
        k.roles.create_organization_role("org_nobody", slug="org-b", name="B"), 404
    )
    await k.refused(k.roles.list_organization_roles("org_nobody"), 404)
    await k.refused(k.roles.get_organization_role(organization.id, "org-nobody"), 404)
    if not OLD:
        await k.refused(
            k.roles.delete_organization_role(organization.id, "org-barkeeper"),
            409,
            code="role_has_assignments",
        )
        await k.memberships.update_organization_membership(member.id, **role("member"))
        await k.roles.delete_organization_role(organization.id, "org-barkeeper")
        await k.refused(
            k.roles.get_organization_role(organization.id, "org-barkeeper"), 404
        )
    await k.users.delete_user(user.id)
    await k.organizations.delete_organization(organization.id)
    for name in ("mix", "pour", "drink"):
        await k.roles.delete_permission(f"bar:{name}")


async def feature_flags(k):
    (member,) = (await k.users.list_users(email=MEMBER)).data
    for call in (
        k.flags.list_organization_feature_flags(NORTH),
        k.flags.list_user_feature_flags(member.id),
    ):
        (flag,) = (await call).data
        assert flag.slug == "new-editor", flag
        assert OLD or flag.enabled, flag  # 5.x leaves it out
    assert (await k.flags.list_organization_feature_flags(SOUTH)).data == []
    await k.refused(k.flags.list_organization_feature_flags("org_nobody"), 404)
    await k.refused(k.flags.list_user_feature_flags("user_nobody"), 404)
