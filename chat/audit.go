package chat

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"snug/store"
)

type auditInput struct {
	Before int64     `query:"before" minimum:"0" doc:"Entries older than the one with this id"`
	Limit  int       `query:"limit" minimum:"1" maximum:"1000" default:"100"`
	Action string    `query:"action" maxLength:"64" doc:"An action such as login.failed, or its subject: login is all of login.*"`
	Actor  uuid.UUID `query:"actor" format:"uuid" doc:"What this user did"`
	Target uuid.UUID `query:"target" format:"uuid" doc:"What was done to this user, channel, …"`
	Since  time.Time `query:"since" doc:"At this time or later"`
	Until  time.Time `query:"until" doc:"Before this time"`
}

func (in auditInput) filter() store.AuditFilter {
	return store.AuditFilter{Before: in.Before, Limit: in.Limit, Action: in.Action, Actor: in.Actor, Target: in.Target, Since: in.Since, Until: in.Until}
}

type auditOutput struct {
	Body struct {
		Entries []store.AuditEntry `json:"entries"`
		HasMore bool               `json:"has_more"`
	}
}

func (s *Server) listAudit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	entries, more, err := s.store.Audit(ctx, in.filter())
	if err != nil {
		return nil, err
	}
	out := &auditOutput{}
	out.Body.Entries, out.Body.HasMore = entries, more
	return out, nil
}

const auditCSVDescription = "All entries, the newest first, with a line of headings (RFC 4180). A cell that a spreadsheet would take " +
	"for a formula begins with an apostrophe. An export that was cut short lacks its last line, which is \"end\"."

// auditExportTime is how long an export may take.
const auditExportTime = 5 * time.Minute

// exportAudit writes page by page: the log may be larger than the memory. The first page is read before the answer
// begins, so that an error can still be its status.
func (s *Server) exportAudit(c *fiber.Ctx) error {
	first, more, err := s.store.Audit(c.UserContext(), store.AuditFilter{Limit: store.MaxAuditPage})
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "text/csv; charset=utf-8; header=present")
	c.Set(fiber.HeaderContentDisposition, `attachment; filename="snug-audit.csv"`)
	if c.Method() == http.MethodHead {
		return nil
	}
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) { // runs after the handler, whose context has ended then
		ctx, cancel := context.WithTimeout(context.Background(), auditExportTime)
		defer cancel()
		if err := s.writeAudit(ctx, csv.NewWriter(w), first, more); err != nil {
			s.log.Warn("export of the audit log was cut short", "error", err)
		}
	})
	return nil
}

// writeAudit writes a page, and those that follow.
func (s *Server) writeAudit(ctx context.Context, w *csv.Writer, page []store.AuditEntry, more bool) (err error) {
	_ = w.Write([]string{"id", "at", "action", "actor_id", "actor", "ip", "target_kind", "target_id", "target", "details"}) // Flush tells of errors
	for {
		for _, e := range page {
			_ = w.Write(auditRow(e))
		}
		if w.Flush(); w.Error() != nil {
			return w.Error()
		}
		if !more {
			_ = w.Write([]string{"end", "", "", "", "", "", "", "", "", ""})
			w.Flush()
			return w.Error()
		}
		page, more, err = s.store.Audit(ctx, store.AuditFilter{Limit: store.MaxAuditPage, Before: page[len(page)-1].ID})
		if err != nil {
			return err
		}
	}
}

func auditRow(e store.AuditEntry) []string {
	details, err := json.Marshal(e.Details)
	if err != nil {
		panic(err) // a map of strings
	}
	row := []string{strconv.FormatInt(e.ID, 10), e.At.Format(time.RFC3339Nano), string(e.Action), orEmpty(e.Actor.ID), e.Actor.Name,
		e.IP, e.Target.Kind, orEmpty(e.Target.ID), e.Target.Name, string(details)}
	for i := range row {
		row[i] = plainCell(row[i])
	}
	return row
}

func orEmpty(id *uuid.UUID) string {
	if id == nil {
		return ""
	}
	return id.String()
}

// plainCell is text that no spreadsheet takes for a formula: https://owasp.org/www-community/attacks/CSV_Injection.
func plainCell(text string) string {
	if text != "" && strings.ContainsRune("=+-@\t\r\n", rune(text[0])) {
		return "'" + text
	}
	return text
}
