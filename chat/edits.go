package chat

import (
	"context"

	"github.com/google/uuid"

	"snug/store"
)

type editInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Body string `json:"body" maxLength:"10000" doc:"Markdown; may be empty when the message has files"`
	}
}

func (s *Server) editMessage(ctx context.Context, in *editInput) (*messageOutput, error) {
	change, message, err := s.store.EditMessage(ctx, identityOf(ctx).User.ID, in.ID, in.Body.Body)
	if err != nil {
		return nil, err
	}
	s.hub.updated(change, &message)
	return &messageOutput{Body: message}, nil
}

type editsOutput struct {
	Body struct {
		Edits []store.Edit `json:"edits" doc:"What the message said before, the oldest first; at most the newest 200"`
	}
}

func (s *Server) listEdits(ctx context.Context, in *idInput) (*editsOutput, error) {
	edits, err := s.store.Edits(ctx, identityOf(ctx).User.ID, in.ID)
	if err != nil {
		return nil, err
	}
	for i := range edits {
		edits[i].HTML = s.hub.markdown.HTML(edits[i].Body)
	}
	out := &editsOutput{}
	out.Body.Edits = edits
	return out, nil
}
