package store

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Action says what somebody did, as "subject.verb". What others add looks the same: the database wants it so.
type Action string

// The actions of people and of the appliance.
const (
	SetUp            Action = "workspace.set_up"
	WorkspaceChanged Action = "workspace.changed"
	LoggedIn         Action = "login.begun"
	LoginFailed      Action = "login.failed"
	LoginEnded       Action = "login.ended"     // by its user, from another login
	LoginsEnded      Action = "login.all_ended" // by its user, everywhere
	UserCreated      Action = "user.created"    // by whoever has the server
	UserRegistered   Action = "user.registered" // by an invite
	RoleChanged      Action = "user.role_changed"
	UserActivated    Action = "user.activated"
	UserDeactivated  Action = "user.deactivated"
	InviteCreated    Action = "invite.created"
	InviteDeleted    Action = "invite.deleted"
	PasswordChanged  Action = "password.changed" // by who knew the old one
	ResetCreated     Action = "password.reset_begun"
	PasswordReset    Action = "password.reset"
	ServiceRestart   Action = "service.restart"
	ChannelDeleted   Action = "channel.deleted"
	HookCreated      Action = "hook.created"
	HookDeleted      Action = "hook.deleted"
	MessageDeleted   Action = "message.deleted" // by somebody else than who wrote it
)

// Actor is who does something, and from where.
type Actor struct {
	ID   uuid.UUID // zero: nobody who is logged in
	Name string    // the username, or what acts by itself
	IP   string
}

type actorKey struct{}

// By returns a context for calls on behalf of the actor: the audit log names them.
func By(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, actorKey{}, a) }

func actorOf(ctx context.Context) Actor {
	a, _ := ctx.Value(actorKey{}).(Actor)
	return a
}

// as returns a context in which the user acts, from where the actor of ctx is.
func (u User) as(ctx context.Context) context.Context {
	return By(ctx, Actor{ID: u.ID, Name: u.Username, IP: actorOf(ctx).IP})
}

// Target is to whom or what something was done. Its name is that of the moment.
type Target struct {
	Kind string // user, invite, channel, message, service, …
	ID   uuid.UUID
	Name string
}

func (u User) target() Target { return Target{Kind: "user", ID: u.ID, Name: u.Username} }

// Event is what the audit log is to tell.
type Event struct {
	Action  Action
	Target  Target
	Details map[string]string // never secrets, nor what people wrote
}

const insertEvent = `
	INSERT INTO audit_log (action, actor_id, actor_name, ip, target_kind, target_id, target_name, details)
	VALUES ($1, $2, left($3, 100), left($4, 64), $5, $6, left($7, 100), $8)`

// arguments are those of insertEvent.
func (e Event) arguments(a Actor) []any {
	kept := make(map[string]string, len(e.Details))
	for name, text := range e.Details {
		kept[name] = cut(printable(text), 400)
	}
	details, err := json.Marshal(kept)
	if err != nil {
		panic(err) // a map of strings
	}
	return []any{e.Action, uuid.NullUUID{UUID: a.ID, Valid: a.ID != uuid.Nil}, printable(a.Name), printable(a.IP),
		e.Target.Kind, uuid.NullUUID{UUID: e.Target.ID, Valid: e.Target.ID != uuid.Nil}, printable(e.Target.Name), details}
}

// record tells the audit log, in the transaction of what it tells.
func record(ctx context.Context, tx pgx.Tx, e Event) error {
	_, err := tx.Exec(ctx, insertEvent, e.arguments(actorOf(ctx))...)
	return err
}

// Record tells the audit log of what does not happen in the database. See [By] for who did it.
func (s *Store) Record(ctx context.Context, e Event) error {
	_, err := s.pool.Exec(ctx, insertEvent, e.arguments(actorOf(ctx))...)
	return wrap("write the audit log", err)
}

// AuditEntry is a line of the audit log.
type AuditEntry struct {
	ID      int64             `json:"id" doc:"Rises with time"`
	At      time.Time         `json:"at"`
	Action  Action            `json:"action" doc:"What was done, as subject.verb"`
	Actor   AuditName         `json:"actor" doc:"Who did it; without an id, nobody who was logged in"`
	IP      string            `json:"ip" doc:"From where; empty where that is not known"`
	Target  AuditTarget       `json:"target" doc:"To whom or what"`
	Details map[string]string `json:"details"`
}

// AuditName is somebody in the audit log, by the name they had then.
type AuditName struct {
	ID   *uuid.UUID `json:"id" nullable:"true"`
	Name string     `json:"name"`
}

// AuditTarget is to whom or what something was done, by the name it had then.
type AuditTarget struct {
	Kind string `json:"kind" doc:"user, invite, channel, message, hook, service, or empty"`
	AuditName
}

// AuditFilter says which entries are wanted; what is zero does not matter.
type AuditFilter struct {
	Before int64     // entries older than this one
	Limit  int       // at most; 1 to MaxAuditPage
	Action string    // an action, or its subject: "login" is all of login.*
	Actor  uuid.UUID // by this user
	Target uuid.UUID // to this user, channel, …
	Since  time.Time // at this time or later
	Until  time.Time // before this time
}

// MaxAuditPage is the most entries of the audit log that are read at once.
const MaxAuditPage = 1000

const selectAudit = `
	SELECT id, at, action, actor_id, actor_name, ip, target_kind, target_id, target_name, details FROM audit_log
	WHERE ($1::bigint = 0 OR id < $1) AND ($3::text = '' OR action = $3 OR starts_with(action, $3 || '.'))
		AND ($4::uuid IS NULL OR actor_id = $4) AND ($5::uuid IS NULL OR target_id = $5)
		AND ($6::timestamptz IS NULL OR at >= $6) AND ($7::timestamptz IS NULL OR at < $7)
	ORDER BY id DESC LIMIT $2`

func scanAuditEntry(row pgx.Row) (e AuditEntry, err error) {
	err = row.Scan(&e.ID, &e.At, &e.Action, &e.Actor.ID, &e.Actor.Name, &e.IP, &e.Target.Kind, &e.Target.ID, &e.Target.Name, &e.Details)
	return e, err
}

// Audit returns what the audit log has, the newest first, and whether there is more.
func (s *Store) Audit(ctx context.Context, f AuditFilter) (list []AuditEntry, more bool, err error) {
	limit := min(max(f.Limit, 1), MaxAuditPage)
	list, err = all(ctx, s, scanAuditEntry, selectAudit, f.Before, limit+1, printable(f.Action),
		uuid.NullUUID{UUID: f.Actor, Valid: f.Actor != uuid.Nil}, uuid.NullUUID{UUID: f.Target, Valid: f.Target != uuid.Nil},
		orNull(f.Since), orNull(f.Until))
	if more = len(list) > limit; more {
		list = list[:limit]
	}
	return list, more, wrap("read the audit log", err)
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
