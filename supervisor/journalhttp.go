package supervisor

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// LogsPath is where the control socket serves the journal.
const LogsPath = "/v1/logs"

// defaultLogLines are shown if nobody says how many.
const defaultLogLines = 100

// followBatch bounds how many lines a follower holds on to while it writes them.
const followBatch = 256

// ServeHTTP answers GET /v1/logs with the last lines in the order in which they came, each a JSON object of its own line
// with time, level, service, msg and the line's attributes:
//
//	service=NAME  only that service's
//	n=N           the last N, 100 if it is not given
//	follow=1      goes on with those that come, until the client leaves or the supervisor ends
//
// A follower that is too slow misses lines, and is told how many by a line of the supervisor's.
func (j *Journal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query, status, err := j.parseQuery(r.URL.Query())
	if err != nil {
		refuse(w, status, err)
		return
	}
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	reader := j.reader(query.service, query.last)
	if !query.follow {
		_ = writeBatch(w, reader.read(query.last)) // the client is gone if this fails
		return
	}
	flusher := http.NewResponseController(w)
	for {
		batch := reader.read(followBatch)
		if err := writeBatch(w, batch); err != nil {
			return
		}
		if len(batch.lines) > 0 || batch.missed > 0 {
			continue
		}
		if err := flusher.Flush(); err != nil || batch.changed == nil {
			return
		}
		select {
		case <-batch.changed:
		case <-r.Context().Done():
			return
		}
	}
}

func writeBatch(w io.Writer, b batch) error {
	if b.missed > 0 {
		missed := fmt.Sprintf(`{"time":%s,"level":"WARN","service":%q,"msg":"lines missed, as they came faster than they were read","lines":%d}`+"\n",
			encodeString(time.Now().UTC().Format(time.RFC3339Nano)), ownName, b.missed)
		if _, err := io.WriteString(w, missed); err != nil {
			return err
		}
	}
	for _, line := range b.lines {
		if _, err := io.WriteString(w, line); err != nil {
			return err
		}
	}
	return nil
}

type logQuery struct {
	service string
	last    int
	follow  bool
}

func (j *Journal) parseQuery(values url.Values) (query logQuery, status int, err error) {
	query = logQuery{service: values.Get("service"), last: defaultLogLines}
	if query.service != "" && !slices.Contains(j.names, query.service) {
		return query, http.StatusNotFound, fmt.Errorf("there is no service %q: choose one of %s", query.service, strings.Join(j.names, ", "))
	}
	if n := values.Get("n"); n != "" {
		if query.last, err = strconv.Atoi(n); err != nil || query.last < 0 {
			return query, http.StatusBadRequest, fmt.Errorf("n=%q: must be a number of lines, 0 or more", n)
		}
	}
	if follow := values.Get("follow"); follow != "" {
		if query.follow, err = strconv.ParseBool(follow); err != nil {
			return query, http.StatusBadRequest, fmt.Errorf("follow=%q: must be 1 or 0", follow)
		}
	}
	return query, http.StatusOK, nil
}

func encodeString(text string) []byte {
	encoded, _ := json.Marshal(text) // a string can always be encoded
	return encoded
}

// DecodeLogLine reads a line of the answer to GET /v1/logs.
func DecodeLogLine(text string) (service string, line Line, err error) {
	line, ok := parseJSONLine(text)
	if !ok {
		return "", Line{}, fmt.Errorf("not a line of the log: %q", text)
	}
	line.Attrs = slices.DeleteFunc(line.Attrs, func(attr slog.Attr) bool {
		if attr.Key == serviceKey+"_" && service == "" {
			service = attr.Value.String()
			return true
		}
		return false
	})
	return service, line, nil
}
