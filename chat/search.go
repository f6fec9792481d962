package chat

import (
	"context"

	"snug/store"
)

const searchDescription = "Words, all of which must be there, in any of their forms in the language of the workspace; \"phrases\" in quotes; and filters: " +
	"`in:#channel` `in:@user` (our direct conversation) `from:@user` `from:me` `has:link` `has:file` `has:image` `has:code` `has:reaction` `has:pin` " +
	"`before:2026-01-31` `after:2026-01-31` `on:2026-01-31` `during:2026-01`, days of UTC. With `-` before it is what must not be. " +
	"Several channels or people are alternatives. Only what I may see now is found, as it is now, from the moment it is acknowledged. " +
	"A page may have fewer hits than asked for, and yet a next."

type searchInput struct {
	Query  string `query:"q" doc:"What to search for, at most 500 characters"`
	Cursor string `query:"cursor" maxLength:"100" doc:"The next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"100" default:"20"`
}

type searchOutput struct{ Body store.SearchResult }

func (s *Server) search(ctx context.Context, in *searchInput) (*searchOutput, error) {
	result, err := s.store.Search(ctx, identityOf(ctx).User.ID, store.SearchPage{Query: in.Query, Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	for i := range result.Hits {
		result.Hits[i].Message.HTML = s.hub.markdown.HTML(result.Hits[i].Message.Body)
	}
	return &searchOutput{Body: result}, nil
}
