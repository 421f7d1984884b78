package emulator

// routes are all that is served here, and what of WorkOS's AuthKit,
// organisations and SSO is not, with the reason. docs/authkit.md is made of it.
var routes = []route{
	// The sign-in.
	{method: "GET", path: "/user_management/authorize", page: (*Emulator).authorize},
	{method: "POST", path: "/user_management/authorize", page: (*Emulator).submit},
	{method: "GET", path: "/user_management/authorize/{page}", page: (*Emulator).turn},
	{method: "POST", path: "/user_management/authorize/device", page: (*Emulator).authorizeDevice},
	{method: "POST", path: "/user_management/authenticate", page: (*Emulator).authenticate},
	{method: "GET", path: "/user_management/sessions/logout", page: (*Emulator).logout},
	{method: "GET", path: "/sso/jwks/{clientId}", page: (*Emulator).jwks},

	// Pages that mails and devices lead to.
	{method: "GET", path: "/device", page: (*Emulator).devicePage},
	{method: "POST", path: "/device", page: (*Emulator).submitDevice},
	{method: "GET", path: "/invitation", page: (*Emulator).invitationPage},
	{method: "GET", path: "/reset-password", page: (*Emulator).resetPage},
	{method: "POST", path: "/reset-password", page: (*Emulator).submitReset},

	// Users and what is theirs.
	{method: "GET", path: "/user_management/users", status: 200, api: (*Emulator).listUsers},
	{method: "POST", path: "/user_management/users", status: 201, api: (*Emulator).createUser},
	{method: "GET", path: "/user_management/users/{id}", status: 200, api: (*Emulator).getUser},
	{method: "PUT", path: "/user_management/users/{id}", status: 200, api: (*Emulator).updateUser},
	{method: "DELETE", path: "/user_management/users/{id}", status: 200, api: (*Emulator).deleteUser},
	{method: "GET", path: "/user_management/users/external_id/{external_id}", status: 200, api: (*Emulator).getUserByExternalID},
	{method: "GET", path: "/user_management/users/{id}/identities", status: 200, api: (*Emulator).listIdentities},
	{method: "GET", path: "/user_management/users/{id}/sessions", status: 200, api: (*Emulator).listSessions},
	{method: "POST", path: "/user_management/users/{id}/email_verification/send", status: 200, api: (*Emulator).sendUserVerification},
	{method: "POST", path: "/user_management/users/{id}/email_verification/confirm", status: 200, api: (*Emulator).confirmUserVerification},
	{method: "POST", path: "/user_management/users/{id}/email_change/send", status: 200, api: (*Emulator).sendEmailChange},
	{method: "POST", path: "/user_management/users/{id}/email_change/confirm", status: 200, api: (*Emulator).confirmEmailChange},
	{method: "GET", path: "/user_management/users/{id}/auth_factors", status: 200, api: (*Emulator).listUserFactors},
	{method: "POST", path: "/user_management/users/{id}/auth_factors", status: 201, api: (*Emulator).createUserFactor},
	{method: "POST", path: "/user_management/sessions/revoke", status: 200, api: (*Emulator).revokeSession},

	// Codes and links by mail.
	{method: "POST", path: "/user_management/magic_auth", status: 201, api: (*Emulator).createMagicAuth},
	{method: "GET", path: "/user_management/magic_auth/{id}", status: 200, api: (*Emulator).getMagicAuth},
	{method: "GET", path: "/user_management/email_verification/{id}", status: 200, api: (*Emulator).getEmailVerification},
	{method: "POST", path: "/user_management/password_reset", status: 201, api: (*Emulator).createPasswordReset},
	{method: "GET", path: "/user_management/password_reset/{id}", status: 200, api: (*Emulator).getPasswordReset},
	{method: "POST", path: "/user_management/password_reset/confirm", status: 200, api: (*Emulator).confirmPasswordReset},
	{method: "GET", path: "/user_management/invitations", status: 200, api: (*Emulator).listInvitations},
	{method: "POST", path: "/user_management/invitations", status: 201, api: (*Emulator).createInvitation},
	{method: "GET", path: "/user_management/invitations/{id}", status: 200, api: (*Emulator).getInvitation},
	{method: "GET", path: "/user_management/invitations/by_token/{token}", status: 200, api: (*Emulator).getInvitationByToken},
	{method: "POST", path: "/user_management/invitations/{id}/accept", status: 200, api: (*Emulator).acceptInvitation},
	{method: "POST", path: "/user_management/invitations/{id}/resend", status: 200, api: (*Emulator).resendInvitation},
	{method: "POST", path: "/user_management/invitations/{id}/revoke", status: 200, api: (*Emulator).revokeInvitation},

	// Authentication factors.
	{method: "POST", path: "/auth/factors/enroll", status: 201, api: (*Emulator).createFactor},
	{method: "GET", path: "/auth/factors/{id}", status: 200, api: (*Emulator).getFactor},
	{method: "DELETE", path: "/auth/factors/{id}", status: 204, api: (*Emulator).deleteFactor},
	{method: "POST", path: "/auth/factors/{id}/challenge", status: 201, api: (*Emulator).challengeTheFactor},
	{method: "POST", path: "/auth/challenges/{id}/verify", status: 201, api: (*Emulator).verifyChallenge},

	// Organisations, their members and roles.
	{method: "GET", path: "/organizations", status: 200, api: (*Emulator).listOrganizations},
	{method: "POST", path: "/organizations", status: 201, api: (*Emulator).createOrganization},
	{method: "GET", path: "/organizations/{id}", status: 200, api: (*Emulator).getOrganization},
	{method: "PUT", path: "/organizations/{id}", status: 200, api: (*Emulator).updateOrganization},
	{method: "DELETE", path: "/organizations/{id}", status: 202, api: (*Emulator).deleteOrganization},
	{method: "GET", path: "/organizations/external_id/{external_id}", status: 200, api: (*Emulator).getOrganizationByExternalID},
	{method: "GET", path: "/organizations/{organizationId}/roles", status: 200, api: (*Emulator).listRoles},
	{method: "POST", path: "/organization_domains", status: 201, api: (*Emulator).createDomain},
	{method: "GET", path: "/organization_domains/{id}", status: 200, api: (*Emulator).getDomain},
	{method: "DELETE", path: "/organization_domains/{id}", status: 204, api: (*Emulator).deleteDomain},
	{method: "POST", path: "/organization_domains/{id}/verify", status: 201, api: (*Emulator).verifyDomain},
	{method: "GET", path: "/user_management/organization_memberships", status: 200, api: (*Emulator).listMemberships},
	{method: "POST", path: "/user_management/organization_memberships", status: 201, api: (*Emulator).createMembership},
	{method: "GET", path: "/user_management/organization_memberships/{id}", status: 200, api: (*Emulator).getMembership},
	{method: "PUT", path: "/user_management/organization_memberships/{id}", status: 200, api: (*Emulator).updateMembership},
	{method: "DELETE", path: "/user_management/organization_memberships/{id}", status: 200, api: (*Emulator).deleteMembership},
	{method: "PUT", path: "/user_management/organization_memberships/{id}/deactivate", status: 200, api: (*Emulator).deactivateMembership},
	{method: "PUT", path: "/user_management/organization_memberships/{id}/reactivate", status: 200, api: (*Emulator).reactivateMembership},
	{method: "GET", path: "/authorization/roles", status: 200, api: (*Emulator).listRoles},
	{method: "POST", path: "/authorization/roles", status: 201, api: (*Emulator).createRole},
	{method: "GET", path: "/authorization/roles/{slug}", status: 200, api: (*Emulator).getRole},
	{method: "PATCH", path: "/authorization/roles/{slug}", status: 200, api: (*Emulator).updateRole},
	{method: "PUT", path: "/authorization/roles/{slug}/permissions", status: 200, api: (*Emulator).setPermissions},
	{method: "POST", path: "/authorization/roles/{slug}/permissions", status: 200, api: (*Emulator).addRolePermission},
	{method: "GET", path: "/authorization/organizations/{organizationId}/roles", status: 200, api: (*Emulator).listRoles},
	{method: "POST", path: "/authorization/organizations/{organizationId}/roles", status: 201, api: (*Emulator).createRole},
	{method: "GET", path: "/authorization/organizations/{organizationId}/roles/{slug}", status: 200, api: (*Emulator).getRole},
	{method: "PATCH", path: "/authorization/organizations/{organizationId}/roles/{slug}", status: 200, api: (*Emulator).updateRole},
	{method: "DELETE", path: "/authorization/organizations/{organizationId}/roles/{slug}", status: 204, api: (*Emulator).deleteRole},
	{method: "PUT", path: "/authorization/organizations/{organizationId}/roles/{slug}/permissions", status: 200, api: (*Emulator).setPermissions},
	{method: "POST", path: "/authorization/organizations/{organizationId}/roles/{slug}/permissions", status: 200, api: (*Emulator).addRolePermission},
	{method: "DELETE", path: "/authorization/organizations/{organizationId}/roles/{slug}/permissions/{permissionSlug}", status: 200, api: (*Emulator).removeRolePermission},
	{method: "GET", path: "/authorization/permissions", status: 200, api: (*Emulator).listPermissions},
	{method: "POST", path: "/authorization/permissions", status: 201, api: (*Emulator).createPermission},
	{method: "GET", path: "/authorization/permissions/{slug}", status: 200, api: (*Emulator).getPermission},
	{method: "PATCH", path: "/authorization/permissions/{slug}", status: 200, api: (*Emulator).updatePermission},
	{method: "DELETE", path: "/authorization/permissions/{slug}", status: 204, api: (*Emulator).deletePermission},

	{method: "GET", path: "/organizations/{organizationId}/feature-flags", status: 200, api: (*Emulator).listOrganizationFlags},
	{method: "GET", path: "/user_management/users/{userId}/feature-flags", status: 200, api: (*Emulator).listUserFlags},

	// Where codes may be sent, and scripts may come from.
	{method: "GET", path: "/user_management/redirect_uris", status: 200, api: (*Emulator).listRedirectURIs},
	{method: "POST", path: "/user_management/redirect_uris", status: 201, api: (*Emulator).createRedirectURI},
	{method: "DELETE", path: "/user_management/redirect_uris/{id}", status: 204, api: (*Emulator).deleteRedirectURI},
	{method: "GET", path: "/user_management/cors_origins", status: 200, api: (*Emulator).listCORSOrigins},
	{method: "POST", path: "/user_management/cors_origins", status: 201, api: (*Emulator).createCORSOrigin},

	// Connections, which AuthKit signs in by, and single sign-on without AuthKit.
	{method: "GET", path: "/sso/authorize", page: (*Emulator).authorizeSSO},
	{method: "POST", path: "/sso/token", page: (*Emulator).tokenSSO},
	{method: "GET", path: "/sso/profile", page: (*Emulator).profileSSO},
	{method: "POST", path: "/sso/logout/authorize", status: 201, api: (*Emulator).authorizeLogout},
	{method: "GET", path: "/sso/logout", page: (*Emulator).logoutSSO},
	{method: "GET", path: "/connections", status: 200, api: (*Emulator).listConnections},
	{method: "GET", path: "/connections/{id}", status: 200, api: (*Emulator).getConnection},
	{method: "DELETE", path: "/connections/{id}", status: 204, api: (*Emulator).deleteConnection},

	// Not served.
	{method: "POST", path: "/authkit/oauth2/complete", why: whyConnect},
	{method: "GET", path: "/user_management/jwt_template", why: whyTemplate},
	{method: "PUT", path: "/user_management/jwt_template", why: whyTemplate},
	{method: "GET", path: "/user_management/waitlists", why: whyWaitlist},
	{method: "GET", path: "/user_management/waitlists/{id}", why: whyWaitlist},
	{method: "GET", path: "/user_management/waitlists/{id}/entries", why: whyWaitlist},
	{method: "POST", path: "/user_management/waitlists/{id}/entries", why: whyWaitlist},
	{method: "DELETE", path: "/user_management/waitlist_entries/{id}", why: whyWaitlist},
	{method: "POST", path: "/user_management/waitlist_entries/{id}/approve", why: whyWaitlist},
	{method: "POST", path: "/user_management/waitlist_entries/{id}/deny", why: whyWaitlist},
	{method: "GET", path: "/user_management/authkit_oauth_resources", why: whyConnect},
	{method: "POST", path: "/user_management/authkit_oauth_resources", why: whyConnect},
	{method: "DELETE", path: "/user_management/authkit_oauth_resources/{id}", why: whyConnect},
	{method: "POST", path: "/user_management/radar_challenges", why: whyRadar},
	{method: "GET", path: "/user_management/radar_challenges/{id}", why: whyRadar},
	{method: "GET", path: "/user_management/users/{user_id}/authorized_applications", why: whyConnect},
	{method: "DELETE", path: "/user_management/users/{user_id}/authorized_applications/{application_id}", why: whyConnect},
	{method: "GET", path: "/organizations/{organization_id}/authorized_applications", why: whyConnect},
	{method: "GET", path: "/user_management/users/{userId}/api_keys", why: whyKeys},
	{method: "POST", path: "/user_management/users/{userId}/api_keys", why: whyKeys},
	{method: "GET", path: "/organizations/{organizationId}/api_keys", why: whyKeys},
	{method: "POST", path: "/organizations/{organizationId}/api_keys", why: whyKeys},
	{method: "GET", path: "/user_management/organization_memberships/{omId}/groups", why: whyGroups},
	{method: "GET", path: "/organizations/{organizationId}/groups", why: whyGroups},
	{method: "POST", path: "/organizations/{organizationId}/groups", why: whyGroups},
}

// inspectorRoutes are what the emulator has beside. They are a table of their own,
// because failures are for the others.
var inspectorRoutes = []route{
	{method: "GET", path: "/_authfit", page: (*Emulator).inspectorPage},
	{method: "GET", path: "/_authfit/", page: (*Emulator).inspectorPage},
	{method: "GET", path: "/_authfit/{section}", page: (*Emulator).inspectorPage},
	{method: "GET", path: "/_authfit/inspector.css", page: (*Emulator).inspectorFile},
	{method: "GET", path: "/_authfit/inspector.js", page: (*Emulator).inspectorFile},
	{method: "GET", path: "/_authfit/api/events", page: (*Emulator).inspectEvents},
	{method: "GET", path: "/_authfit/api/status", status: 200, own: (*Emulator).inspectStatus},
	{method: "GET", path: "/_authfit/api/requests", status: 200, own: (*Emulator).inspectRequests},
	{method: "DELETE", path: "/_authfit/api/requests", status: 204, own: (*Emulator).forgetRequests},
	{method: "GET", path: "/_authfit/api/requests/{id}", status: 200, own: (*Emulator).inspectRequest},
	{method: "GET", path: "/_authfit/api/requests/{id}/curl", page: (*Emulator).inspectCurl},
	{method: "GET", path: "/_authfit/api/mail", status: 200, own: (*Emulator).inspectMail},
	{method: "DELETE", path: "/_authfit/api/mail", status: 204, own: (*Emulator).forgetMail},
	{method: "GET", path: "/_authfit/api/users", status: 200, own: (*Emulator).inspectUsers},
	{method: "GET", path: "/_authfit/api/organizations", status: 200, own: (*Emulator).inspectOrganizations},
	{method: "GET", path: "/_authfit/api/sessions", status: 200, own: (*Emulator).inspectSessions},
	{method: "DELETE", path: "/_authfit/api/sessions/{id}", status: 204, own: (*Emulator).endSession},
	{method: "GET", path: "/_authfit/api/clock", status: 200, own: (*Emulator).inspectClock},
	{method: "PUT", path: "/_authfit/api/clock", status: 200, own: (*Emulator).setClock},
	{method: "GET", path: "/_authfit/api/failures", status: 200, own: (*Emulator).inspectFailures},
	{method: "POST", path: "/_authfit/api/failures", status: 201, own: (*Emulator).addFailure},
	{method: "DELETE", path: "/_authfit/api/failures", status: 204, own: (*Emulator).forgetFailures},
	{method: "DELETE", path: "/_authfit/api/failures/{id}", status: 204, own: (*Emulator).forgetFailure},
	{method: "POST", path: "/_authfit/api/reset", status: 204, own: (*Emulator).inspectReset},
}

// Why something is not served.
const (
	whyConnect  = "applications of others do not sign in here"
	whyTemplate = "access tokens have the claims that AuthKit documents, and no template of their own"
	whyRadar    = "nobody is suspected here"
	whyWaitlist = "everybody can sign up here"
	whyKeys     = "the emulator's API key is the only one"
	whyGroups   = "roles are given to members, one by one"
)
