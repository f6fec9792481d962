// Package postgrestest gives tests a real PostgreSQL that is thrown away afterwards: a separate database per test
// on one cluster that the tests of a package share, or a cluster of the test's own. Everything is on unix sockets.
package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
)

// A test binary has one shared cluster: TestMain and the tests have no other way to hand it to each other.
var shared struct {
	inMain   atomic.Bool
	template onceResult[string]  // the folder of a cluster that was initialised once and is copied for each server
	server   onceResult[*Server] // the one behind Database
	counter  atomic.Int64
}

// onceResult keeps the result of a function that is called at most once.
type onceResult[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (r *onceResult[T]) get(make func() (T, error)) (T, error) {
	r.once.Do(func() { r.value, r.err = make() })
	return r.value, r.err
}

// Main runs the tests of a package and then stops what Database and Cluster started. When all tests have passed, what is
// left to check must hold, too. A package's TestMain is
//
//	func TestMain(m *testing.M) { postgrestest.Main(m) }
func Main(m *testing.M, atLast ...func() error) {
	shared.inMain.Store(true)
	code := m.Run()
	for _, check := range atLast {
		if code != 0 {
			break
		}
		if err := check(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := stopShared(); err != nil {
		fmt.Fprintf(os.Stderr, "postgrestest: %v\n", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

func stopShared() error {
	none := errors.New("the tests are over")
	server, serverErr := shared.server.get(func() (*Server, error) { return nil, none })
	template, templateErr := shared.template.get(func() (string, error) { return "", none })
	var errs []error
	if serverErr == nil {
		errs = append(errs, server.remove())
	}
	if templateErr == nil {
		errs = append(errs, os.RemoveAll(template))
	}
	return errors.Join(errs...)
}

// requireMain fails a test whose package would leave things behind.
func requireMain(t testing.TB) {
	t.Helper()
	if !shared.inMain.Load() {
		t.Fatal("package postgrestest needs a TestMain that calls postgrestest.Main, which cleans up at the end")
	}
}

// Database returns the URL of a fresh, empty database on the shared cluster, as the unprivileged role "snug" that
// owns it. The database is dropped after the test, whoever is still connected.
func Database(t testing.TB) string {
	t.Helper()
	requireMain(t)
	server, err := shared.server.get(newServer)
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test%d", shared.counter.Add(1))
	if err := server.createDatabase(context.Background(), name); err != nil {
		t.Fatalf("%v\n%s", err, server.Log())
	}
	t.Cleanup(func() {
		if err := server.exec(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return server.url("snug", name)
}
