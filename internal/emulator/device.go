package emulator

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
)

// The device authorization grant (RFC 8628): a program without a browser shows
// a code, which its user enters on a page here.

// userCodeLetters are consonants, so that a code is no word (RFC 8628, section 6.1).
const userCodeLetters = "BCDFGHJKLMNPQRSTVWXZ"

func newUserCode() string {
	var b [8]byte
	rand.Read(b[:]) // never fails, says its documentation
	for i := range b {
		b[i] = userCodeLetters[int(b[i])%len(userCodeLetters)]
	}
	return string(b[:4]) + "-" + string(b[4:])
}

// authorizeDevice serves POST /user_management/authorize/device, which takes no
// secret: a device cannot keep one.
func (e *Emulator) authorizeDevice(c *call) {
	form, f := readForm(c.r)
	if f != nil {
		c.fail(f)
		return
	}
	c.note(form)
	if id := form.Get("client_id"); id != e.ClientID {
		c.fail(oauthFailure("invalid_client", "unknown client_id; this emulator's is "+e.ClientID+" (WORKOS_CLIENT_ID)"))
		return
	}
	d := &device{
		Code: secret(), UserCode: newUserCode(), ClientID: e.ClientID, Interval: deviceInterval, Expires: c.now.Add(deviceLifetime),
	}
	if unsaved := e.store.do(func() { e.store.devices.put(d.Code, d) }); unsaved != nil {
		c.fail(unsaved)
		return
	}
	c.json(http.StatusOK, "device code", map[string]any{
		"device_code": d.Code, "user_code": d.UserCode,
		"verification_uri":          c.base() + "/device",
		"verification_uri_complete": c.base() + "/device?" + url.Values{"user_code": {d.UserCode}}.Encode(),
		"expires_in":                int(deviceLifetime.Seconds()), "interval": int(deviceInterval.Seconds()),
	})
}

// devicePage serves GET /device, where a user enters the code that a device shows.
func (e *Emulator) devicePage(c *call) {
	query, _ := url.ParseQuery(c.r.URL.RawQuery) // what cannot be read is no code
	c.note(query)
	c.showDevice(http.StatusOK, query.Get("user_code"), "")
}

func (c *call) showDevice(status int, code, wrong string) {
	c.page(status, "page for a device's code", "device.html", field{
		Name: "user_code", Label: "Code", Type: "text", Autocomplete: "off", Value: code, Wrong: wrong, Focus: true,
	})
}

// submitDevice serves its form, and goes on to the sign-in.
func (e *Emulator) submitDevice(c *call) {
	form, ok := c.form()
	if !ok {
		return
	}
	code := strings.ToUpper(strings.TrimSpace(form.Get("user_code")))
	if !strings.Contains(code, "-") && len(code) == 8 {
		code = code[:4] + "-" + code[4:]
	}
	e.within(c, func() func() {
		d, ok := e.store.devices.by("user_code:" + code)
		if !ok || !c.now.Before(d.Expires) || d.Denied || d.SignedIn != nil {
			return func() {
				c.showDevice(http.StatusUnprocessableEntity, code, "There is no device that waits with this code. It is good for five minutes, and once.")
			}
		}
		a := authorization{clientID: d.ClientID, deviceCode: d.Code, provider: providerAuthKit}
		return e.signInPage(c, e.store.begin(a, c.now), &a, http.StatusOK, "", "")
	})
}

// approveDevice lets a device in that its user has signed in for.
func (e *Emulator) approveDevice(c *call, a *authorization) func() {
	d, ok := e.store.devices.get(a.deviceCode)
	if !ok {
		return e.over(c)
	}
	in := a.signedIn
	d.SignedIn = &in
	e.store.devices.put(d.Code, d)
	return func() {
		c.page(http.StatusOK, "device let in", "notice.html", noticePage{
			Title: "Your device is signed in", Text: "You can close this page and go back to the device.",
		})
	}
}

func (e *Emulator) denyDevice(c *call, a *authorization) func() {
	if d, ok := e.store.devices.get(a.deviceCode); ok {
		d.Denied = true
		e.store.devices.put(d.Code, d)
	}
	return func() {
		c.page(http.StatusOK, "device refused", "notice.html", noticePage{
			Title: "Your device is not signed in", Text: "You can close this page.",
		})
	}
}

// redeemDevice answers a device that asks whether it has been let in.
func (s *store) redeemDevice(code string, by redemption) (issued, *failure) {
	if code == "" {
		return issued{}, invalidParameters("device_code is required")
	}
	d, ok := s.devices.get(code)
	if !ok || d.ClientID != by.clientID || !d.RedeemedAt.IsZero() {
		return issued{}, oauthFailure("invalid_grant", "the device code is invalid, or was used")
	}
	last := d.LastAsked
	d.LastAsked = by.now
	defer s.devices.put(code, d)
	switch {
	case d.Denied:
		return issued{}, oauthFailure("access_denied", "the user refused to sign the device in")
	case d.SignedIn == nil && !by.now.Before(d.Expires):
		return issued{}, oauthFailure("expired_token", "the device code has expired")
	case d.SignedIn == nil && !by.now.Before(last) && by.now.Sub(last) < d.Interval:
		d.Interval += deviceInterval // RFC 8628, section 3.5
		return issued{}, oauthFailure("slow_down", "the device asks more often than the interval says, which is longer by five seconds now")
	case d.SignedIn == nil:
		return issued{}, oauthFailure("authorization_pending", "nobody has signed in for the device yet")
	}
	d.RedeemedAt = by.now
	by.public = true
	return s.newSession(*d.SignedIn, by)
}
