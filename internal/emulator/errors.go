package emulator

import "net/http"

// failure is a refusal in one of WorkOS's two shapes: OAuth's
// {"error", "error_description"} (RFC 6749, section 5.2) on the token endpoint
// and in redirects, {"code", "message"} elsewhere.
type failure struct {
	status int
	code   string
	text   string
	oauth  bool
	next   *stepUp
}

// stepUp is what a refusal says beside its code where another grant goes on from
// there.
type stepUp struct {
	Token         string               `json:"pending_authentication_token"`
	User          userObject           `json:"user"`
	Organizations []organizationObject `json:"organizations,omitempty"`
}

func (f *failure) body() any {
	if f.next != nil {
		return struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			*stepUp
		}{f.code, f.text, f.next}
	}
	if f.oauth {
		return struct {
			Error       string `json:"error"`
			Description string `json:"error_description"`
		}{f.code, f.text}
	}
	return struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{f.code, f.text}
}

// apiFailure is a refusal as {"code", "message"}.
func apiFailure(status int, code, message string) *failure {
	return &failure{status: status, code: code, text: message}
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
