package peers

import (
	"context"
	"sync/atomic"
)

// NewBroadcast is the server that keeps nothing: what it costs to bring a message to many.
func NewBroadcast() *Server {
	var last atomic.Int64
	return newServer(func(_ context.Context, m *message) error {
		m.Seq = last.Add(1)
		return nil
	})
}
