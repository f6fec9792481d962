package chat

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"snug/store"
)

type pageInput struct {
	ID     uuid.UUID `path:"id" format:"uuid"`
	Before optional  `query:"before" minimum:"0" doc:"The newest messages below this seq"`
	After  optional  `query:"after" minimum:"0" doc:"The oldest messages above this seq"`
	Around optional  `query:"around" minimum:"0" doc:"The messages on both sides of this seq"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type pageOutput struct {
	Body struct {
		Messages []store.Message `json:"messages"`
		HasMore  bool            `json:"has_more" doc:"There are more in the direction asked for"`
	}
}

func (s *Server) listMessages(ctx context.Context, in *pageInput) (*pageOutput, error) {
	if _, err := s.store.Standing(ctx, identityOf(ctx).User.ID, in.ID); err != nil {
		return nil, err
	}
	messages, more, err := s.store.Messages(ctx, in.ID, store.Page{
		Before: in.Before.value, After: in.After.value, Around: in.Around.value, Limit: in.Limit,
	})
	if err != nil {
		return nil, err
	}
	s.render(messages)
	out := &pageOutput{}
	out.Body.Messages, out.Body.HasMore = messages, more
	return out, nil
}

// render fills in the HTML of messages.
func (s *Server) render(messages []store.Message) {
	for i := range messages {
		messages[i].HTML = s.hub.markdown.HTML(messages[i].Body)
	}
}

type messageOutput struct{ Body store.Message }

func (s *Server) getMessage(ctx context.Context, in *idInput) (*messageOutput, error) {
	message, err := s.store.Message(ctx, identityOf(ctx).User.ID, in.ID)
	if err != nil {
		return nil, err
	}
	message.HTML = s.hub.markdown.HTML(message.Body)
	return &messageOutput{Body: message}, nil
}

// messageInput is a message as clients send it, over HTTP or the WebSocket.
type messageInput struct {
	ClientID uuid.UUID   `json:"client_id" format:"uuid" doc:"The client's own name for the message: sent again, it is stored once"`
	Body     string      `json:"body,omitempty" maxLength:"10000" doc:"Markdown; may be left out when there are files"`
	ParentID *uuid.UUID  `json:"parent_id,omitempty" format:"uuid" doc:"Of a reply: the message that its thread is about"`
	FileIDs  []uuid.UUID `json:"file_ids,omitempty" maxItems:"10" doc:"Files that the author has uploaded, and that are in no message yet"`

	AlsoToChannel bool `json:"also_to_channel,omitempty" doc:"Of a reply: to be shown in the channel too, not only in its thread"`
}

type sendInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body messageInput
}

type sendOutput struct {
	Status int
	Body   store.Message
}

func (s *Server) sendMessage(ctx context.Context, in *sendInput) (*sendOutput, error) {
	me := identityOf(ctx).User.ID
	if err := s.allowSend(ctx, me); err != nil {
		return nil, err
	}
	stored, err := s.send(ctx, me, in.ID, in.Body)
	if err != nil {
		return nil, err
	}
	out := &sendOutput{Status: http.StatusOK, Body: s.hub.recent.take(stored.Message).Message}
	if stored.Created {
		out.Status = http.StatusCreated
	}
	return out, nil
}

// send stores a message of the author's.
func (s *Server) send(ctx context.Context, author, channel uuid.UUID, in messageInput) (store.Stored, error) {
	send := s.sendOf(author, channel, in)
	stored, err := s.writer.Send(ctx, send)
	if err != nil {
		return stored, s.refused(ctx, send, err)
	}
	s.accepted(stored)
	return stored, nil
}

// sendOf is what the writer is given of a message of the author's.
func (s *Server) sendOf(author, channel uuid.UUID, in messageInput) store.Send {
	s.hub.markdown.prepare(in.Body)
	return store.Send{
		ClientID: in.ClientID, ChannelID: channel, AuthorID: author, Body: in.Body, ParentID: in.ParentID, AlsoToChannel: in.AlsoToChannel,
		FileIDs: in.FileIDs,
	}
}

// accepted notes that a message is stored.
func (s *Server) accepted(stored store.Stored) {
	s.metrics.sent(nil)
	if !stored.Created {
		// The first send may have timed out and been stored after all, without anybody being told.
		s.hub.nudge(stored.Message.ChannelID, stored.Message.CreatedRev)
	}
}

// refused notes that a message is not stored, and returns what its author is told.
func (s *Server) refused(ctx context.Context, send store.Send, err error) error {
	if store.CodeOf(err) == store.NotFound {
		// The writer does not know who sees the channel: of one that the author does, the answer is what to do.
		if standing, lookErr := s.store.Standing(ctx, send.AuthorID, send.ChannelID); lookErr == nil && standing.Writes() != nil {
			err = standing.Writes()
		}
	}
	s.metrics.sent(err)
	return err
}
