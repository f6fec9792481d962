package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Client speaks to the [Control] of a running supervisor.
type Client struct {
	http http.Client
}

// NewClient makes a client of the control socket at a path. It connects at each call.
func NewClient(socket string) *Client {
	return &Client{http: http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialUnix(socket)}}}
}

// dialUnix is for HTTP over a unix socket: whatever the URL says, it goes there.
func dialUnix(socket string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
}

// Get reads one document.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	body, err := c.Stream(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	return json.NewDecoder(body).Decode(into)
}

// Stream reads what may go on without an end, one JSON document a line. The caller closes it.
func (c *Client) Stream(ctx context.Context, path string) (io.ReadCloser, error) {
	return c.call(ctx, http.MethodGet, path)
}

// Do has a command carried out, and returns when that is done. An error says why it was not.
func (c *Client) Do(ctx context.Context, action Action, service string) error {
	body, err := c.call(ctx, http.MethodPost, "/v1/services/"+url.PathEscape(service)+"/"+string(action))
	if err != nil {
		return err
	}
	return body.Close()
}

func (c *Client) call(ctx context.Context, method, path string) (io.ReadCloser, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://supervisor"+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, errors.Unwrap(err) // the outer error only repeats the made-up URL
	}
	// A health is told with 503 too, and is a document like any other.
	if response.StatusCode/100 == 2 || response.StatusCode == http.StatusServiceUnavailable && request.URL.Path == healthPath {
		return response.Body, nil
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	var refused Refusal
	if json.Unmarshal(bytes.TrimSpace(text), &refused) == nil && refused.Message != "" {
		return nil, errors.New(refused.Message)
	}
	return nil, fmt.Errorf("the supervisor answered %d: %s", response.StatusCode, strings.TrimSpace(string(text)))
}
