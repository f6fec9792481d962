package store

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"snug/store/markup"
)

// usernamePattern is the rule of the database's own check: letters, digits and inner . _ - of ASCII.
var usernamePattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,30}[A-Za-z0-9])?$`)

// checker gathers what is wrong with the fields of an input, so that the user is told all of it at once.
type checker struct{ fields map[string]string }

func (c *checker) wrong(field, why string) {
	if c.fields == nil {
		c.fields = map[string]string{}
	}
	c.fields[field] = why
}

// text wants one line of 1 to most characters that is not blank.
func (c *checker) text(field, s string, most int) {
	switch {
	case !storable(s) || strings.ContainsFunc(s, unicode.IsControl):
		c.wrong(field, "must be one line of plain text")
	case strings.TrimSpace(s) == "":
		c.wrong(field, "must not be empty")
	case utf8.RuneCountInString(s) > most:
		c.wrong(field, fmt.Sprintf("must have at most %d characters", most))
	}
}

func (c *checker) username(s string) {
	if !usernamePattern.MatchString(s) {
		c.wrong("username", "must be 1 to 32 letters (a-z), digits, or . _ - between them")
	} else if strings.EqualFold(s, markup.Everybody) || strings.EqualFold(s, markup.Here) {
		c.wrong("username", "is reserved: @channel and @here name all the others")
	}
}

func (c *checker) err() error {
	if c.fields == nil {
		return nil
	}
	return &Error{Code: Invalid, Message: "Some of the input is not right.", Fields: c.fields}
}

// invalid is the error of one input that breaks a rule.
func invalid(field, why string) error {
	var check checker
	check.wrong(field, why)
	return check.err()
}

// storable reports whether PostgreSQL can keep s as text: UTF-8 without NUL.
func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// cut returns the first characters of s, at most so many.
func cut(s string, most int) string {
	for i := range s {
		if most--; most < 0 {
			return s[:i]
		}
	}
	return s
}

// printable returns s without what PostgreSQL cannot keep as text.
func printable(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// limit wants a number of a page's items.
func (c *checker) limit(n int) {
	if n < 1 || n > MaxPage {
		c.wrong("limit", fmt.Sprintf("must be 1 to %d", MaxPage))
	}
}
