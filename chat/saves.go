package chat

import (
	"context"

	"github.com/google/uuid"

	"snug/store"
)

func (s *Server) saveMessage(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, s.store.SaveMessage(ctx, identityOf(ctx).User.ID, in.ID)
}

func (s *Server) unsaveMessage(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, s.store.UnsaveMessage(ctx, identityOf(ctx).User.ID, in.ID)
}

type savesInput struct {
	Before string `query:"before" format:"uuid" doc:"Those that were saved before this one: the id of the last of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type savesOutput struct {
	Body struct {
		Saved   []store.Save `json:"saved" doc:"The last saved first"`
		HasMore bool         `json:"has_more"`
	}
}

func (s *Server) listSaves(ctx context.Context, in *savesInput) (*savesOutput, error) {
	page := store.SavePage{Limit: in.Limit}
	if in.Before != "" {
		before, err := uuid.Parse(in.Before)
		if err != nil {
			return nil, invalidField("before", "must be the id of something saved")
		}
		page.Before = &before
	}
	saves, more, err := s.store.Saves(ctx, identityOf(ctx).User.ID, page)
	if err != nil {
		return nil, err
	}
	for i := range saves {
		saves[i].Message.HTML = s.hub.markdown.HTML(saves[i].Message.Body)
	}
	out := &savesOutput{}
	out.Body.Saved, out.Body.HasMore = saves, more
	return out, nil
}
