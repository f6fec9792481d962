package store

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"snug/store/blobs"
)

// The bounds of files.
const (
	MaxFiles    = 10  // of a message
	MaxFileName = 200 // characters
)

// File is an upload. It hangs on one message at most, and goes with it.
type File struct {
	ID       uuid.UUID `json:"id"`
	Name     string    `json:"name"`
	Size     int64     `json:"size" doc:"In bytes"`
	Type     string    `json:"type" doc:"The media type, as the content shows it"`
	URL      string    `json:"url" doc:"A path at this server"`
	ThumbURL string    `json:"thumb_url,omitempty" doc:"Of a picture: where it is small"`
	Width    int       `json:"width,omitempty" doc:"Of a picture, in pixels, as it is shown"`
	Height   int       `json:"height,omitempty"`
}

// fileObject is a file f as a message keeps it, in the form of File.
const fileObject = `jsonb_strip_nulls(jsonb_build_object('id', f.id, 'name', f.name, 'size', f.size, 'type', f.type,
	'url', '/api/files/' || f.id, 'thumb_url', CASE WHEN f.has_thumb THEN '/api/files/' || f.id || '/thumb' END,
	'width', f.width, 'height', f.height))`

// NewFile is a file that was uploaded.
type NewFile struct {
	Uploader      uuid.UUID
	Hash          blobs.Hash
	Name          string
	Size          int64
	Type          string
	Width, Height int // of a picture; otherwise 0
	HasThumb      bool
}

func (f NewFile) check() error {
	var check checker
	check.text("name", f.Name, MaxFileName)
	if strings.ContainsAny(f.Name, `/\`) || strings.ContainsFunc(f.Name, unicode.IsControl) {
		check.wrong("name", "must be the name of a file, without its folder")
	}
	return check.err()
}

// touchContent takes care that nobody sweeps a content for the time being, and knows that there is one to sweep later.
const touchContent = `
	INSERT INTO file_contents (sha256) VALUES ($1) ON CONFLICT (sha256) DO UPDATE SET touched_at = now()`

// AddFile keeps a file of a user, whose files may have so many bytes together: TooLarge when it would be more. It is put on
// disk meanwhile: not before it is known that there is something to sweep, should it all fail, and while nobody can sweep
// the same content, which may have been there before.
func (s *Store) AddFile(ctx context.Context, f NewFile, quota int64, put func() error) (file File, err error) {
	if err := f.check(); err != nil {
		return file, err
	}
	if err := s.exec(ctx, touchContent, f.Hash[:]); err != nil {
		return file, wrap("announce a file", err)
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		// Of several uploads of a user at once, each sees those before.
		if _, err := tx.Exec(ctx, `SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`, f.Uploader); err != nil {
			return err
		}
		used, err := value[int64](tx.QueryRow(ctx, selectFileUse, f.Uploader))
		if err != nil {
			return err
		}
		if used+f.Size > quota {
			return overQuota(used, quota)
		}
		if _, err := tx.Exec(ctx, touchContent, f.Hash[:]); err != nil { // locks it
			return err
		}
		if err := put(); err != nil {
			return err
		}
		file, err = value[File](tx.QueryRow(ctx, `
			INSERT INTO files AS f (id, sha256, uploader_id, name, size, type, width, height, has_thumb)
			VALUES ($1, $2, $3, $4, $5, $6, nullif($7, 0), nullif($8, 0), $9) RETURNING `+fileObject,
			newID(), f.Hash[:], f.Uploader, f.Name, f.Size, f.Type, f.Width, f.Height, f.HasThumb))
		return err
	})
	return file, wrap("add file", err)
}

const selectFileUse = `SELECT coalesce(sum(size), 0)::bigint FROM files WHERE uploader_id = $1`

// CheckQuota answers TooLarge when files of so many bytes more would be too much for the user.
func (s *Store) CheckQuota(ctx context.Context, userID uuid.UUID, more, quota int64) error {
	used, err := one(ctx, s, value[int64], selectFileUse, userID)
	if err == nil && used+more > quota {
		err = overQuota(used, quota)
	}
	return wrap("add up files", err)
}

func overQuota(used, quota int64) error {
	return &Error{Code: TooLarge, Message: fmt.Sprintf(
		"Your files have %d MB already, of %d MB that each person may have. Delete messages with files that are not needed any more.",
		used>>20, quota>>20)}
}

// StoredFile is a file and where its content is.
type StoredFile struct {
	File
	Hash blobs.Hash
}

// File returns a file, and answers NotFound unless the user may read the message that it hangs on; or is the uploader, as
// long as there is none.
func (s *Store) File(ctx context.Context, userID, fileID uuid.UUID) (StoredFile, error) {
	f, err := one(ctx, s, func(row pgx.Row) (f StoredFile, err error) {
		var hash []byte
		if err = row.Scan(&f.File, &hash); err == nil {
			f.Hash = blobs.Hash(hash)
		}
		return f, err
	}, `
		SELECT `+fileObject+`, f.sha256
		FROM files f JOIN users u ON u.id = $1
		LEFT JOIN messages m ON m.id = f.message_id LEFT JOIN channels c ON c.id = m.channel_id
		WHERE f.id = $2 AND CASE WHEN f.message_id IS NULL THEN f.uploader_id = u.id ELSE `+mayRead+` END`, userID, fileID)
	if noRows(err) {
		return f, notFound("file")
	}
	return f, wrap("find file", err)
}

// sweepAtOnce is how many files, and how many contents, one step of a sweep takes.
const sweepAtOnce = 500

// SweepFiles forgets files that were uploaded before then and hang on no message, and has contents removed that are no
// file's any more and that nobody has brought since. It reports whether there is more to do. Others may do the same at the
// same time: each takes what the others do not.
func (s *Store) SweepFiles(ctx context.Context, before time.Time, remove func(blobs.Hash) error) (more bool, err error) {
	var files, contents int64
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		forgotten, err := tx.Exec(ctx, `
			DELETE FROM files WHERE message_id IS NULL AND id IN (
				SELECT id FROM files WHERE message_id IS NULL AND created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED)`,
			before, sweepAtOnce)
		files = forgotten.RowsAffected()
		return err
	})
	if err == nil {
		err = s.inTx(ctx, func(tx pgx.Tx) (err error) {
			contents, err = sweepContents(ctx, tx, before, remove)
			return err
		})
	}
	return files == sweepAtOnce || contents == sweepAtOnce, wrap("sweep files", err)
}

// sweepContents removes contents while their rows are locked: who brings one of them meanwhile waits, and then puts it anew.
// After a crash in the middle the rows are still there, and the next sweep goes on.
func sweepContents(ctx context.Context, tx pgx.Tx, before time.Time, remove func(blobs.Hash) error) (int64, error) {
	rows, _ := tx.Query(ctx, `
		SELECT sha256 FROM file_contents c
		WHERE touched_at < $1 AND NOT EXISTS (SELECT FROM files f WHERE f.sha256 = c.sha256) LIMIT $2 FOR UPDATE SKIP LOCKED`,
		before, sweepAtOnce)
	hashes, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	if err != nil || len(hashes) == 0 {
		return 0, err
	}
	// A statement of its own: it sees files that came between the beginning of the one before and its locks.
	rows, _ = tx.Query(ctx, `
		DELETE FROM file_contents c WHERE sha256 = ANY ($1) AND NOT EXISTS (SELECT FROM files f WHERE f.sha256 = c.sha256)
		RETURNING sha256`, hashes)
	if hashes, err = pgx.CollectRows(rows, pgx.RowTo[[]byte]); err != nil {
		return 0, err
	}
	for _, hash := range hashes {
		if err := remove(blobs.Hash(hash)); err != nil {
			return 0, err
		}
	}
	return int64(len(hashes)), nil
}
