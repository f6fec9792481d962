package main

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"snug/supervisor"
)

// member is somebody who is logged in and posts to a channel.
type member struct {
	r       *running
	token   string
	channel string
	acked   []acked
}

type acked struct {
	ClientID string `json:"client_id"`
	Seq      int64  `json:"seq"`
}

func (r *running) setUp() *member {
	r.t.Helper()
	m := &member{r: r}
	var login struct {
		Token string `json:"token"`
	}
	err := r.call("POST", "/api/setup", "", map[string]string{
		"workspace": "The Den", "username": "ada", "display_name": "Ada", "password": "a long password",
	}, &login)
	if err != nil {
		r.t.Fatal(err)
	}
	m.token = login.Token
	var channels struct {
		Channels []struct {
			ID string `json:"id"`
		} `json:"channels"`
	}
	if err := r.call("GET", "/api/channels", m.token, nil, &channels); err != nil {
		r.t.Fatal(err)
	}
	m.channel = channels.Channels[0].ID
	return m
}

// post sends one message as often as it takes to be acknowledged.
func (m *member) post(text string) {
	id := uuid.Must(uuid.NewV7()).String()
	m.r.within(30*time.Second, func() error {
		var message acked
		err := m.r.call("POST", "/api/channels/"+m.channel+"/messages", m.token,
			map[string]string{"client_id": id, "body": text}, &message)
		if err == nil {
			m.acked = append(m.acked, message)
		}
		return err
	})
}

// checkStored wants every acknowledged message stored once, under its number, and no number missing.
func (m *member) checkStored() {
	m.r.t.Helper()
	var stored []acked
	for after, more := int64(0), true; more; {
		var page struct {
			Messages []acked `json:"messages"`
			HasMore  bool    `json:"has_more"`
		}
		path := fmt.Sprintf("/api/channels/%s/messages?limit=200&after=%d", m.channel, after)
		if err := m.r.call("GET", path, m.token, nil, &page); err != nil {
			m.r.t.Fatal(err)
		}
		stored = append(stored, page.Messages...)
		more = page.HasMore
		after = stored[len(stored)-1].Seq
	}
	for i, message := range stored {
		if message.Seq != int64(i+1) {
			m.r.t.Fatalf("message %d has seq %d", i+1, message.Seq)
		}
	}
	if diff := cmp.Diff(m.acked, stored); diff != "" {
		m.r.t.Errorf("acknowledged (-) is not what is stored (+):\n%s", diff)
	}
}

func TestApplianceRunsStopsAndRunsAgain(t *testing.T) {
	t.Parallel()
	data := dataIn(t)
	r := start(t, data)
	r.healthy()
	health, err := r.health()
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]supervisor.State{}
	for _, service := range health.Services {
		states[service.Name] = service.State
	}
	want := map[string]supervisor.State{"postgres-init": "done", "postgres": "ready", "cache": "ready", "migrate": "done", "chat": "ready"}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Error(diff)
	}
	for service, want := range map[string]string{"chat": "snug-chat\n", "cache": "snug-cache\n", "postgres": "postgres\n"} {
		if comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", r.pid(service))); err != nil || string(comm) != want {
			t.Errorf("%s is shown as %q, %v", service, comm, err)
		}
	}
	m := r.setUp()
	m.post("kept")
	r.stop()
	checkStopOrder(t, r.log.String())

	r = start(t, data)
	r.healthy()
	m.r = r
	m.checkStored()
	r.stop()
}

// checkStopOrder reads from the log that chat stopped before PostgreSQL, and that this one stopped cleanly.
func checkStopOrder(t *testing.T, log string) {
	t.Helper()
	_, log, _ = strings.Cut(log, "INF stopping")
	last := -1
	for _, line := range []string{"stopped service=chat", "database system is shut down", "stopped service=postgres", "snug stopped"} {
		at := strings.Index(log, line)
		if at <= last {
			t.Errorf("%q is missing or too early in the log of the stop:\n%s", line, log)
		}
		last = at
	}
}

// TestKillAnyChildWhileAClientPosts kills each process in turn. Meanwhile every connection is accepted, the health
// is told within a second, and in the end every acknowledged message is there once and in order.
func TestKillAnyChildWhileAClientPosts(t *testing.T) {
	r := start(t, dataIn(t))
	r.healthy()
	m := r.setUp()

	done := make(chan struct{})
	var watchers sync.WaitGroup
	watchers.Go(func() { r.watchPort(done) })
	watchers.Go(func() { r.watchHealth(done) })
	for round := range 2 {
		for _, victim := range []string{"chat", "cache", "postgres", "backend"} {
			m.post(fmt.Sprintf("before %s %d", victim, round))
			old := r.victim(victim)
			if err := syscall.Kill(old, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			for i := range 20 {
				m.post(fmt.Sprintf("after %s %d %d", victim, round, i))
			}
			if victim == "backend" {
				continue
			}
			r.within(30*time.Second, func() error {
				if now := r.pid(victim); now == 0 || now == old {
					return fmt.Errorf("%s has pid %d", victim, now)
				}
				return nil
			})
		}
	}
	close(done)
	watchers.Wait()
	r.healthy()
	m.checkStored()
	r.stop()
}

// TestHealthIsToldWhateverHangs stops each process with SIGSTOP. The health is told within a second all the while, and
// the service that hangs is found and replaced.
func TestHealthIsToldWhateverHangs(t *testing.T) {
	r := start(t, dataIn(t))
	r.healthy()
	m := r.setUp()
	for _, victim := range []string{"chat", "cache", "postgres"} {
		old := r.pid(victim)
		if err := syscall.Kill(old, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		// Until all its threads stand still it may accept a connection, which nobody else can answer then.
		r.within(5*time.Second, func() error { return stoppedWhole(old) })
		var slowest time.Duration
		r.within(60*time.Second, func() error {
			begun := time.Now()
			health, err := r.health()
			slowest = max(slowest, time.Since(begun))
			if err != nil {
				return err
			}
			status, _ := supervisor.Snapshot{Services: health.Services}.Find(victim)
			if status.Restarts == 0 || health.Status != supervisor.ConditionHealthy {
				return errors.New(describeHealth(health))
			}
			return nil
		})
		t.Logf("%s: slowest health %s", victim, slowest)
		if slowest > time.Second {
			t.Errorf("%s hangs: the health took %s", victim, slowest)
		}
		m.post("after " + victim)
	}
	m.checkStored()
	r.stop()
}

func stoppedWhole(pid int) error {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	for _, thread := range threads {
		if stat, err := os.ReadFile(thread); err == nil && !strings.Contains(string(stat), ") T ") {
			return fmt.Errorf("a thread of %d still runs", pid)
		}
	}
	return nil
}

// victim is the process of a service, or one of PostgreSQL's own.
func (r *running) victim(name string) int {
	r.t.Helper()
	if name != "backend" {
		return r.pid(name)
	}
	postmaster := r.pid("postgres")
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", postmaster, postmaster))
	if err != nil || len(children) == 0 {
		r.t.Fatalf("children of the postmaster: %v", err)
	}
	fields := strings.Fields(string(children))
	pid, _ := strconv.Atoi(fields[len(fields)-1])
	return pid
}

// watchPort connects without pause; not one connection may be refused.
func (r *running) watchPort(done <-chan struct{}) {
	connects := 0
	for ; ; connects++ {
		select {
		case <-done:
			r.t.Logf("%d connects, none refused", connects)
			return
		default:
		}
		conn, err := net.DialTimeout("tcp", strings.TrimPrefix(r.url, "http://"), 5*time.Second)
		if err != nil {
			r.t.Errorf("a connection was refused: %v", err)
			return
		}
		_ = conn.Close()
		time.Sleep(time.Millisecond)
	}
}

// watchHealth wants an answer each time. One that was under way in a process that is killed may break off; it is
// asked again, as any client would.
func (r *running) watchHealth(done <-chan struct{}) {
	var slowest time.Duration
	for {
		select {
		case <-done:
			r.t.Logf("slowest health %s", slowest)
			return
		default:
		}
		begun := time.Now()
		_, err := r.health()
		if err != nil && !errors.Is(err, syscall.ECONNRESET) && !strings.HasSuffix(err.Error(), "EOF") {
			r.t.Errorf("health: %v", err)
		}
		slowest = max(slowest, time.Since(begun))
		time.Sleep(10 * time.Millisecond)
	}
}

func TestSecondSnugOnTheSameDataIsRefused(t *testing.T) {
	t.Parallel()
	r := start(t, dataIn(t))
	r.healthy()
	second := launch(t, r.data)
	<-second.ended
	want := fmt.Sprintf("in use by another Snug (pid %d): stop that one, or choose another folder", r.cmd.Process.Pid)
	if code := second.cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(second.log.String(), want) {
		t.Errorf("exit code %d, want 1; log %s, want %q in it", code, second.log, want)
	}
	r.healthy()
	r.stop()
}

func TestFolderOfOthersIsLeftAlone(t *testing.T) {
	data := dataIn(t)
	if err := os.MkdirAll(data, 0o755); err != nil {
		t.Fatal(err)
	}
	note := filepath.Join(data, "thesis.txt")
	if err := os.WriteFile(note, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, _ := os.Stat(note)
	r := launch(t, data)
	<-r.ended
	if code := r.cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(r.log.String(), "thesis.txt") {
		t.Errorf("exit code %d, log %s", code, r.log)
	}
	after, err := os.Stat(note)
	if err != nil || after.Sys().(*syscall.Stat_t).Uid != before.Sys().(*syscall.Stat_t).Uid || after.ModTime() != before.ModTime() {
		t.Errorf("the file was touched: %v", err)
	}
	if entries, _ := os.ReadDir(data); len(entries) != 1 {
		t.Errorf("something was put there: %v", entries)
	}
}

// TestClusterOfAnotherMajorIsLeftAlone: the port answers, the health says what is wrong, and no byte changes.
func TestClusterOfAnotherMajorIsLeftAlone(t *testing.T) {
	data := dataIn(t)
	cluster := filepath.Join(data, "postgres")
	if err := os.MkdirAll(cluster, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"PG_VERSION": "12\n", "base": "precious"} {
		if err := os.WriteFile(filepath.Join(cluster, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"postgres.initialising", guestFolder} { // what an earlier Snug may have left
		if err := os.MkdirAll(filepath.Join(data, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(data, lockName), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // so that the user is given nothing when it starts
		if err := giveTree(data, identity{65534, 65534}); err != nil {
			t.Fatal(err)
		}
	}
	before := contents(t, data)
	r := start(t, data)
	r.mustRefuse("postgres-init", "was made by PostgreSQL 12, but only this was found")
	r.stop()
	if diff := cmp.Diff(before, contents(t, data)); diff != "" {
		t.Errorf("the data (-before +after):\n%s", diff)
	}
}

// TestFirstStartKilledAnywhere kills the whole appliance at each stage of its first start; the next start must end
// whole. Every single file operation is gone through in store/postgres.
func TestFirstStartKilledAnywhere(t *testing.T) {
	t.Parallel()
	for _, stage := range []string{
		"snug.lock", "postgres.initialising", "secrets/*", "postgres.initialising/*/PG_VERSION",
		"postgres.initialising/*/postmaster.pid", "postgres", "postgres/postmaster.pid",
	} {
		t.Run(strings.NewReplacer("/", " ", "*", "any").Replace(stage), func(t *testing.T) {
			t.Parallel()
			data := dataIn(t)
			r := launch(t, data)
			r.within(30*time.Second, func() error {
				if found, _ := filepath.Glob(filepath.Join(data, stage)); len(found) == 0 {
					return fmt.Errorf("there is no %s", stage)
				}
				return nil
			})
			r.kill()
			r = start(t, data)
			r.healthy()
			m := r.setUp()
			m.post("whole")
			m.checkStored()
			r.stop()
		})
	}
}

func TestSupervisorKilled(t *testing.T) {
	data := dataIn(t)
	r := start(t, data)
	r.healthy()
	m := r.setUp()
	m.post("before")
	_ = r.cmd.Process.Kill()
	<-r.ended
	r.within(5*time.Second, func() error {
		if left := r.processes(); len(left) > 0 {
			return fmt.Errorf("processes %v are left", left)
		}
		return nil
	})
	m.r = start(t, data)
	m.r.healthy()
	m.checkStored()
	m.r.stop()
}

// TestWaitingPage is what the port answers while PostgreSQL cannot come up.
func TestWaitingPage(t *testing.T) {
	r := start(t, dataIn(t), "SNUG_POSTGRES_BIN=/does/not/exist")
	request, _ := http.NewRequest(http.MethodGet, r.url+"/", nil)
	request.Header.Set("Accept", "text/html")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusServiceUnavailable || response.Header.Get("Retry-After") == "" ||
		!strings.HasPrefix(response.Header.Get("Content-Type"), "text/html") {
		t.Errorf("status %d, header %v", response.StatusCode, response.Header)
	}
	err = r.call("GET", "/api/me", "", nil, nil)
	if err == nil || !strings.Contains(err.Error(), `503 {"error":{"code":"unavailable"`) {
		t.Errorf("a program is told %v", err)
	}
	r.stop()
}

func TestRunsAsAnotherUserThanRoot(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become another user")
	}
	data := dataIn(t)
	closed := filepath.Join(filepath.Dir(data), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil { // as root's home is
		t.Fatal(err)
	}
	data = filepath.Join(closed, "data")
	uid, gid := 4711, 4712
	if library, _ := filepath.Glob("/usr/lib/*/libnss_wrapper.so"); len(library) == 0 {
		t.Log("libnss-wrapper is not installed, so a user with a name is taken")
		uid, gid = 65534, 65534
	}
	r := start(t, data, fmt.Sprintf("PUID=%d", uid), fmt.Sprintf("PGID=%d", gid))
	r.healthy()
	for _, pid := range r.processes() {
		info, err := os.Stat(fmt.Sprintf("/proc/%d", pid))
		if err != nil {
			continue
		}
		if owner := info.Sys().(*syscall.Stat_t); int(owner.Uid) != uid || int(owner.Gid) != gid {
			t.Errorf("process %d runs as %d:%d", pid, owner.Uid, owner.Gid)
		}
	}
	if !slices.Contains(r.processes(), r.cmd.Process.Pid) {
		t.Error("the supervisor itself is not among them")
	}
	if out, code := r.snug("status"); code != exitDone {
		t.Errorf("root cannot ask it: %s", out)
	}
	r.stop()
	if info, err := os.Stat(closed); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the closed folder is now %v", info.Mode())
	}
	info, err := os.Stat(filepath.Join(data, "postgres", "PG_VERSION"))
	if err != nil || int(info.Sys().(*syscall.Stat_t).Uid) != uid {
		t.Errorf("the data does not belong to the user: %v", err)
	}
}
