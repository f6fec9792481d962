package chat

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"
	"github.com/valyala/fasthttp"

	"snug/chat/picture"
	"snug/store"
	"snug/store/blobs"
)

// Files says where uploads are kept, and how much of them.
type Files struct {
	Dir           string // the folder; all nodes share it
	Max           int64  // bytes of a file; default 100 MB
	Quota         int64  // bytes of all files of a person; default 10 GB
	PictureMemory int64  // bytes that it may take to decode a picture; default 64 MB
}

// uploads are the files of this server.
type uploads struct {
	Files
	folder   *blobs.Folder
	pictures *picture.Maker

	mu   sync.Mutex
	busy map[uuid.UUID]int // how many each user uploads at the moment
}

func openUploads(cfg Files) (*uploads, error) {
	for value, usual := range map[*int64]int64{&cfg.Max: 100 << 20, &cfg.Quota: 10 << 30, &cfg.PictureMemory: 64 << 20} {
		if *value == 0 {
			*value = usual
		}
	}
	folder, err := blobs.Open(cfg.Dir)
	return &uploads{Files: cfg, folder: folder, pictures: picture.NewMaker(cfg.PictureMemory), busy: map[uuid.UUID]int{}}, err
}

// fileSecurityPolicy lets nothing in a file do anything, should a browser show it: https://www.w3.org/TR/CSP3/#directive-sandbox.
const fileSecurityPolicy = "default-src 'none'; sandbox"

// shown are the types that browsers may show. Others they must save: what is in them could act in the name of who opens it.
var shown = map[string]bool{"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "text/plain": true}

const openDescription = "For whoever may read the message that the file hangs on; as long as there is none, for its uploader. Pictures and plain " +
	"text are shown by browsers, all else is an attachment."

func (s *Server) getFile(c *fiber.Ctx) error { return s.serveFile(c, blobs.Content) }

func (s *Server) getThumb(c *fiber.Ctx) error { return s.serveFile(c, blobs.Thumb) }

// serveFile sends a file, or what is kept of it besides, from the disk.
func (s *Server) serveFile(c *fiber.Ctx, kind blobs.Kind) error {
	id, err := uuid.Parse(c.Params("id"))
	if err != nil {
		return fiber.ErrNotFound
	}
	file, err := s.store.File(c.UserContext(), identityOf(c.UserContext()).User.ID, id)
	if err != nil {
		return err
	}
	if kind == blobs.Thumb && file.ThumbURL == "" {
		return fiber.ErrNotFound
	}
	content, err := s.uploads.folder.Get(file.Hash, kind)
	if err != nil {
		return s.missing(file, err)
	}
	mediaType := file.Type
	if kind == blobs.Thumb {
		mediaType, err = typeOfThumb(content)
	}
	var info fs.FileInfo
	if err == nil {
		info, err = content.Stat()
	}
	if err != nil {
		return errors.Join(err, content.Close())
	}
	return s.sendContent(c, sending{
		content: content, size: info.Size(), mediaType: mediaType, name: file.Name, etag: fmt.Sprintf(`"%x%s"`, file.Hash[:16], kind),
	})
}

// typeOfThumb is the type of a picture that we have made.
func typeOfThumb(content io.ReaderAt) (string, error) {
	var head [16]byte
	n, err := content.ReadAt(head[:], 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return http.DetectContentType(head[:n]), err
}

// missing is the error of a file that is known, but not on this disk: nodes may have folders of their own by mistake.
func (s *Server) missing(file store.StoredFile, err error) error {
	if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("open a file: %w", err)
	}
	s.log.Error("a file is not on the disk; nodes must share their folder of files", "file", file.ID, "folder", s.uploads.Dir)
	return newProblem(store.Unavailable, "The content of this file is not on this server right now. Ask whoever runs it to look at its log.")
}

// sending is a content to send.
type sending struct {
	content         *os.File // closed when it is sent
	size            int64
	mediaType, name string
	etag            string
}

// sendContent answers with a content or the range of it that is asked for: RFC 9110, sections 13 and 14.
func (s *Server) sendContent(c *fiber.Ctx, f sending) error {
	if matches(c.Get(fiber.HeaderIfNoneMatch), f.etag) {
		f.headers(c)
		return errors.Join(c.SendStatus(fiber.StatusNotModified), f.content.Close())
	}
	c.Set(fiber.HeaderAcceptRanges, "bytes")
	from, length, status := f.wanted(c)
	if status == http.StatusRequestedRangeNotSatisfiable {
		c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes */%d", f.size))
		return errors.Join(newProblem(rangeNotSatisfiable, fmt.Sprintf("The file has %d bytes; that range is not in it.", f.size)), f.content.Close())
	}
	f.headers(c)
	if status == http.StatusPartialContent {
		c.Set(fiber.HeaderContentRange, fmt.Sprintf("bytes %d-%d/%d", from, from+length-1, f.size))
	}
	c.Status(status)
	if c.Method() == fiber.MethodHead {
		c.Response().SkipBody = true
		c.Response().Header.SetContentLength(int(length))
		return f.content.Close()
	}
	c.Context().SetBodyStream(&departing{
		pacedReader: pacedReader{Reader: io.NewSectionReader(f.content, from, length),
			pace: pace{patience: s.tuning.write, deadline: c.Context().Conn().SetWriteDeadline}},
		file: f.content,
	}, int(length))
	return nil
}

// departing is a body on its way out.
type departing struct {
	pacedReader
	file *os.File
}

// Close is called when the body is sent, or cannot be.
func (d *departing) Close() error { return d.file.Close() }

// wanted is the part of the content that the request is for. What is no range in bytes, and more than one, may be
// answered with all of it.
func (f sending) wanted(c *fiber.Ctx) (from, length int64, status int) {
	header := c.Get(fiber.HeaderRange)
	if condition := c.Get("If-Range"); header == "" || condition != "" && condition != f.etag {
		return 0, f.size, http.StatusOK
	}
	first, last, err := fasthttp.ParseByteRange([]byte(header), int(f.size))
	switch {
	case err == nil:
		return int64(first), int64(last-first) + 1, http.StatusPartialContent
	case wellFormed(header):
		return 0, 0, http.StatusRequestedRangeNotSatisfiable
	}
	return 0, f.size, http.StatusOK
}

// wellFormed reports whether a header is one range in bytes, which may lie outside of what there is.
func wellFormed(header string) bool {
	first, last, found := strings.Cut(strings.TrimPrefix(header, "bytes="), "-")
	from, fromErr := strconv.ParseUint(first, 10, 63)
	to, toErr := strconv.ParseUint(last, 10, 63)
	return found && strings.HasPrefix(header, "bytes=") && (first == "" && toErr == nil || fromErr == nil && (last == "" || toErr == nil && from <= to))
}

// headers says how the content is to be taken. Browsers may keep it, and ask each time whether they still may see it.
func (f sending) headers(c *fiber.Ctx) {
	disposition := "attachment"
	if media, _, _ := strings.Cut(f.mediaType, ";"); shown[media] {
		disposition = "inline"
	}
	c.Set(fiber.HeaderContentType, f.mediaType)
	c.Set(fiber.HeaderContentDisposition, mime.FormatMediaType(disposition, map[string]string{"filename": f.name}))
	c.Set(fiber.HeaderContentSecurityPolicy, fileSecurityPolicy)
	c.Set(fiber.HeaderCacheControl, "private, no-cache")
	c.Set(fiber.HeaderETag, f.etag)
}

// fileName is the name that somebody gave a file, without folders and what cannot be seen, and not too long: its ending
// stays, by which programs know what it is.
func fileName(given string) string {
	given = strings.ToValidUTF8(given, "\uFFFD")
	given = given[strings.LastIndexAny(given, `/\`)+1:]
	name := strings.Trim(strings.Map(visible, given), ". ")
	if strings.HasPrefix(given, ".") && name != "" {
		name = "." + name // as programs name what is theirs
	}
	if runes := []rune(name); len(runes) > store.MaxFileName {
		ending := []rune(filepath.Ext(name))
		if len(ending) > 20 {
			ending = nil
		}
		name = string(runes[:store.MaxFileName-len(ending)]) + string(ending)
	}
	if name == "" {
		return "file"
	}
	return name
}
