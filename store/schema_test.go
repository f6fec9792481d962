package store

import (
	"testing"

	"snug/migrations"
	"snug/store/postgres/postgrestest"
)

func TestSchemaVersion(t *testing.T) {
	url := postgrestest.Database(t)
	s := open(t, url)
	check := func(want int64) {
		t.Helper()
		if got, err := s.SchemaVersion(t.Context()); err != nil || got != want {
			t.Errorf("version %d, %v; want %d", got, err, want)
		}
	}
	check(0)
	migrate(t, url)
	check(migrations.Latest())
}
