package chat

import (
	"context"

	"github.com/google/uuid"

	"snug/store"
)

const mentionsDescription = "Those that name me, by `@name`, and those that call everybody in a channel that I was in (`@channel`) or who was online " +
	"(`@here`); what is said in threads too. What I may not read any more is left out. Names in code are none; `@channel` and `@here` of guests call nobody."

type mentionsInput struct {
	Before string `query:"before" format:"uuid" doc:"Those older than this one: the id of the last message of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type mentionsOutput struct {
	Body struct {
		Mentions []store.MentionedIn `json:"mentions" doc:"The newest first"`
		HasMore  bool                `json:"has_more"`
	}
}

func (s *Server) listMentions(ctx context.Context, in *mentionsInput) (*mentionsOutput, error) {
	page := store.MentionPage{Limit: in.Limit}
	if in.Before != "" {
		before, err := uuid.Parse(in.Before)
		if err != nil {
			return nil, invalidField("before", "must be the id of a message")
		}
		page.Before = &before
	}
	list, more, err := s.store.Mentions(ctx, identityOf(ctx).User.ID, page)
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Message.HTML = s.hub.markdown.HTML(list[i].Message.Body)
	}
	out := &mentionsOutput{}
	out.Body.Mentions, out.Body.HasMore = list, more
	return out, nil
}

// whoIsOnline returns the users who are, on whatever node.
func (h *hub) whoIsOnline() (users []uuid.UUID) {
	h.do(func() { users = h.presence.online() })
	return users
}
