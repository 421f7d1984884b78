// Package chromium drives a real browser through pages as a person does, by what they
// see: the texts of links, buttons and labels. It is for tests only.
//
// AUTHFIT_TEST_BROWSER is the Chromium to start, and AUTHFIT_TEST_AXE the script of
// axe, the accessibility checker; `make setup` finds or installs them. Where
// AUTHFIT_SCREENSHOTS names a folder, each Shot leaves a picture in it.
package chromium

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take. It is for a machine that is busy.
const patience = 30 * time.Second

// A Browser is a window of a Chromium of its own, with an empty profile. Its
// methods end the test when a page has no such element or does not come.
type Browser struct {
	t     *testing.T
	ctx   context.Context
	name  string
	shots int
}

// New starts a Chromium, which ends with the test. The name begins the names of
// its pictures.
func New(t *testing.T, name string) *Browser {
	t.Helper()
	path := os.Getenv("AUTHFIT_TEST_BROWSER")
	if path == "" {
		t.Fatal("run `make test`, or set AUTHFIT_TEST_BROWSER to a Chromium")
	}
	var said strings.Builder
	ctx, stop := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath(path), chromedp.CombinedOutput(&said),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.Flag("password-store", "basic"),
		chromedp.Flag("no-proxy-server", true),
		// Nothing but this machine: a page that loads something from elsewhere fails.
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"),
	)
	ctx, _ = chromedp.NewContext(ctx)
	t.Cleanup(func() {
		_ = chromedp.Cancel(ctx) // asks it to close; what is left of it ends with stop
		stop()
	})
	b := &Browser{t: t, ctx: ctx, name: name}
	if err := chromedp.Do(ctx); err != nil {
		stop()
		t.Fatalf("%s does not start: %v\n%s", path, err, said.String())
	}
	b.Size(1000, 720)
	// The window is before the person, so that it shows what has the focus.
	call(b, "have the focus", emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	return b
}

// Size is the size of the window.
func (b *Browser) Size(width, height int64) {
	b.t.Helper()
	b.do("set the size", chromedp.EmulateViewport(width, height))
}

// Dark says whether the person prefers dark pages.
func (b *Browser) Dark(dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	call(b, "prefer "+scheme, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
}

// Open goes to an address and waits for the page.
func (b *Browser) Open(address string) {
	b.t.Helper()
	b.do("open "+address, chromedp.Navigate(address), drawn)
}

// Click clicks the link or button with a text, and waits for the page that it
// leads to.
func (b *Browser) Click(text string) {
	b.t.Helper()
	q := literal(text)
	b.leads("click "+text, chromedp.Click(`//a[normalize-space()=`+q+`] | //button[normalize-space()=`+q+` or normalize-space(*[not(@aria-hidden)])=`+q+`] | //input[@type="submit" and @value=`+q+`]`))
}

// Fill types a text into the field with a label, in place of what is there.
func (b *Browser) Fill(label, text string) {
	b.t.Helper()
	field := `//input[@id=//label[starts-with(normalize-space(), ` + literal(label) + `)]/@for]`
	b.do("fill in "+label, chromedp.Focus(field), chromedp.Evaluate[chromedp.Void](`document.activeElement.select()`), chromedp.KeyEvent(text))
}

// Type presses keys in whatever has the focus.
func (b *Browser) Type(keys string) {
	b.t.Helper()
	b.do("type", chromedp.KeyEvent(keys))
}

// Enter presses the enter key, and waits for the page that it leads to.
func (b *Browser) Enter() {
	b.t.Helper()
	b.leads("press enter", chromedp.KeyEvent("\r"))
}

// Address is the page's.
func (b *Browser) Address() string {
	b.t.Helper()
	return run(b, "read the address", chromedp.Location())
}

// Text is what the page shows.
func (b *Browser) Text() string {
	b.t.Helper()
	return b.Evaluate(`document.body.innerText`)
}

// Focus is the label or text of what has the focus, without what is there for
// the eye alone.
func (b *Browser) Focus() string {
	b.t.Helper()
	return b.Evaluate(`(e => {
  const text = e => e.ariaHidden === "true" || e.className === "unseen" ? "" : e.nodeType === 3 ? e.data : [...e.childNodes].map(text).join("");
  return text(e.labels && e.labels[0] || e).trim().replace(/\s+/g, " ");
})(document.activeElement)`)
}

// Axe is what the accessibility checker axe finds wrong with the page: with its
// default rules, and that what is clicked is large enough (WCAG 2.2, 2.5.8).
func (b *Browser) Axe() string {
	b.t.Helper()
	if b.Evaluate(`typeof axe`) == "undefined" {
		script, err := os.ReadFile(os.Getenv("AUTHFIT_TEST_AXE"))
		if err != nil {
			b.t.Fatalf("run `make test`, or set AUTHFIT_TEST_AXE to axe.min.js of axe-core: %v", err)
		}
		b.do("load axe", chromedp.Evaluate[chromedp.Void](string(script)))
	}
	return run(b, "run axe", chromedp.Evaluate[string](`axe.run({resultTypes: ["violations"], rules: {"target-size": {enabled: true}}}).then(found =>
  found.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html + ": " + n.failureSummary)).join("\n"))`,
		chromedp.EvalAwaitPromise))
}

// Evaluate is the value of an expression of JavaScript that is a string.
func (b *Browser) Evaluate(expression string) string {
	b.t.Helper()
	return run(b, "evaluate "+expression, chromedp.Evaluate[string](expression))
}

// Shot takes a picture of the page, from its top to its end.
func (b *Browser) Shot(what string) {
	b.t.Helper()
	dir := os.Getenv("AUTHFIT_SCREENSHOTS")
	if dir == "" {
		return
	}
	b.shots++
	picture := run(b, "take a picture", chromedp.FullScreenshot(100))
	file := filepath.Join(dir, fmt.Sprintf("%s-%02d-%s.png", b.name, b.shots, what))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(file, picture, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// do runs steps that stay on the page or wait for another by themselves.
func (b *Browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	run(b, what, chromedp.Steps(steps...))
}

// leads runs a step and waits for the page that it leads to.
func (b *Browser) leads(what string, step chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if _, err := chromedp.RunResponse(ctx, step); err != nil {
		b.fail(what, err)
	}
	b.do("see the page", drawn)
}

// drawn waits until the page is on the screen, which is when a field that asks
// for the focus has it.
var drawn = chromedp.Evaluate[chromedp.Void](
	`new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))`, chromedp.EvalAwaitPromise)

func call[P, R any](b *Browser, what string, command cdp.Command[P, R], params P) {
	b.t.Helper()
	run(b, what, func(ctx context.Context, t *chromedp.Target) (R, error) { return cdp.Call(ctx, t, command, params) })
}

func run[T any](b *Browser, what string, action chromedp.Action[T]) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		b.fail(what, err)
	}
	return value
}

// fail ends the test with what the person would have seen.
func (b *Browser) fail(what string, err error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	address, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	b.t.Fatalf("cannot %s: %v\nat %s the page is:\n%s", what, err, address, text)
}

// literal writes a text without double quotes in XPath.
func literal(text string) string { return `"` + text + `"` }
