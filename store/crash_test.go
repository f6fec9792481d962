package store

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"snug/store/postgres/postgrestest"
)

// After a crash restart every pooled connection is broken, and no reader notices.
func TestReadsAfterACrash(t *testing.T) {
	cluster := postgrestest.Cluster(t)
	migrate(t, cluster.URL())
	in := setUp(t, open(t, cluster.URL()), cluster.URL())
	for range 3 {
		var wg sync.WaitGroup
		for range 16 { // as many connections as the pool has
			wg.Go(func() {
				if _, _, err := in.Users(t.Context(), UsersPage{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		cluster.Kill(syscall.SIGKILL)
		cluster.Restart(t)
	}
	for range 16 {
		if _, _, err := in.Users(t.Context(), UsersPage{}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

func TestErrorsOfADatabaseThatIsAway(t *testing.T) {
	cluster := postgrestest.Cluster(t)
	migrate(t, cluster.URL())
	in := setUp(t, open(t, cluster.URL()), cluster.URL())
	check := func(when string, err error) {
		t.Helper()
		var e *Error
		if !errors.As(err, &e) || e.Code != Unavailable || e.RetryAfter <= 0 || e.Err == nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	check("canceled", in.Ping(canceled))
	late, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	check("out of time", in.Ping(late))

	cluster.Kill(syscall.SIGQUIT)
	<-cluster.Exited()
	check("ping of a dead server", in.Ping(t.Context()))
	_, err := in.Register(t.Context(), RegisterParams{InviteCode: "code", Username: "bob"})
	check("transaction on a dead server", err)
	_, err = in.CreateInvite(t.Context(), InviteParams{CreatedBy: in.owner.ID})
	check("write to a dead server", err)
	w := startWriter(t, WriterConfig{Store: in.Store, Timeout: 100 * time.Millisecond})
	_, err = w.Send(t.Context(), in.hello())
	check("send to a dead server", err)

	cluster.Restart(t)
	if _, err := w.Send(t.Context(), in.hello()); err != nil {
		t.Errorf("send afterwards: %v", err)
	}
	closed := open(t, cluster.URL())
	closed.Close()
	check("closed store", closed.Ping(t.Context()))
}

// The columns of a kept statement may change under it, as they do when another node migrates the database.
func TestReadsAfterASchemaChange(t *testing.T) {
	in := newInstance(t)
	in.say(t, in.owner, in.general, "hello")
	for range 10 {
		if _, _, err := in.Messages(t.Context(), in.general, Page{}); err != nil {
			t.Fatal(err)
		}
	}
	in.must(t, `ALTER TABLE messages ADD COLUMN more text, ALTER COLUMN body TYPE varchar`)
	for range 10 {
		if _, _, err := in.Messages(t.Context(), in.general, Page{}); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
	in.say(t, in.owner, in.general, "hello again")
}

func TestErrorCodes(t *testing.T) {
	for code, want := range map[string]Code{
		"57P01": Unavailable, "57P02": Unavailable, "57P03": Unavailable, "53300": Unavailable, "53100": Unavailable,
		"08006": Unavailable, "40001": Unavailable, "40P01": Unavailable, "25006": Unavailable, "58030": Unavailable,
		"23505": Internal, "42P01": Internal, "22021": Internal, "": Internal,
	} {
		if got := CodeOf(wrap("test", &pgconn.PgError{Code: code})); got != want {
			t.Errorf("SQLSTATE %q is %s, want %s", code, got, want)
		}
	}
	if got := CodeOf(errors.New("something else")); got != Internal {
		t.Errorf("another error is %s", got)
	}
	if err := wrap("test", nil); err != nil {
		t.Errorf("no error becomes %v", err)
	}
	mine := &Error{Code: Conflict}
	if got := wrap("test", mine); got != error(mine) {
		t.Errorf("an error of ours becomes %v", got)
	}
}
