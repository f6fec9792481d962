package chat_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
)

// page is the one tab of a headless browser process of its own. Whatever the page complains of on the console, blocked
// by the content security policy or thrown, fails the test.
type page struct {
	t    testing.TB
	name string
	ctx  context.Context

	mu       sync.Mutex
	tolerant bool // failed requests are no news
	troubles []string
}

// browse starts a browser, or skips the test where there is none.
func browse(t testing.TB, name string) *page {
	t.Helper()
	allocator, cancelAllocator := chromedp.NewExecAllocator(context.Background(), append(
		chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browserProgram(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.IgnoreCertErrors, chromedp.WindowSize(1280, 800),
	)...)
	ctx, cancel := chromedp.NewContext(allocator)
	p := &page{t: t, name: name, ctx: ctx}
	console, read := chromedp.Console(ctx), make(chan struct{})
	go func() {
		defer close(read)
		for m, err := range console {
			if err != nil {
				return
			}
			p.note(m)
		}
	}()
	t.Cleanup(func() {
		if t.Failed() {
			p.describe()
		}
		_ = chromedp.Cancel(ctx)
		cancel()
		cancelAllocator()
		<-read
		for _, trouble := range p.troubles {
			t.Errorf("%s: console: %s", name, trouble)
		}
	})
	p.call("focus the page", func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
		return err
	})
	return p
}

func browserProgram(t testing.TB) string {
	names := []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "headless-shell"}
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skipf("no browser to test the web client with: none of %v is installed", names)
	return ""
}

// note keeps what a page ought not to say.
func (p *page) note(m chromedp.ConsoleMessage) {
	if m.Type != "error" && m.Type != "warning" && !m.IsException() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	asksWhoIsHere := strings.HasSuffix(m.URL, "/api/me") && strings.Contains(m.Text, "401")
	if asksWhoIsHere || (p.tolerant && (m.Source == "network" || strings.HasPrefix(m.Text, "WebSocket connection"))) {
		return
	}
	p.troubles = append(p.troubles, fmt.Sprintf("%s (%s %s:%d)", m, m.Source, m.URL, m.Line))
}

// tolerateFailures says that from now on requests may fail.
func (p *page) tolerateFailures() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tolerant = true
}

// describe logs what the page shows, for a test that has failed.
func (p *page) describe() {
	text, err := evaluate[string](p, `document.title + "\n" + location.href + "\n" + document.body.innerText`)
	p.t.Logf("%s shows (%v):\n%s", p.name, err, text)
	p.shoot("failed-" + p.name)
}

// call does something with the browser that must work within the limit.
func (p *page) call(what string, do func(context.Context) error) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, waitLimit)
	defer cancel()
	if err := do(ctx); err != nil {
		p.t.Fatalf("%s: %s: %v", p.name, what, err)
	}
}

func (p *page) do(what string, actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	p.call(what, func(ctx context.Context) error { return chromedp.Do(ctx, actions...) })
}

func (p *page) open(url string) {
	p.t.Helper()
	p.do("open "+url, chromedp.Navigate(url))
}

func (p *page) click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// fill types into the field with that id.
func (p *page) fill(id, text string) {
	p.t.Helper()
	p.do("fill "+id, chromedp.SendKeys(chromedp.CSS("#"+id), text, chromedp.NodeVisible))
}

// keys types wherever the focus is.
func (p *page) keys(text string) {
	p.t.Helper()
	p.do("type "+text, chromedp.KeyEvent(text))
}

// press presses and releases a key that is no character, as a keyboard does: the page may keep it from doing anything.
func (p *page) press(key string, modifiers ...chromedp.Modifier) {
	p.t.Helper()
	event := input.DispatchKeyEventParams{Type: "keyDown", Key: key, Code: key}
	event.WindowsVirtualKeyCode = map[string]int64{"Tab": 9, "Enter": 13, "Escape": 27, "PageUp": 33, "End": 35, "ArrowUp": 38}[key]
	if key == "Enter" {
		event.Text = "\r"
	}
	for _, m := range modifiers {
		event.Modifiers |= int64(m)
	}
	p.call("press "+key, func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, input.DispatchKeyEvent, event); err != nil {
			return err
		}
		event.Type, event.Text = "keyUp", ""
		_, err := chromedp.Call(ctx, input.DispatchKeyEvent, event)
		return err
	})
}

// say writes a message and sends it with Enter.
func (p *page) say(text string) {
	p.t.Helper()
	p.do("write a message", chromedp.SendKeys(chromedp.CSS("message-composer textarea"), text, chromedp.NodeVisible))
	p.press("Enter")
}

func evaluate[T any](p *page, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, waitLimit)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression))
}

// ask evaluates an expression in the page.
func ask[T any](p *page, expression string) T {
	p.t.Helper()
	value, err := evaluate[T](p, expression)
	if err != nil {
		p.t.Fatalf("%s: %s: %v", p.name, expression, err)
	}
	return value
}

// wait waits until the expression is true.
func (p *page) wait(expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(waitLimit); ; time.Sleep(20 * time.Millisecond) {
		holds, err := evaluate[bool](p, expression)
		if holds {
			return
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s: waited in vain for %s (%v)", p.name, expression, err)
		}
	}
}

// waitFor waits until something that matches the selector contains the text.
func (p *page) waitFor(selector, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf(`Array.from(document.querySelectorAll(%q), (e) => e.innerText).some((text) => text.includes(%q))`, selector, text))
}

// messages are the bodies that the message list shows, from top to bottom.
func (p *page) messages() []string {
	p.t.Helper()
	return ask[[]string](p, `Array.from(document.querySelectorAll(".message-body"), (e) => e.innerText.trim())`)
}

// resize gives the page another size, as a phone if it is narrow.
func (p *page) resize(width, height int64) {
	p.t.Helper()
	var options []chromedp.EmulateViewportOption
	if width < 600 {
		options = append(options, chromedp.EmulateMobile, chromedp.EmulateTouch, chromedp.EmulatePortrait)
	}
	p.do("resize", chromedp.EmulateViewport(width, height, options...))
}

// prefer sets the colour scheme, "light" or "dark".
func (p *page) prefer(scheme string) {
	p.t.Helper()
	p.call("prefer "+scheme, func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}

// shoot writes a picture of the page to the folder that SNUG_SCREENSHOTS names, if it does.
func (p *page) shoot(name string) {
	p.t.Helper()
	if picturePath("") == "" {
		return
	}
	picture, err := chromedp.Run(p.ctx, chromedp.CaptureScreenshot())
	if err == nil {
		err = os.WriteFile(picturePath(name), picture, 0o644)
	}
	if err != nil {
		p.t.Errorf("take picture %s: %v", name, err)
	}
}

// everyLook takes a picture in light and in dark, on a desk and on a phone, and leaves the page dark, on a desk.
func (p *page) everyLook(name string) {
	p.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		p.prefer(scheme)
		for device, size := range map[string][2]int64{"desk": {1280, 800}, "phone": {390, 844}} {
			p.resize(size[0], size[1])
			p.wait(`document.getAnimations().every((animation) => animation.playState !== "running" || animation.effect.getTiming().iterations === Infinity)`)
			p.shoot(fmt.Sprintf("%s-%s-%s", name, device, scheme))
		}
	}
	p.resize(1280, 800)
}

// picturePath is where a picture is written; "" when none is wanted.
func picturePath(name string) string {
	dir := os.Getenv("SNUG_SCREENSHOTS")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name+".png")
}

// accessible is the page as screen readers have it: "role name" of every node that has a name.
func (p *page) accessible() []string {
	p.t.Helper()
	var found []string
	p.call("read the accessibility tree", func(ctx context.Context) error {
		tree, err := chromedp.Call(ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
		for _, node := range tree.Nodes {
			if node.Ignored || node.Role == nil || node.Name == nil {
				continue
			}
			var role, name string
			if json.Unmarshal(node.Role.Value, &role) == nil && json.Unmarshal(node.Name.Value, &name) == nil && name != "" {
				found = append(found, role+" "+name)
			}
		}
		return err
	})
	return found
}
