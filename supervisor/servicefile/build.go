package servicefile

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"snug/supervisor"
)

// steadyAfter is when a service without a probe is ready.
const steadyAfter = time.Second

// builder makes a service of a file, and gathers what is wrong with it.
type builder struct {
	file
	config Config
	errs   []error
}

// wrong notes an error; one field may be looked at twice.
func (b *builder) wrong(field, format string, args ...any) {
	err := b.doc.wrong(field, format, args...)
	if !slices.ContainsFunc(b.errs, func(other error) bool { return other.Error() == err.Error() }) {
		b.errs = append(b.errs, err)
	}
}

func (b *builder) service() supervisor.Service {
	s := supervisor.Service{
		Name:     b.Name,
		After:    b.After,
		Required: b.Required,
		OOMScore: b.config.OOMScore,
		Restart:  b.restart(),
		Stop:     b.stop(),
	}
	switch b.Kind {
	case "", "daemon":
	case "task":
		s.Kind = supervisor.Task
	default:
		b.wrong("kind", "must be daemon or task")
	}
	if b.OOMScore != nil {
		if s.OOMScore = *b.OOMScore; s.OOMScore < 0 || s.OOMScore > 1000 {
			b.wrong("oom_score", mustBeScore)
		}
	}
	b.checkCommand("command", b.Command)
	dir, environ := b.dir(), b.environ()
	s.Command = func() (supervisor.Command, error) { return command(b.Command, dir, environ) }
	b.probes(&s, dir, environ)
	return s
}

func (b *builder) checkCommand(field string, argv []string) {
	if len(argv) == 0 || argv[0] == "" {
		b.wrong(field, "names no program: "+mustBeList)
	}
	for _, argument := range argv {
		if strings.Contains(argument, "\x00") {
			b.wrong(field, "must not have a NUL in it")
		}
	}
}

// dir is where the service runs: beside its file, unless something else is said.
func (b *builder) dir() string {
	if filepath.IsAbs(b.Dir) {
		return filepath.Clean(b.Dir)
	}
	return filepath.Join(b.config.Dir, b.Dir)
}

// environ is what every such service gets, and what its file adds to or sets in that.
func (b *builder) environ() []string {
	for name, value := range b.Env {
		if name == "" || strings.ContainsAny(name, "=\x00") || strings.Contains(value, "\x00") {
			b.wrong("env."+name, "must be a name without = and a text, neither with a NUL in it")
		}
	}
	environ := slices.DeleteFunc(slices.Clone(b.config.Env), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		_, set := b.Env[name]
		return set
	})
	for name, value := range b.Env {
		environ = append(environ, name+"="+value)
	}
	slices.Sort(environ)
	return environ
}

// command finds the program anew at each start, as a shell would with that environment.
func command(argv []string, dir string, environ []string) (supervisor.Command, error) {
	path, err := findProgram(argv[0], dir, environ)
	if err != nil {
		return supervisor.Command{}, err
	}
	return supervisor.Command{Path: path, Args: argv, Env: environ, Dir: dir}, nil
}

func findProgram(name, dir string, environ []string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return exec.LookPath(name)
	}
	search := ""
	for _, variable := range environ {
		if value, found := strings.CutPrefix(variable, "PATH="); found {
			search = value
		}
	}
	for _, folder := range filepath.SplitList(search) {
		if path, err := exec.LookPath(filepath.Join(folder, name)); err == nil && filepath.IsAbs(path) {
			return path, nil
		}
	}
	return "", fmt.Errorf("find program %q in %s: %w", name, search, os.ErrNotExist)
}

func (b *builder) probes(s *supervisor.Service, dir string, environ []string) {
	if s.Kind == supervisor.Task {
		for field, probe := range map[string]*probe{"ready": b.Ready, "live": b.Live} {
			if probe != nil {
				b.wrong(field, "a task is done when it ends, and is not asked")
			}
		}
		return
	}
	s.Ready = supervisor.SteadyCheck(steadyAfter)
	s.Probing.ReadyInterval = 50 * time.Millisecond
	if b.Ready != nil {
		if b.Ready.Threshold != nil {
			b.wrong("ready.threshold", "is for live: one good answer makes a service ready")
		}
		s.Ready = b.check("ready", b.Ready, dir, environ)
		s.Probing.ReadyInterval = b.duration("ready.interval", b.Ready.Interval)
		s.Probing.StartTimeout = b.duration("ready.start_timeout", b.Ready.StartTimeout)
		s.Probing.Timeout = b.duration("ready.timeout", b.Ready.Timeout)
	}
	if b.Live == nil {
		return
	}
	if b.Live.StartTimeout != "" {
		b.wrong("live.start_timeout", "is for ready: a service is asked whether it lives once it was ready")
	}
	s.Live = b.check("live", b.Live, dir, environ)
	s.Probing.LiveInterval = b.duration("live.interval", b.Live.Interval)
	s.Probing.FailureThreshold = b.count("live.threshold", b.Live.Threshold)
	s.Probing.Timeout = max(s.Probing.Timeout, b.duration("live.timeout", b.Live.Timeout))
}

// check makes the one check that a probe names.
func (b *builder) check(field string, p *probe, dir string, environ []string) supervisor.Check {
	var checks []supervisor.Check
	if p.HTTP != "" {
		if u, err := url.Parse(p.HTTP); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			b.wrong(field+".http", "must be a URL, such as http://127.0.0.1:9000/health")
		}
		checks = append(checks, supervisor.URLCheck(p.HTTP))
	}
	if p.TCP != "" {
		if host, port, err := net.SplitHostPort(p.TCP); err != nil || host == "" || port == "" {
			b.wrong(field+".tcp", "must be an address, such as 127.0.0.1:9000")
		}
		checks = append(checks, supervisor.TCPCheck(p.TCP))
	}
	if p.Unix != "" {
		path := p.Unix
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		checks = append(checks, supervisor.UnixCheck(path))
	}
	if p.Command != nil {
		b.checkCommand(field+".command", p.Command)
		checks = append(checks, commandCheck(p.Command, dir, environ))
	}
	if len(checks) != 1 {
		b.wrong(field, "must have one of http, tcp, unix and command")
		return nil
	}
	return within(b.duration(field+".timeout", p.Timeout), checks[0])
}

func commandCheck(argv []string, dir string, environ []string) supervisor.Check {
	return func(ctx context.Context, p supervisor.Process) error {
		c, err := command(argv, dir, environ)
		if err != nil {
			return err
		}
		return supervisor.CommandCheck(c)(ctx, p)
	}
}

func (b *builder) restart() supervisor.Restart {
	r := b.Restart
	restart := supervisor.Restart{
		Policy:       supervisor.Policy(r.Policy),
		Min:          b.duration("restart.min", r.Min),
		Max:          b.duration("restart.max", r.Max),
		HealthyAfter: b.duration("restart.healthy_after", r.HealthyAfter),
		Burst:        b.count("restart.burst", r.Burst),
		RetryFailed:  b.duration("restart.retry_failed", r.RetryFailed),
	}
	if !restart.Policy.Valid() {
		b.wrong("restart.policy", "must be always, on-failure or never")
	}
	if restart.Max > 0 && restart.Min > restart.Max {
		b.wrong("restart.min", "must not be longer than restart.max")
	}
	return restart
}

func (b *builder) stop() []supervisor.StopStep {
	var steps []supervisor.StopStep
	for _, step := range b.Stop {
		sig := unix.SignalNum(step.Signal)
		if sig == 0 || sig == syscall.SIGSTOP || sig == syscall.SIGCONT {
			b.wrong("stop.signal", "must be a signal that ends a program, such as SIGTERM or SIGINT")
		}
		grace := b.duration("stop.grace", step.Grace)
		if step.Grace == "" {
			b.wrong("stop.grace", mustBeDuration)
		}
		steps = append(steps, supervisor.StopStep{Signal: sig, Grace: grace})
	}
	return steps
}

// duration is zero, which stands for the supervisor's default, for what was not written.
func (b *builder) duration(field, text string) time.Duration {
	if text == "" {
		return 0
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		b.wrong(field, mustBeDuration)
	}
	return d
}

func (b *builder) count(field string, n *int) int {
	if n == nil {
		return 0
	}
	if *n < 1 || *n > 1000 {
		b.wrong(field, mustBeCount)
	}
	return *n
}

// within bounds a check by its own time limit, which may be shorter than that of the other probe.
func within(limit time.Duration, check supervisor.Check) supervisor.Check {
	if limit == 0 {
		return check
	}
	return func(ctx context.Context, p supervisor.Process) error {
		bounded, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		err := check(bounded, p)
		if err != nil && errors.Is(bounded.Err(), context.DeadlineExceeded) && ctx.Err() == nil {
			return fmt.Errorf("no answer within %s", limit)
		}
		return err
	}
}
