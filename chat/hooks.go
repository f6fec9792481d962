package chat

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"snug/chat/slack"
	"snug/store"
)

const (
	createHookDescription = "Members of the channel may, but guests. The url is told now and never again: whoever has it can send to the channel."
	listHooksDescription  = "Those of the channels that I am in; for owners and admins, all."
	deleteHookDescription = "Who made it may, who made its channel, admins and owners. What it has sent stays."
	postHookDescription   = "Takes what programs send to Slack's incoming webhooks, as JSON or in the form field payload, and answers as Slack " +
		"does, in plain text. With an Idempotency-Key header, or client_id in the payload, the same message may be sent again: it is stored once."
)

// createdHook is a hook as it was made.
type createdHook struct {
	store.Hook
	URL string `json:"url" doc:"Where to send to. Whoever has it can, and it is not told again"`
}

type createHookInput struct {
	Body struct {
		ChannelID uuid.UUID `json:"channel_id" format:"uuid"`
		Name      string    `json:"name" minLength:"1" maxLength:"80" doc:"What it writes as, unless a message says otherwise"`
	}
}

type createHookOutput struct{ Body createdHook }

func (s *Server) createHook(ctx context.Context, in *createHookInput) (*createHookOutput, error) {
	token := newToken()
	hook, err := s.store.CreateHook(ctx, identityOf(ctx).User.ID, store.NewHook{
		ChannelID: in.Body.ChannelID, Name: strings.TrimSpace(in.Body.Name), TokenHash: hashToken(token),
	})
	if err != nil {
		return nil, err
	}
	return &createHookOutput{Body: createdHook{Hook: hook, URL: s.origin(requestOf(ctx)) + "/hooks/" + token}}, nil
}

type listHooksInput struct {
	ChannelID uuid.UUID `query:"channel_id" format:"uuid" doc:"Only those of this channel"`
}

type listHooksOutput struct {
	Body struct {
		Hooks []store.Hook `json:"hooks" doc:"The newest first"`
	}
}

func (s *Server) listHooks(ctx context.Context, in *listHooksInput) (*listHooksOutput, error) {
	hooks, err := s.store.Hooks(ctx, identityOf(ctx).User.ID, in.ChannelID)
	if err != nil {
		return nil, err
	}
	out := &listHooksOutput{}
	out.Body.Hooks = hooks
	return out, nil
}

func (s *Server) deleteHook(ctx context.Context, in *idInput) (*struct{}, error) {
	return nil, s.store.DeleteHook(ctx, identityOf(ctx).User.ID, in.ID)
}

// hookPosts is how often a program may send: once a second as to Slack, with bursts.
var hookPosts = limit{"hook", 60, time.Minute}

// The answers of Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling-errors. Besides
// those of the payload, which are in package slack.
var (
	errNoService       = errors.New("no_service")
	errHookArchived    = errors.New("channel_is_archived")
	errHookLimited     = errors.New("rate_limited")
	errHookUnavailable = errors.New("service_unavailable")
)

// hookStatus are the statuses of the answers.
var hookStatus = map[error]int{
	slack.ErrInvalid: http.StatusBadRequest, slack.ErrNoText: http.StatusBadRequest,
	slack.ErrTooManyAttachments: http.StatusBadRequest, slack.ErrInvalidBlocks: http.StatusBadRequest,
	errNoService: http.StatusNotFound, errHookArchived: http.StatusGone,
	errHookLimited: http.StatusTooManyRequests, errHookUnavailable: http.StatusServiceUnavailable,
}

// postHook takes a message of a program.
func (s *Server) postHook(c *fiber.Ctx) error {
	err := s.takeHook(c)
	status, text := http.StatusOK, "ok"
	for known, code := range hookStatus {
		if errors.Is(err, known) {
			status, text, err = code, known.Error(), nil
		}
	}
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/plain; charset=utf-8")
	return c.Status(status).SendString(text)
}

func (s *Server) takeHook(c *fiber.Ctx) error {
	ctx := c.UserContext()
	hook, err := s.hookOf(ctx, c.Params("token"))
	if err != nil {
		return retryLater(c, err)
	}
	if err := s.limits.take(ctx, hookPosts, hook.ID.String()); err != nil {
		return retryLater(c, err)
	}
	raw, err := hookPayload(c)
	if err != nil {
		return err
	}
	send, err := s.hookMessage(ctx, hook, raw)
	if err != nil {
		return retryLater(c, err)
	}
	if send.ClientID = hookClientID(hook, c.Get("Idempotency-Key"), send.ClientID); hook.Archived {
		return errHookArchived
	}
	s.hub.markdown.prepare(send.Body)
	stored, err := s.writer.Send(ctx, send)
	s.metrics.sent(err)
	switch store.CodeOf(err) {
	case store.NotFound: // it was deleted just now
		return errNoService
	case store.Forbidden:
		return errHookArchived
	}
	if err == nil && !stored.Created {
		s.hub.nudge(hook.ChannelID, stored.Message.CreatedRev)
	}
	return retryLater(c, err)
}

// plainText describes a route that speaks as Slack does: plain text, whatever comes of it.
func plainText(register registration) registration {
	return func(s *Server, app *fiber.App, r route) {
		register(s, app, r)
		op, text := r.described(s.api), map[string]*huma.MediaType{fiber.MIMETextPlain: {Schema: &huma.Schema{Type: huma.TypeString}}}
		op.Responses["200"].Content = text
		op.Parameters = []*huma.Param{{Name: "token", In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}}}
		for err, status := range hookStatus {
			answer := op.Responses[strconv.Itoa(status)]
			if answer == nil {
				answer = &huma.Response{Content: text}
				op.Responses[strconv.Itoa(status)] = answer
			}
			said := append(strings.Fields(answer.Description), err.Error())
			slices.Sort(said)
			answer.Description = strings.Join(said, " ")
		}
	}
}

// retryLater says when to come back, of errors that pass.
func retryLater(c *fiber.Ctx, err error) error {
	var limited *Problem
	switch {
	case errors.As(err, &limited) && limited.Detail.Code == store.RateLimited:
		c.Set(fiber.HeaderRetryAfter, limited.GetHeaders().Get(fiber.HeaderRetryAfter))
		return errHookLimited
	case store.CodeOf(err) == store.Unavailable:
		c.Set(fiber.HeaderRetryAfter, "1")
		return errHookUnavailable
	}
	return err
}

// hookOf is the hook of a token. Wrong ones are counted, so that nobody keeps the database busy with them.
func (s *Server) hookOf(ctx context.Context, token string) (store.Hook, error) {
	hook, err := s.store.HookByToken(ctx, hashToken(token))
	if store.CodeOf(err) == store.NotFound {
		if err = s.wrongCode(ctx, err); store.CodeOf(err) == store.NotFound {
			return hook, errNoService
		}
	}
	return hook, err
}

// hookPayload is the JSON of a request: the body, or the field payload of a form.
func hookPayload(c *fiber.Ctx) ([]byte, error) {
	body := c.Body()
	kind, _, _ := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if kind != fiber.MIMEApplicationForm || strings.HasPrefix(strings.TrimSpace(string(body)), "{") { // curl -d says form of anything
		return body, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || form.Get("payload") == "" {
		return nil, slack.ErrInvalid
	}
	return []byte(form.Get("payload")), nil
}

// hookMessage is what a payload says, as a message.
func (s *Server) hookMessage(ctx context.Context, hook store.Hook, raw []byte) (send store.Send, err error) {
	payload, err := slack.Decode(raw)
	if err != nil {
		return send, err
	}
	var names map[uuid.UUID]string
	if ids := slack.IDs(raw); len(ids) > 0 {
		if names, err = s.store.Usernames(ctx, hook.ChannelID, ids); err != nil {
			return send, err
		}
	}
	body, err := payload.Markdown(store.MaxBody, func(id string) string {
		parsed, err := uuid.Parse(id)
		if err != nil {
			return ""
		}
		return names[parsed]
	})
	if err != nil {
		return send, err
	}
	send = store.Send{ChannelID: hook.ChannelID, AuthorID: hook.UserID, Body: body, AuthorName: payload.Name()}
	if emoji, err := store.CanonicalEmoji(string(payload.IconEmoji)); err == nil {
		send.AuthorEmoji = emoji
	}
	send.ClientID = hookClientID(hook, string(payload.ClientID), uuid.Nil)
	return send, nil
}

// hookClientID is the client_id of a message that the program has named so; without a name, another or a new one.
func hookClientID(hook store.Hook, name string, otherwise uuid.UUID) uuid.UUID {
	switch {
	case name != "":
		return uuid.NewSHA1(hook.ID, []byte(name))
	case otherwise != uuid.Nil:
		return otherwise
	}
	return uuid.Must(uuid.NewV7())
}
