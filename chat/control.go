package chat

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
)

// control is a client of the supervisor's HTTP on a unix socket. A nil control is a server without a supervisor.
type control struct{ http http.Client }

// errNoSupervisor says that this server runs on its own.
var errNoSupervisor = errors.New("no control socket is configured")

func newControl(socket string) *control {
	if socket == "" {
		return nil
	}
	var dialer net.Dialer
	return &control{http: http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
		DisableKeepAlives: true, // a supervisor that hangs is noticed, and no goroutine outlives the question
	}}}
}

// controlAnswer is the supervisor's whole response.
type controlAnswer struct {
	status int
	body   []byte
}

// call asks the supervisor. An error means that there was no answer.
func (c *control) call(ctx context.Context, method, path string) (controlAnswer, error) {
	if c == nil {
		return controlAnswer{}, errNoSupervisor
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://supervisor"+path, nil)
	if err != nil {
		return controlAnswer{}, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return controlAnswer{}, err
	}
	defer response.Body.Close()
	const most = 8 << 20
	body, err := io.ReadAll(io.LimitReader(response.Body, most))
	return controlAnswer{status: response.StatusCode, body: body}, err
}
