package emulator

import "net/http"

// inspectMail serves GET /_authfit/api/mail: what would have been sent, oldest
// first; to a test, or to who develops an app.
func (e *Emulator) inspectMail(c *call) {
	c.json(http.StatusOK, "mail", map[string]any{"data": e.Mail(c.r.URL.Query().Get("to"))})
}
