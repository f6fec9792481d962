package store

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"snug/migrations"
	"snug/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// migrated returns the URL of a database of the test's own, with the schema in it.
func migrated(t testing.TB) string {
	t.Helper()
	url := postgrestest.Database(t)
	migrate(t, url)
	return url
}

func migrate(t testing.TB, url string) {
	t.Helper()
	if err := migrations.Up(t.Context(), url, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
}

// open returns a store on the database.
func open(t testing.TB, url string, tracer ...pgx.QueryTracer) *Store {
	t.Helper()
	cfg := Config{URL: url}
	if len(tracer) > 0 {
		cfg.Tracer = tracer[0]
	}
	s, err := Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// instance is a store that is set up: an owner, alone in #general.
type instance struct {
	*Store
	url     string
	owner   User
	general uuid.UUID
}

func newInstance(t testing.TB) instance {
	t.Helper()
	url := migrated(t)
	return setUp(t, open(t, url), url)
}

func setUp(t testing.TB, s *Store, url string) instance {
	t.Helper()
	owner, err := s.Setup(t.Context(), SetupParams{Workspace: "Home", Username: "ada", DisplayName: "Ada", PasswordHash: "hash"})
	if err != nil {
		t.Fatal(err)
	}
	ids, err := s.ChannelIDs(t.Context(), owner.ID)
	if err != nil || len(ids) != 1 {
		t.Fatalf("channels of the owner: %v, %v", ids, err)
	}
	return instance{Store: s, url: url, owner: owner, general: ids[0]}
}

// register makes a user by an invite of the owner.
func (in instance) register(t testing.TB, username string) User {
	t.Helper()
	invite, err := in.CreateInvite(t.Context(), InviteParams{CreatedBy: in.owner.ID})
	if err != nil {
		t.Fatal(err)
	}
	user, err := in.Register(t.Context(), RegisterParams{InviteCode: invite.Code, Username: username, PasswordHash: "hash"})
	if err != nil {
		t.Fatal(err)
	}
	return user
}

// channel makes a channel with these members.
func (in instance) channel(t testing.TB, name string, members ...User) uuid.UUID {
	t.Helper()
	id := newID()
	in.must(t, `INSERT INTO channels (id, kind, name) VALUES ($1, 'public', $2)`, id, name)
	for _, m := range members {
		in.must(t, `INSERT INTO channel_members (channel_id, user_id) VALUES ($1, $2)`, id, m.ID)
	}
	return id
}

// must runs a statement that the store has no call for.
func (in instance) must(t testing.TB, sql string, args ...any) {
	t.Helper()
	if _, err := in.pool.Exec(t.Context(), sql, args...); err != nil {
		t.Fatal(err)
	}
}

// startWriter runs a writer until the test ends.
func startWriter(t testing.TB, cfg WriterConfig) *Writer {
	t.Helper()
	w := NewWriter(cfg)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("writer: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("the writer does not end")
		}
	})
	return w
}

// eventually waits until check returns nil.
func eventually(t failer, check func() error) {
	t.Helper()
	deadline := time.Now().Add(15 * time.Second)
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still after 15 s: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
}

// allow permits anything.
func allow(User) error { return nil }
