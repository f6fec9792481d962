//go:build image

package imagetest

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestComposeScale brings two chat nodes up behind nginx, and takes them through what happens to a server in its life.
func TestComposeScale(t *testing.T) {
	haveImages(t, "postgres:17", "valkey/valkey:8", "nginx:1")
	eachCompose(t, func(t *testing.T, program []string) {
		override := fmt.Sprintf("services:\n  snug-1:\n    image: %[1]s\n  snug-2:\n    image: %[1]s\n", image())
		p := openProject(t, program, "compose.scale.yaml", override)
		p.up()
		who := foundWorkspace(t, p.url())
		for _, step := range []struct {
			name string
			do   func(*testing.T, *project, *talker)
		}{
			{"migrations ran once", migratedOnce},
			{"only nginx can be reached", onlyNginxPublished},
			{"only named volumes", onlyNamedVolumes},
			{"nodes hear each other", nodesHearEachOther},
			{"a node is killed", nodeKilled},
			{"PostgreSQL restarts", postgresRestarts},
			{"Valkey restarts", valkeyRestarts},
			{"down and up again", downAndUp},
			{"the client's address", clientAddress},
			{"no password is told", noPasswordTold},
		} {
			t.Run(step.name, func(t *testing.T) {
				inner := *p
				inner.t = t
				who.t = t
				step.do(t, &inner, who)
			})
		}
	})
}

// sql asks the project's database.
func (p *project) sql(query string) string {
	p.t.Helper()
	return docker(p.t, "exec", p.container("postgres"), "psql", "--username=snug", "--tuples-only", "--no-align", "--command", query)
}

// migratedOnce looks at what two nodes that began at once have left: goose notes each migration when it has run.
func migratedOnce(t *testing.T, p *project, _ *talker) {
	const query = "SELECT count(*), count(DISTINCT version_id) FROM goose_db_version"
	counts := strings.Split(p.sql(query), "|")
	if len(counts) != 2 || counts[0] != counts[1] || counts[0] == "0" {
		t.Errorf("migrations noted, and different ones: %v", counts)
	}
	for _, node := range []string{"snug-1", "snug-2"} {
		log := p.compose("logs", "--no-color", node)
		if strings.Count(log, "done service=migrate") != 1 || strings.Contains(log, "failed") {
			t.Errorf("log of %s:\n%s", node, log)
		}
	}
}

func onlyNginxPublished(t *testing.T, p *project, _ *talker) {
	for _, id := range p.containers() {
		ports := docker(t, "inspect", "--format", "{{.Name}}{{range .NetworkSettings.Ports}}{{range .}} {{.HostPort}}{{end}}{{end}}", id)
		if name, published, _ := strings.Cut(ports, " "); (published != "") != strings.Contains(name, "nginx") {
			t.Errorf("%s publishes %q", name, published)
		}
	}
}

// onlyNamedVolumes wants no volume that `down` would leave behind without a name.
func onlyNamedVolumes(t *testing.T, p *project, _ *talker) {
	for _, id := range p.containers() {
		mounts := docker(t, "inspect", "--format", `{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{.Destination}}{{println}}{{end}}{{end}}`, id)
		for mount := range strings.Lines(mounts) {
			if !strings.HasPrefix(mount, p.name+"_") {
				t.Errorf("a volume without a name: %s", mount)
			}
		}
	}
}

// nodesHearEachOther says something at each node, and hears it at the other and through nginx.
func nodesHearEachOther(t *testing.T, p *project, who *talker) {
	ears := []*ear{who.listen(p.direct("snug-1")), who.listen(p.direct("snug-2")), who.listen(p.url())}
	for _, node := range []string{"snug-1", "snug-2"} {
		who.sayMany(p.direct(node), 50)
		for _, e := range ears {
			e.hears(t, int64(who.said()))
		}
	}
	for i, e := range ears {
		if n := e.connections(); n != 1 {
			t.Errorf("ear %d needed %d sockets", i, n)
		}
	}
	// Without Valkey between them they would still hear of it, but only by looking into the database now and then.
	var delays []time.Duration
	for range 11 {
		who.sayMany(p.direct("snug-1"), 1)
		said := time.Now()
		ears[1].hears(t, int64(who.said()))
		delays = append(delays, time.Since(said))
	}
	slices.Sort(delays)
	t.Logf("heard at the other node after the acknowledgement: %v in the middle, %v at most", delays[5].Round(time.Millisecond), delays[10].Round(time.Millisecond))
	if delays[5] > 300*time.Millisecond {
		t.Errorf("the nodes do not tell each other: delays of %v", delays)
	}
}

// nodeKilled kills a node as nothing but kill -9 does, while people talk through nginx and at the other node.
func nodeKilled(t *testing.T, p *project, who *talker) {
	other, front, lost := who.listen(p.direct("snug-2")), who.listen(p.url()), who.listen(p.direct("snug-1"))
	stop := who.keepTalking(p.url())
	who.goesOn(30 * time.Second)
	docker(t, "kill", "--signal", "KILL", p.container("snug-1"))
	who.goesOn(30 * time.Second)
	docker(t, "start", p.container("snug-1"))
	p.up()
	who.goesOn(30 * time.Second)
	t.Logf("%d messages; longest time between two acknowledgements through nginx: %v", who.said(), stop().Round(time.Millisecond))
	for _, e := range []*ear{other, front} {
		e.hears(t, int64(who.said()))
	}
	if n := other.connections(); n != 1 {
		t.Errorf("whoever was at the other node needed %d sockets", n)
	}
	lost.stop() // its node may have another address now
	who.listen(p.direct("snug-1")).hears(t, int64(who.said()))
	who.checkLog(p.url())
}

func postgresRestarts(t *testing.T, p *project, who *talker) {
	survivesRestart(t, p, who, "postgres")
}

func valkeyRestarts(t *testing.T, p *project, who *talker) {
	survivesRestart(t, p, who, "valkey")
}

// survivesRestart restarts a service while people talk and listen.
func survivesRestart(t *testing.T, p *project, who *talker, service string) {
	e := who.listen(p.direct("snug-2"))
	stop := who.keepTalking(p.url())
	who.goesOn(30 * time.Second)
	p.compose("restart", service)
	who.goesOn(time.Minute)
	t.Logf("%d messages; longest time between two acknowledgements: %v", who.said(), stop().Round(time.Millisecond))
	p.up()
	who.sayMany(p.direct("snug-1"), 1)
	e.hears(t, int64(who.said()))
	who.checkLog(p.url())
}

func downAndUp(t *testing.T, p *project, who *talker) {
	p.compose("down")
	p.up()
	if err := who.enter(p.url(), "/api/auth/login"); err != nil {
		t.Fatal(err)
	}
	who.checkLog(p.url())
	who.sayMany(p.url(), 10)
}

// clientAddress logs in with a forged header: what counts is where nginx sees the client.
func clientAddress(t *testing.T, p *project, who *talker) {
	var login struct{ Token string }
	body := map[string]string{"username": "ada", "password": talkerPassword}
	if err := who.ask("POST", p.url()+"/api/auth/login", body, &login, "X-Forwarded-For", "203.0.113.9"); err != nil {
		t.Fatal(err)
	}
	address := p.sql("SELECT ip FROM sessions ORDER BY created_at DESC LIMIT 1")
	gateway := docker(t, "network", "inspect", "--format", "{{range .IPAM.Config}}{{.Gateway}}{{end}}", p.name+"_front")
	if address != gateway {
		t.Errorf("the session is from %q; this machine is %s there", address, gateway)
	}
}

// noPasswordTold looks for the passwords wherever someone sees them who may not open the volumes.
func noPasswordTold(t *testing.T, p *project, _ *talker) {
	passwords := map[string]string{}
	for _, service := range []string{"postgres", "valkey"} {
		passwords[service] = docker(t, "exec", p.container(service), "cat", "/secrets/password")
		if len(passwords[service]) != 48 {
			t.Errorf("the password of %s has %d letters", service, len(passwords[service]))
		}
	}
	places := map[string]string{"config": p.compose("config")}
	for _, id := range p.containers() {
		places["docker inspect"] += docker(t, "inspect", id)
		log, err := exec.CommandContext(t.Context(), "docker", "logs", id).CombinedOutput()
		if err != nil {
			t.Fatal(err)
		}
		places["docker logs"] += string(log)
		if processes, err := try(t.Context(), "top", id, "-eo", "pid,args"); err == nil {
			places["processes"] += processes
		}
	}
	for place, text := range places {
		for service, password := range passwords {
			if strings.Contains(text, password) {
				t.Errorf("%s tells the password of %s", place, service)
			}
		}
	}
	if !strings.Contains(places["processes"], "valkey-server") || !strings.Contains(places["docker logs"], "snug starts") {
		t.Error("the processes or the logs could not be looked at")
	}
}
