package chat

import (
	"context"
	"time"

	"snug/store"
)

// ResetLifetime is how long a code for a new password is good.
const ResetLifetime = 24 * time.Hour

type changePasswordInput struct {
	Body struct {
		Old string `json:"old" maxLength:"200" doc:"The password until now"`
		New string `json:"new" minLength:"8" maxLength:"200" doc:"8 to 200 characters, of any kind"`
	}
}

// changePassword ends all other logins: one of them may be why it is changed.
func (s *Server) changePassword(ctx context.Context, in *changePasswordInput) (*struct{}, error) {
	who := identityOf(ctx)
	if err := s.limits.take(ctx, guessesOfOwn, who.User.ID.String()); err != nil {
		return nil, err
	}
	_, old, err := s.store.UserByUsername(ctx, who.User.Username)
	if err != nil {
		return nil, err
	}
	match, err := s.passwords.matches(ctx, old, in.Body.Old)
	if err != nil {
		return nil, err
	}
	if !match {
		return nil, invalidField("old", "is not your password")
	}
	hash, err := s.passwords.hash(ctx, in.Body.New)
	if err != nil {
		return nil, err
	}
	ended, err := s.store.ChangePassword(ctx, store.PasswordChange{User: who.User, Old: old, New: hash, Session: who.Session.ID})
	if err != nil {
		return nil, err
	}
	s.limits.giveBack(ctx, guessesOfOwn, who.User.ID.String())
	s.endSessions(ended)
	return nil, nil
}

type resetOutput struct {
	Body struct {
		Code      string    `json:"code" doc:"To be given to the user, and nobody else"`
		URL       string    `json:"url" doc:"Where the user chooses a new password"`
		ExpiresAt time.Time `json:"expires_at"`
	}
}

const resetDescription = "There is no mail: hand the link to the user. It is good once, for a day, and a new one makes those from " +
	"before void. The password stays what it is until the link is used. Admins may do this for members and guests, owners for everybody."

func (s *Server) beginReset(ctx context.Context, in *idInput) (*resetOutput, error) {
	reset, err := s.store.BeginReset(ctx, in.ID, ResetLifetime, store.Manages(identityOf(ctx).User))
	if err != nil {
		return nil, err
	}
	out := &resetOutput{}
	out.Body.Code, out.Body.ExpiresAt = reset.Code, reset.ExpiresAt
	out.Body.URL = ResetURL(s.origin(requestOf(ctx)), reset.Code)
	return out, nil
}

// ResetURL is where a browser uses the code, at a server that is found at origin.
func ResetURL(origin, code string) string { return origin + "/reset/" + code }

// InviteURL is where a browser uses the code of an invite, at a server that is found at origin.
func InviteURL(origin, code string) string { return origin + "/invite/" + code }

type resetPasswordInput struct {
	Body struct {
		Code     string `json:"code" minLength:"1" maxLength:"200" doc:"Of the link"`
		Password string `json:"password" minLength:"8" maxLength:"200" doc:"8 to 200 characters, of any kind"`
	}
}

// resetPassword gives a new password to who has a code, and logs them in. All their logins from before end.
func (s *Server) resetPassword(ctx context.Context, in *resetPasswordInput) (*loginOutput, error) {
	if _, err := s.store.ResetUser(ctx, in.Body.Code); err != nil { // before the work of hashing
		return nil, s.wrongCode(ctx, err)
	}
	hash, err := s.passwords.hash(ctx, in.Body.Password)
	if err != nil {
		return nil, err
	}
	user, ended, err := s.store.ResetPassword(ctx, in.Body.Code, hash)
	if err != nil {
		return nil, s.wrongCode(ctx, err)
	}
	s.endSessions(ended)
	return s.beginSession(ctx, user, hash)
}
