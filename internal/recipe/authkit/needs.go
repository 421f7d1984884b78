package authkit

import (
	"cmp"
	"slices"
)

// needs are the functions of the SDK that the generated Python calls in each of
// its dialects, in the form of plan.SDK. Those of the async client have the same
// parameters as these.
var needs = map[string][]string{
	SDK5: {
		"WorkOSClient(api_key, client_id)",
		"UserManagement.get_authorization_url(provider, redirect_uri, state, code_challenge)",
		"UserManagement.authenticate_with_code(code, code_verifier)",
		"UserManagement.authenticate_with_refresh_token(refresh_token)",
		"UserManagement.get_jwks_url()",
		"UserManagement.get_logout_url(session_id, return_to)",
		"workos.session.Session.seal_data(data, key)",
		"workos.exceptions.BaseRequestException",
	},
	SDK6: {
		"WorkOSClient(api_key, client_id)",
		"UserManagement.get_authorization_url(provider, redirect_uri, state, code_challenge, code_challenge_method)",
		"UserManagement.authenticate_with_code(code, code_verifier)",
		"UserManagement.authenticate_with_refresh_token(refresh_token)",
		"UserManagement.get_jwks_url()",
		"UserManagement.get_logout_url(session_id, return_to)",
		"PKCE.generate_code_challenge(verifier)",
		"workos.session.seal_session_from_auth_response(access_token, refresh_token, user, impersonator, cookie_password)",
	},
}

// featureNeeds are those that a feature adds, in every dialect.
var featureNeeds = map[string]string{
	"sign-up":       "UserManagement.get_authorization_url(provider, redirect_uri, screen_hint)",
	"organizations": "UserManagement.authenticate_with_refresh_token(refresh_token, organization_id)",
	"recent-login":  "UserManagement.get_authorization_url(provider, redirect_uri, max_age)", // 9.1 and newer
}

// NeedsFor are the functions of the SDK that the generated Python calls in a
// dialect and for features, in the form of plan.SDK. Empty stands for SDK6.
func NeedsFor(dialect string, features ...string) []string {
	all := slices.Clone(needs[cmp.Or(dialect, SDK6)])
	for _, f := range features {
		if need, ok := featureNeeds[f]; ok {
			all = append(all, need)
		}
	}
	return all
}
