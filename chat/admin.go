package chat

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"snug/store"
)

// Administration of the appliance is the supervisor's; here it is asked on behalf of those who may.

// statusTimeout is how long the supervisor may take to tell how it is.
const statusTimeout = 2 * time.Second

type adminStatusOutput struct {
	Body json.RawMessage
}

// adminStatus relays the supervisor's own report on all services.
func (s *Server) adminStatus(ctx context.Context, _ *struct{}) (*adminStatusOutput, error) {
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	answer, err := s.control.call(ctx, http.MethodGet, "/v1/status")
	if err == nil && answer.status == http.StatusOK && !json.Valid(answer.body) {
		err = errors.New("the status is not JSON")
	}
	if err := s.supervisorProblem(answer, err); err != nil {
		return nil, err
	}
	return &adminStatusOutput{Body: answer.body}, nil
}

// A restart is waited for as long as a request may take; restartTimeout is when the supervisor is given up.
const (
	restartPatience = 8 * time.Second
	restartTimeout  = 2 * time.Minute
)

type restartInput struct {
	Name string `path:"name" doc:"The service, as the status names it"`
}

type restartOutput struct {
	Status int
	Body   struct {
		Service string `json:"service"`
		Done    bool   `json:"done" doc:"Whether it is done; otherwise it is under way, and the status shows how far"`
	}
}

const restartDescription = "Answers 200 when the service is ready again, and 202 when that goes on after the answer: when it takes " +
	"longer than 8 seconds, and when chat itself is restarted. Then the answer comes from the process that goes, " +
	"at the moment when the new one has taken over."

// restartService has the supervisor restart a service. The answer does not wait for the end of this process itself, which
// would wait for the answer.
func (s *Server) restartService(ctx context.Context, in *restartInput) (*restartOutput, error) {
	out := &restartOutput{Status: http.StatusOK}
	out.Body.Service, out.Body.Done = in.Name, true
	type result struct {
		answer controlAnswer
		err    error
	}
	s.recordRestart(ctx, in.Name)
	answered := make(chan result, 1)
	s.errands.run(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, restartTimeout)
		defer cancel()
		answer, err := s.control.call(ctx, http.MethodPost, "/v1/services/"+url.PathEscape(in.Name)+"/restart")
		answered <- result{answer, err}
	})
	patience := time.NewTimer(restartPatience)
	defer patience.Stop()
	select {
	case r := <-answered:
		return out, s.supervisorProblem(r.answer, r.err)
	case <-s.draining:
	case <-patience.C:
	}
	out.Status, out.Body.Done = http.StatusAccepted, false
	return out, nil
}

// recordRestart tells the audit log who has a service restarted. It may be the database, because it hangs: then the log is
// told when it is back.
func (s *Server) recordRestart(ctx context.Context, service string) {
	s.log.Info("restart is asked for", "service", service, "by", identityOf(ctx).User.ID)
	event := store.Event{Action: store.ServiceRestart, Target: store.Target{Kind: "service", Name: service}}
	record := func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		return s.store.Record(ctx, event)
	}
	if record(ctx) == nil {
		return
	}
	s.errands.run(func(errand context.Context) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), restartTimeout)
		defer cancel()
		defer context.AfterFunc(errand, cancel)()
		err := record(ctx)
		for ; err != nil && ctx.Err() == nil; err = record(ctx) {
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
		if err != nil {
			s.log.Error("a restart is not in the audit log", "service", service, "error", err)
		}
	})
}

// notUp is the code of a service that was restarted and is not ready after it.
const notUp store.Code = "service_failed"

// supervisorProblem translates what the supervisor has against it; nil if it did what was asked.
func (s *Server) supervisorProblem(answer controlAnswer, err error) error {
	if errors.Is(err, errNoSupervisor) {
		return newProblem(store.Unavailable, "This server runs without Snug's supervisor: look after its services where they are run.")
	}
	if err != nil {
		s.log.Warn("supervisor does not answer", "error", err)
		return newProblem(store.Unavailable, "Snug's supervisor does not answer. Try again in a moment.")
	}
	if answer.status/100 == 2 {
		return nil
	}
	var refused struct{ Message string }
	if json.Unmarshal(answer.body, &refused) != nil || refused.Message == "" {
		refused.Message = "Snug's supervisor refused it: " + http.StatusText(answer.status)
	}
	switch answer.status {
	case http.StatusNotFound:
		return newProblem(store.NotFound, refused.Message)
	case http.StatusConflict:
		return newProblem(store.Conflict, refused.Message)
	case http.StatusBadGateway:
		return newProblem(notUp, refused.Message)
	}
	return newProblem(store.Unavailable, refused.Message)
}
