//go:build image

package imagetest

import "testing"

func TestOneCommandIsEnough(t *testing.T) {
	c := start(t, nil)
	c.becomes("healthy")
	c.snug("healthcheck")
	c.stop()
}
