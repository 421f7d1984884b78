// Package mask hides secrets in text that is shown: passwords in addresses, keys
// known by their form, and the string literals that source code gives to names
// such as secret_key. What is masked is for reading only.
package mask

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// hidden is what stands in the place of a secret.
const hidden = "***"

// forms are secrets known by their form, wherever they come from, each between
// what comes before and after it; inQuery are those in the query of an address.
var (
	forms = []*regexp.Regexp{
		regexp.MustCompile(`\b()sk_[A-Za-z0-9_]{6,}()`),
		regexp.MustCompile(`(://[^\s:/@"'<>]*:)[^\s/"'<>]+(@)`),
		regexp.MustCompile(`(://)[^\s:/@"'<>]{5,}(@)`), // a token in the place of a name; git@ is none
	}
	inQuery = regexp.MustCompile(`([?&](?:code|state|token|code_challenge)=)[^&\s"']+`)
	// inHost is an address without its scheme, as Poetry writes one.
	inHost = regexp.MustCompile(`((?:^|[\s"'(])[^\s:/@"'<>()]+:)[^\s:/@"'<>]+(@[A-Za-z0-9\[])`)
	// inEnv is a variable as a program prints it, or its environment file.
	inEnv = regexp.MustCompile(`(\b[A-Z0-9_]*(?:SECRET|PASSW(?:OR)?D|TOKEN|API_?KEY|PRIVATE_KEY|CREDENTIAL)[A-Z0-9_]*=)[^\s"']+`)
)

// Text hides in what a program wrote whatever has the form of a secret, and what
// Source does: a traceback quotes sources.
func Text(text string) string {
	text = inHost.ReplaceAllString(Source(text), "${1}"+hidden+"${2}")
	return inEnv.ReplaceAllString(inQuery.ReplaceAllString(text, "${1}"+hidden), "${1}"+hidden)
}

func form(text string) string {
	for _, p := range forms {
		text = p.ReplaceAllString(text, "${1}"+hidden+"${2}")
	}
	return text
}

// secretVariable is the name of a variable whose value must not be shown.
var secretVariable = regexp.MustCompile(`(?i)key|secret|passw|token|dsn|_url$|_uri$|credential|private|salt`)

// plain are values that give nothing away and that masking would only make
// output unreadable: numbers, switches, local addresses.
var plain = regexp.MustCompile(`(?i)^(true|false|yes|no|on|off|none|null|debug|info|[\d.]+|https?://(localhost|127\.0\.0\.1)(:\d+)?[/\w.-]*)$`)

// Random says whether a value looks like one that was made up by a machine, which
// nobody would write but as a secret. A word, the name of a setting, would be
// missed in other text that it is hidden in.
func Random(value string) bool {
	return len(value) >= 8 && random.MatchString(value) && !plain.MatchString(value)
}

var random = regexp.MustCompile(`^[^\s/{}<>]*[0-9!@#$%^&*()=+][^\s/{}<>]*$`)

// index are the variables that say where packages come from. A failure is told
// with the address, and form hides a password in it.
var index = regexp.MustCompile(`(?i)(index|mirror)_url$`)

// Values is Text that also hides the values of variables with the name of a
// secret, and other secrets that are known.
func Values(known []string, vars ...map[string]string) func(string) string {
	hide := Only(known, vars...)
	return func(line string) string { return Text(hide(line)) }
}

// Only is Values without Text: what is not known to be a secret stays, be its form
// that of one.
func Only(known []string, vars ...map[string]string) func(string) string {
	values := slices.Clone(known)
	for _, env := range vars {
		for name, value := range env {
			if len(value) >= 6 && secretVariable.MatchString(name) && !index.MatchString(name) && !plain.MatchString(value) && !filepath.IsAbs(value) {
				values = append(values, value)
			}
		}
	}
	// The longest first, so that a value inside another does not leave the rest of it.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	return func(line string) string {
		for _, value := range values {
			line = strings.ReplaceAll(line, value, hidden)
		}
		return line
	}
}
