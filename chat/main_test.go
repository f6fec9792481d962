package chat_test

import (
	"testing"

	"snug/store/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m, wholeDescriptionSeen) }
