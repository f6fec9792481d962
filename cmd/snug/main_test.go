package main

import (
	"os"
	"testing"
)

// mainVariable makes the test binary be snug, so that tests run the real program, race detector included.
const mainVariable = "TEST_AS_SNUG"

func TestMain(m *testing.M) {
	if os.Getenv(mainVariable) != "" {
		main()
	}
	os.Exit(m.Run())
}
