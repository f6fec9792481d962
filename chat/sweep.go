package chat

import (
	"context"
	"errors"
	"time"
)

// restBeforeSweep is left to the start of a server, when there is enough to do.
const restBeforeSweep = time.Minute

// sweepFiles looks from time to time for files that nobody needs.
func (s *Server) sweepFiles(ctx context.Context) error {
	for pause := min(restBeforeSweep, s.tuning.sweep); ; pause = s.tuning.sweep {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		if err := s.sweep(ctx, time.Now().Add(-s.tuning.unusedFiles)); err != nil && ctx.Err() == nil {
			s.log.Warn("cannot sweep files", "error", err)
		}
	}
}

// sweep removes files that were uploaded before then and hang on no message, and uploads that came to no end.
func (s *Server) sweep(ctx context.Context, before time.Time) error {
	errs := []error{s.uploads.folder.SweepTemporary(before)}
	for more := true; more && ctx.Err() == nil; {
		var err error
		more, err = s.store.SweepFiles(ctx, before, s.uploads.folder.Remove)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
