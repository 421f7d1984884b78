package emulator

import (
	"maps"
	"net/http"
)

// failure is a refusal in one of WorkOS's two shapes: OAuth's
// {"error", "error_description"} (RFC 6749, section 5.2) on the token endpoint
// and in redirects, {"code", "message"} elsewhere.
type failure struct {
	status int
	code   string
	text   string
	oauth  bool
	// more is what the answer says beside: where another grant goes on from
	// there, its pending_authentication_token.
	more map[string]any
}

func (f *failure) body() any {
	code, text := "code", "message"
	if f.oauth {
		code, text = "error", "error_description"
	}
	body := map[string]any{code: f.code, text: f.text}
	maps.Copy(body, f.more)
	return body
}

// with says something beside.
func (f *failure) with(name string, value any) *failure {
	more := map[string]any{name: value}
	maps.Copy(more, f.more)
	return &failure{f.status, f.code, f.text, f.oauth, more}
}

// apiFailure is a refusal as {"code", "message"}.
func apiFailure(status int, code, message string) *failure {
	return &failure{status: status, code: code, text: message}
}

// badRequest is the most common of them.
func badRequest(code, message string) *failure {
	return apiFailure(http.StatusBadRequest, code, message)
}

// oauthFailure is a refusal as {"error", "error_description"}. WorkOS answers
// 400 for all of them, also for invalid_client.
func oauthFailure(code, description string) *failure {
	return &failure{status: http.StatusBadRequest, code: code, text: description, oauth: true}
}

// invalidParameters is WorkOS's answer to a request that lacks a required field.
func invalidParameters(message string) *failure {
	return apiFailure(http.StatusUnprocessableEntity, "invalid_request_parameters", message)
}
