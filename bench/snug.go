package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/uuid"

	"snug/store"
	"snug/store/postgres"
)

// snug is the real program with all its services, on data in a temporary folder.
type snug struct {
	*process
	program, dir string
	databaseURL  string
	pids         map[string]int // of its services
}

// startSnug builds and runs the program, and returns when it is healthy. A program that is given is not built.
func startSnug(ctx context.Context, dir, program string) (_ *snug, err error) {
	s := &snug{program: program, dir: dir, pids: map[string]int{}}
	if s.program == "" {
		s.program = filepath.Join(dir, "snug")
		build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", s.program, "snug/cmd/snug")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build snug: %w: %s", err, out)
		}
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	cmd := s.command("serve")
	cmd.Env = append(cmd.Env, "SNUG_LISTEN="+address)
	if s.process, err = start(cmd); err != nil {
		return nil, err
	}
	s.address = address
	if err := s.awaitHealth(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	s.databaseURL, err = postgres.URL(postgres.Config{
		Dir: filepath.Join(s.data(), "postgres"), FetchedDir: filepath.Join(s.data(), "postgresql"),
		SocketDir: s.run(), SecretsDir: filepath.Join(s.data(), "secrets"),
	})
	if err == nil {
		err = s.readPids(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (s *snug) data() string { return filepath.Join(s.dir, "data") }
func (s *snug) run() string  { return filepath.Join(s.dir, "run") }

func (s *snug) command(args ...string) *exec.Cmd {
	cmd := exec.Command(s.program, args...)
	cmd.Env = append(os.Environ(), "SNUG_DATA="+s.data(), "SNUG_RUN="+s.run(), "SNUG_LOG_LEVEL=warn")
	return cmd
}

func freeAddress() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (s *snug) awaitHealth(ctx context.Context) error {
	for deadline := time.Now().Add(startLimit); ; time.Sleep(50 * time.Millisecond) {
		var health struct{ Status string }
		err := s.call(ctx, http.MethodGet, "/api/health", nil, &health)
		if err == nil && health.Status == "healthy" {
			return nil
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return fmt.Errorf("snug does not become healthy: %q: %w", health.Status, err)
		}
	}
}

// readPids asks the program which process each service is.
func (s *snug) readPids(ctx context.Context) error {
	cmd := s.command("status", "--json")
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ask snug for its services: %w", err)
	}
	var status struct {
		Services []struct {
			Name string
			Pid  int
		}
	}
	if err := json.Unmarshal(out, &status); err != nil {
		return fmt.Errorf("read the status of snug: %w", err)
	}
	for _, service := range status.Services {
		s.pids[service.Name] = service.Pid
	}
	if s.pids["chat"] == 0 || s.pids["postgres"] == 0 {
		return fmt.Errorf("snug does not say which processes are chat and postgres: %s", out)
	}
	return nil
}

func (s *snug) call(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+s.address+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s", method, path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(out)
}

// side sets the workspace up with so many members, and makes the appliance a side. Chat is what is compared; PostgreSQL and
// the cache are the rest.
func (s *snug) side(ctx context.Context, members int) (*side, error) {
	var owner struct{ User store.User }
	err := s.call(ctx, http.MethodPost, "/api/setup", map[string]string{
		"workspace": "Bench", "username": "owner", "display_name": "Owner", "password": uuid.NewString(),
	}, &owner)
	if err != nil {
		return nil, fmt.Errorf("set snug up: %w", err)
	}
	dialect, err := s.populate(ctx, owner.User.ID, members)
	if err != nil {
		return nil, fmt.Errorf("make %d members: %w", members, err)
	}
	return &side{
		name: "Snug", address: s.address, dialect: dialect,
		server: func() int { return s.pids["chat"] },
		rest:   func() []int { return append(familyOf(s.pids["postgres"]), s.pids["cache"]) },
		stop:   s.stop,
	}, nil
}

// populate brings members in and logs each in, at the database: over HTTP, most of the time would be spent on passwords.
func (s *snug) populate(ctx context.Context, owner uuid.UUID, members int) (d snugDialect, err error) {
	database, err := store.Open(ctx, store.Config{URL: s.databaseURL, MaxConns: 1})
	if err != nil {
		return d, err
	}
	defer database.Close()
	channels, err := database.Channels(ctx, owner)
	if err != nil {
		return d, err
	}
	d.channel = channels[0].ID
	invite, err := database.CreateInvite(ctx, store.InviteParams{CreatedBy: owner})
	if err != nil {
		return d, err
	}
	for n := range members {
		token := strings.Repeat("x", 32) + uuid.NewString()
		hash := sha256.Sum256([]byte(token))
		user, err := database.Register(ctx, store.RegisterParams{InviteCode: invite.Code, Username: fmt.Sprint("user", n), PasswordHash: "none"})
		if err != nil {
			return d, err
		}
		_, err = database.CreateSession(ctx, store.SessionParams{UserID: user.ID, TokenHash: hash[:], ExpiresAt: time.Now().Add(time.Hour)})
		if err != nil {
			return d, err
		}
		d.tokens = append(d.tokens, token)
	}
	return d, nil
}
