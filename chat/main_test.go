package chat_test

import (
	"os"
	"testing"

	"snug/store/postgres/postgrestest"
)

// The test binary is also a node of the chat, and the embedded cache, in processes of their own.
func TestMain(m *testing.M) {
	if config := os.Getenv(nodeVariable); config != "" {
		os.Exit(serveNode(config))
	}
	if socket := os.Getenv(cacheVariable); socket != "" {
		os.Exit(serveCache(socket))
	}
	postgrestest.Main(m, wholeDescriptionSeen)
}
