package chat

import (
	"context"

	"snug/store"
)

func (s *Server) pinMessage(ctx context.Context, in *idInput) (*struct{}, error) {
	return s.setPinned(ctx, in, true)
}

func (s *Server) unpinMessage(ctx context.Context, in *idInput) (*struct{}, error) {
	return s.setPinned(ctx, in, false)
}

func (s *Server) setPinned(ctx context.Context, in *idInput, pinned bool) (*struct{}, error) {
	change, message, err := s.store.PinMessage(ctx, identityOf(ctx).User.ID, in.ID, pinned)
	if err != nil {
		return nil, err
	}
	s.hub.updated(change, &message)
	return nil, nil
}

type pinsOutput struct {
	Body struct {
		Pins []store.Pin `json:"pins" doc:"The last pinned first, at most 100"`
	}
}

func (s *Server) listPins(ctx context.Context, in *idInput) (*pinsOutput, error) {
	pins, err := s.store.Pins(ctx, identityOf(ctx).User.ID, in.ID)
	if err != nil {
		return nil, err
	}
	for i := range pins {
		pins[i].Message.HTML = s.hub.markdown.HTML(pins[i].Message.Body)
	}
	out := &pinsOutput{}
	out.Body.Pins = pins
	return out, nil
}
