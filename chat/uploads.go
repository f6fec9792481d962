package chat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"syscall"
	"time"
	"unicode"

	"github.com/gabriel-vasile/mimetype"
	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"snug/chat/picture"
	"snug/store"
	"snug/store/blobs"
)

// The bounds of uploads.
const (
	uploadsAtOnce = 8         // of a user, at each node
	formLimit     = 64 << 10  // bytes of a form, besides its file
	diskReserve   = 256 << 20 // bytes of the disk that stay free
	roomEvery     = 16 << 20  // bytes between two looks at the disk
	pictureWait   = 5 * time.Second
)

const uploadDescription = "One part of the form is the file; its field may have any name. The answer's id goes into the file_ids of a message. " +
	"A file that is in no message is for its uploader alone, and is removed after a day."

// upload is a file that has arrived.
type upload struct {
	*blobs.Temp
	name      string
	mediaType string
	thumb     *blobs.Temp // nil if there is none
	picture   picture.Info
}

// detect finds out the type of the file by its content.
func (u *upload) detect() error {
	mediaType, err := mimetype.DetectReader(io.NewSectionReader(u, 0, u.Size()))
	if err != nil {
		return fmt.Errorf("find out the type of a file: %w", err)
	}
	u.mediaType = mediaType.String()
	return nil
}

// discard lets go of what was not put into the folder.
func (u *upload) discard() {
	u.Discard()
	if u.thumb != nil {
		u.thumb.Discard()
	}
}

func (s *Server) uploadFile(c *fiber.Ctx) error {
	who := identityOf(c.UserContext()).User.ID
	ready, err := s.uploads.begin(who)
	if err != nil {
		return err
	}
	defer ready()
	if err := s.store.CheckQuota(c.UserContext(), who, max(0, int64(c.Request().Header.ContentLength())-formLimit), s.uploads.Quota); err != nil {
		return err
	}
	u, err := s.receive(c, s.uploads.Max)
	if err != nil {
		return err
	}
	defer u.discard()
	ctx, cancel := s.afterBody(c)
	defer cancel()
	if err := s.uploads.look(ctx, u); err != nil {
		return err
	}
	file, err := s.store.AddFile(ctx, store.NewFile{
		Uploader: who, Hash: u.Hash(), Name: u.name, Size: u.Size(), Type: u.mediaType,
		Width: u.picture.Width, Height: u.picture.Height, HasThumb: u.thumb != nil,
	}, s.uploads.Quota, func() error { return s.uploads.put(u) })
	if err != nil {
		return outOfSpace(err)
	}
	return c.Status(created).JSON(file)
}

// afterBody is the context of what is done once the body is there, which has had a time of its own.
func (s *Server) afterBody(c *fiber.Ctx) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(c.UserContext()), s.tuning.handle)
}

// begin counts the uploads of a user, and refuses one too many. ready is to be called at its end.
func (u *uploads) begin(user uuid.UUID) (ready func(), err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.busy[user] >= uploadsAtOnce {
		return nil, newProblem(store.RateLimited, "You are uploading many files already. Wait until one of them is there.")
	}
	u.busy[user]++
	return func() {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.busy[user]--; u.busy[user] == 0 {
			delete(u.busy, user)
		}
	}, nil
}

// put brings an upload into the folder.
func (u *uploads) put(up *upload) error {
	if up.thumb != nil {
		if err := u.folder.Put(up.thumb, up.Hash(), blobs.Thumb); err != nil {
			return err
		}
	}
	return u.folder.Put(up.Temp, up.Hash(), blobs.Content)
}

// look finds out what the upload is, and makes a small picture of it if it is one.
func (u *uploads) look(ctx context.Context, up *upload) error {
	err := up.detect()
	if err != nil {
		return err
	}
	if up.picture, err = picture.Inspect(up, up.Size(), up.mediaType); err != nil {
		return nil // as most files are none
	}
	ctx, cancel := context.WithTimeout(ctx, pictureWait)
	defer cancel()
	made, err := u.pictures.Thumb(ctx, up, up.Size(), up.picture)
	if err != nil {
		return nil // it is shown without
	}
	if up.thumb, err = u.folder.Create(); err == nil {
		_, err = up.thumb.Write(made.Bytes)
	}
	return outOfSpace(err)
}

// receive takes the one file of a form, as it comes, into a temporary file that the caller discards.
func (s *Server) receive(c *fiber.Ctx, most int64) (*upload, error) {
	length := int64(c.Request().Header.ContentLength())
	if length > most+formLimit {
		return nil, tooLarge(most)
	}
	if err := s.room(max(length, 0)); err != nil {
		return nil, err
	}
	media, params, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || media != fiber.MIMEMultipartForm || params["boundary"] == "" {
		return nil, notAForm
	}
	body := &formReader{Reader: s.arriving(c), left: formLimit}
	form := multipart.NewReader(body, params["boundary"])
	u := &upload{}
	if u.Temp, err = s.uploads.folder.Create(); err != nil {
		return nil, outOfSpace(err)
	}
	if err := s.readForm(form, body, u, most); err != nil {
		u.discard()
		if body.failed != nil {
			return nil, s.brokenBody(c, body.failed)
		}
		return nil, outOfSpace(err)
	}
	return u, nil
}

var notAForm = invalidField("file", "must be one file, sent as multipart/form-data")

func tooLarge(most int64) error {
	return newProblem(store.TooLarge, fmt.Sprintf("The file is larger than %d MB, which is the most that this server takes.", most>>20))
}

// readForm reads a form to its end.
func (s *Server) readForm(form *multipart.Reader, body *formReader, u *upload, most int64) error {
	for {
		part, err := form.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && u.name != "":
			return nil
		case err != nil:
			return notAForm
		case part.FileName() == "": // another field of the form
		case u.name != "":
			return notAForm
		default:
			u.name = fileName(part.FileName())
			body.left += most + 1
			if err := s.copyFile(u, part, most); err != nil {
				return err
			}
			body.left = formLimit
		}
	}
}

// copyFile takes a file, as long as it is not too large and the disk has room.
func (s *Server) copyFile(to io.Writer, from io.Reader, most int64) error {
	for copied := int64(0); ; {
		n, err := io.CopyN(to, from, min(roomEvery, most+1-copied))
		copied += n
		switch {
		case copied > most:
			return tooLarge(most)
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, io.ErrUnexpectedEOF): // the form ends in the middle of it
			return notAForm
		case err != nil:
			return fmt.Errorf("take a file: %w", err)
		}
		if err := s.room(0); err != nil {
			return err
		}
	}
}

// formReader reads a form that says too much besides its file only so far, and keeps why it could not be read on.
type formReader struct {
	io.Reader
	left   int64
	failed error
}

func (r *formReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, notAForm
	}
	n, err := r.Reader.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = err
	}
	return n, err
}

// room returns an error when the disk would be nearly full with so many bytes more.
func (s *Server) room(more int64) error {
	full := newProblem(store.Unavailable, "The disk of this server is nearly full. Upload your file again once there is room.")
	if s.cfg.Room != nil {
		if err := s.cfg.Room(); err != nil {
			s.log.Warn("no room for a file", "error", err)
			return full
		}
	}
	var disk syscall.Statfs_t
	if err := syscall.Statfs(s.uploads.Dir, &disk); err != nil || disk.Blocks == 0 {
		return nil // file systems without a size of their own tell nothing
	}
	if free := int64(disk.Bavail) * disk.Bsize; free-more < diskReserve {
		s.log.Warn("no room for a file", "free", free, "file", more)
		return full
	}
	return nil
}

// outOfSpace says what an error of the disk is about, if it is that there is no room on it.
func outOfSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return errors.Join(newProblem(store.Unavailable, "The disk of this server is full. Upload your file again once there is room."), err)
	}
	return err
}

// visible leaves out of a name what cannot be seen: controls, and what turns the direction of a text, by which an ending can
// be made to look like another.
func visible(r rune) rune {
	if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
		return -1
	}
	return r
}
