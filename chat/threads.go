package chat

import (
	"context"

	"github.com/google/uuid"

	"snug/store"
)

type threadInput struct {
	ID    uuid.UUID `path:"id" format:"uuid" doc:"What the thread is about, or one of its replies"`
	After int64     `query:"after" minimum:"0" doc:"The replies above this seq"`
	Limit int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type threadOutput struct{ Body store.Thread }

func (s *Server) getThread(ctx context.Context, in *threadInput) (*threadOutput, error) {
	thread, err := s.store.Thread(ctx, identityOf(ctx).User.ID, in.ID, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	thread.Message.HTML = s.hub.markdown.HTML(thread.Message.Body)
	s.render(thread.Replies)
	return &threadOutput{Body: thread}, nil
}

type threadReadOutput struct{ Body store.ThreadRead }

// markThreadRead notes how far the user has read a thread, and tells the user's sockets.
func (s *Server) markThreadRead(ctx context.Context, in *readInput) (*threadReadOutput, error) {
	user := identityOf(ctx).User.ID
	read, err := s.store.MarkThreadRead(ctx, user, in.ID, in.Body.Seq)
	if err != nil {
		return nil, err
	}
	if read.ReadSeq > 0 {
		s.hub.tell(audience{User: user, Channel: read.ChannelID}, threadReadFrame{Type: "thread_read", ThreadRead: read})
	}
	return &threadReadOutput{Body: read}, nil
}

type threadsInput struct {
	Cursor string `query:"cursor" maxLength:"100" doc:"The next of the page before"`
	Unread bool   `query:"unread" doc:"Only those with unread replies"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type threadsOutput struct{ Body store.ThreadList }

func (s *Server) listThreads(ctx context.Context, in *threadsInput) (*threadsOutput, error) {
	list, err := s.store.Threads(ctx, identityOf(ctx).User.ID, store.ThreadPage{Cursor: in.Cursor, Unread: in.Unread, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	for i := range list.Threads {
		list.Threads[i].Message.HTML = s.hub.markdown.HTML(list.Threads[i].Message.Body)
	}
	return &threadsOutput{Body: list}, nil
}
