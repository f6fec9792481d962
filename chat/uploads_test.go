package chat_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"snug/chat"
	"snug/chat/chattest"
	"snug/store"
)

// multipartForm is the body of a request.
type multipartForm struct{ body, contentType string }

// form has these files: name, content, name, content, …
func form(files ...string) multipartForm {
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	_ = w.WriteField("comment", "of no interest")
	for i := 0; i+1 < len(files); i += 2 {
		part, _ := w.CreateFormFile("file", files[i])
		_, _ = io.WriteString(part, files[i+1])
	}
	_ = w.Close()
	return multipartForm{out.String(), w.FormDataContentType()}
}

// tryUpload uploads files in one form.
func (u user) tryUpload(files ...string) answer {
	u.t.Helper()
	return u.call("POST", "/api/files", form(files...))
}

func (u user) upload(name, content string) (f store.File) {
	u.t.Helper()
	u.tryUpload(name, content).want(201).into(&f)
	return f
}

// sendFiles sends a message without a text.
func (u user) sendFiles(channel uuid.UUID, files ...store.File) (m store.Message) {
	u.t.Helper()
	u.call("POST", channelPath(channel, "/messages"), object{"client_id": uuid.New(), "file_ids": idsOf(files)}).want(201).into(&m)
	return m
}

func idsOf(files []store.File) (ids []uuid.UUID) {
	for _, f := range files {
		ids = append(ids, f.ID)
	}
	return ids
}

// eventually waits until check returns nil.
func eventually(t *testing.T, check func() error) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(waitLimit); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	t.Fatal(err)
}

// onDisk lists what is in the folder of uploads.
func onDisk(t *testing.T, folder string) (names []string) {
	t.Helper()
	for _, pattern := range []string{"*/*", "*/.*"} {
		list, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, list...)
	}
	return names
}

func TestNamesOfUploads(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	for given, want := range map[string]string{
		"cat.png": "cat.png", "Kätzchen – 1 & \"2\".png": "Kätzchen – 1 & \"2\".png", "../../etc/passwd": "passwd", `C:\temp\cat.png`: "cat.png",
		"cat\u202egnp.exe": "catgnp.exe", "  . . ": "file", ".env": ".env", strings.Repeat("ü", 300) + ".tar": strings.Repeat("ü", 196) + ".tar",
		"猫.txt": "猫.txt", "x'y%20;z": "x'y%20;z",
	} {
		f := ada.upload(given, "content")
		if f.Name != want {
			t.Errorf("%q is called %q, want %q", given, f.Name, want)
		}
		// What browsers make of it: RFC 6266.
		a := ada.call("GET", f.URL, nil).want(200)
		if _, params, err := mimeOf(a, "Content-Disposition"); err != nil || params["filename"] != want {
			t.Errorf("%q is saved as %q, %v", given, params["filename"], err)
		}
	}
	if names := onDisk(t, s.Files); len(names) != 1 {
		t.Errorf("the same content is stored as %v", names)
	}
}

func FuzzFileName(f *testing.F) {
	for _, seed := range []string{"a/b", "..", "\x00", "\xff", strings.Repeat("x", 500), "a." + strings.Repeat("y", 300), ".x", `\`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, given string) {
		name := chat.FileName(given)
		n := utf8.RuneCountInString(name)
		if !utf8.ValidString(name) || n < 1 || n > store.MaxFileName || strings.ContainsAny(name, "/\\\x00\r\n\u202e") || name == "." || name == ".." {
			t.Errorf("%q is called %q", given, name)
		}
		if again := chat.FileName(name); again != name {
			t.Errorf("%q is called %q, and that %q", given, name, again)
		}
	})
}

func TestUploadsThatAreNotTaken(t *testing.T) {
	s := chattest.Start(t, chattest.Options{Files: chat.Files{Max: 1 << 20, Quota: 3 << 20}})
	ada := setUp(t, s)
	largest := strings.Repeat("x", 1<<20)
	upload := form("a", "content")
	body, contentType := upload.body, upload.contentType
	for name, a := range map[string]answer{
		"too large":      ada.tryUpload("large", largest+"x"),
		"very large":     ada.tryUpload("large", largest+largest),
		"too large form": ada.call("POST", "/api/files", body+strings.Repeat("x", 2<<20), "Content-Type", contentType),
	} {
		if a.refused(413, "too_large"); !strings.Contains(string(a.body), "1 MB") {
			t.Errorf("%s: %s", name, a.body)
		}
	}
	for name, a := range map[string]answer{
		"no form":      ada.call("POST", "/api/files", "content", "Content-Type", "text/plain"),
		"no boundary":  ada.call("POST", "/api/files", body, "Content-Type", "multipart/form-data"),
		"other bound":  ada.call("POST", "/api/files", body, "Content-Type", "multipart/form-data; boundary=other"),
		"no file":      ada.tryUpload(),
		"two files":    ada.tryUpload("a", "a", "b", "b"),
		"cut off":      ada.call("POST", "/api/files", body[:len(body)-20], "Content-Type", contentType),
		"nothing":      ada.call("POST", "/api/files", nil, "Content-Type", contentType),
		"a large head": ada.call("POST", "/api/files", strings.Replace(body, "filename=", "x="+strings.Repeat("x", 100_000)+"; filename=", 1), "Content-Type", contentType),
	} {
		a.refused(422, "invalid", "file")
		_ = name
	}
	call(t, "POST", s.URL+"/api/files", body, "Content-Type", contentType).refused(401, "unauthenticated")
	call(t, "POST", s.URL+"/api/files", body, "Content-Type", contentType, "Cookie", "snug_session="+ada.token, "Origin", "https://evil.example").
		refused(403, "forbidden")
	for _, content := range []string{"a", "b"} {
		ada.upload("a", largest[1:]+content)
	}
	ada.tryUpload("a", largest[:1<<20-formSize]+"c").want(201)
	ada.tryUpload("a", largest).refused(413, "too_large")
	if err := begun(s, 0); err != nil {
		t.Error(err)
	}
	// Without a length said beforehand, too.
	r, _ := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/api/files", io.MultiReader(strings.NewReader(strings.Replace(body, "content", largest+"x", 1))))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+ada.invite("bob").token)
	response, err := http.DefaultClient.Do(r)
	if err != nil || response.StatusCode != 413 {
		t.Fatalf("%v, %v", response, err)
	}
	_ = response.Body.Close()
}

const formSize = 4 << 10

func TestNoRoomForUploads(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: func(cfg chat.Config) (*chat.Server, error) {
		cfg.Room = func() error { return fmt.Errorf("full") }
		return chat.New(cfg)
	}})
	ada := setUp(t, s)
	ada.tryUpload("a", "a").refused(503, "unavailable")
}

// begun returns an error unless so many uploads have begun, and not ended.
func begun(s *chattest.Server, want int) error {
	temporary, err := os.ReadDir(filepath.Join(s.Files, "tmp"))
	if err == nil && len(temporary) != want {
		err = fmt.Errorf("there are %d temporary files", len(temporary))
	}
	return err
}

// begin sends the beginning of a request, and leaves the connection open.
func begin(t *testing.T, u user, contentType string, length int, beginning string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", u.server.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_, err = fmt.Fprintf(conn, "POST /api/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		u.token, contentType, length, beginning)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// A long upload takes what time it needs, as long as it goes on; one that does not ends, and leaves nothing.
func TestSlowUploads(t *testing.T) {
	const patience = 400 * time.Millisecond
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{ReadRequest: patience})})
	ada := setUp(t, s)
	upload := form("long", strings.Repeat("x", 64<<10))
	body, contentType := upload.body, upload.contentType
	for name, goOn := range map[string]func(net.Conn){
		"half": func(net.Conn) {},
		"by drops": func(conn net.Conn) {
			for _, err := conn.Write([]byte("x")); err == nil; _, err = conn.Write([]byte("x")) {
				time.Sleep(patience / 4)
			}
		},
	} {
		begun := time.Now()
		conn := begin(t, ada, contentType, len(body), body[:9<<10]) // more than the server reads before it looks at anything
		_ = conn.SetReadDeadline(begun.Add(waitLimit))
		go goOn(conn)
		answered, err := io.ReadAll(conn)
		if !strings.HasPrefix(string(answered), "HTTP/1.1 408") || time.Since(begun) > waitLimit/2 {
			t.Errorf("%s: %.40s, %v after %v", name, answered, err, time.Since(begun))
		}
	}
	conn := begin(t, ada, contentType, len(body), "")
	for rest := body; rest != ""; rest = rest[min(len(rest), 8<<10):] {
		if _, err := io.WriteString(conn, rest[:min(len(rest), 8<<10)]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(patience / 3)
	}
	var status [12]byte
	if _, err := io.ReadFull(conn, status[:]); err != nil || string(status[:]) != "HTTP/1.1 201" {
		t.Errorf("steadily: %s, %v", status, err)
	}
	eventually(t, func() error { return begun(s, 0) })
}

// An upload that is under way when the server ends is told to come again.
func TestUploadsAtTheEnd(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{Drain: 2 * time.Second})})
	ada := setUp(t, s)
	upload := form("long", strings.Repeat("x", 64<<10))
	conn := begin(t, ada, upload.contentType, len(upload.body), upload.body[:32<<10])
	eventually(t, func() error { return begun(s, 1) })
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	answered, err := io.ReadAll(conn)
	if !strings.HasPrefix(string(answered), "HTTP/1.1 503") || !strings.Contains(string(answered), "Retry-After") {
		t.Errorf("%.300s, %v", answered, err)
	}
	if err := begun(s, 0); err != nil {
		t.Error(err)
	}
}

// Who asks for a file and does not take it holds nothing for long.
func TestDownloadsThatAreNotTaken(t *testing.T) {
	s := chattest.Start(t, chattest.Options{New: chat.With(chat.Tuning{Write: 300 * time.Millisecond})})
	ada := setUp(t, s)
	f := ada.upload("large", strings.Repeat("x", 32<<20))
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n", f.URL, ada.token)
	open := func() (count int) {
		links, _ := filepath.Glob("/proc/self/fd/*")
		for _, link := range links {
			if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, s.Files) {
				count++
			}
		}
		return count
	}
	if _, err := io.ReadFull(conn, make([]byte, 100)); err != nil || open() != 1 {
		t.Fatalf("%d are open, %v", open(), err)
	}
	eventually(t, func() error {
		if n := open(); n > 0 {
			return fmt.Errorf("%d are open", n)
		}
		return nil
	})
}

func TestManyUploadsOfOneUser(t *testing.T) {
	s := chattest.Start(t, chattest.Options{})
	ada := setUp(t, s)
	bob := ada.invite("bob")
	upload := form("a", strings.Repeat("x", 32<<10))
	body, contentType := upload.body, upload.contentType
	var conns []net.Conn
	for range chat.UploadsAtOnce {
		conns = append(conns, begin(t, ada, contentType, len(body), body[:16<<10]))
	}
	eventually(t, func() error { return begun(s, chat.UploadsAtOnce) })
	ada.tryUpload("a", "a").refused(429, "rate_limited")
	bob.upload("a", "a")
	for _, conn := range conns {
		_, _ = io.WriteString(conn, body[16<<10:])
		if _, err := io.ReadFull(conn, make([]byte, 12)); err != nil {
			t.Error(err)
		}
	}
	ada.upload("a", "a")
}

// zeros are many, and none is in memory.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Of a large file, only a little is in memory at any moment, on its way in and out.
func TestLargeFilesAreNotInMemory(t *testing.T) {
	const size = 200 << 20
	s := chattest.Start(t, chattest.Options{Files: chat.Files{Max: size}})
	ada := setUp(t, s)
	upload := form("zeros.bin", "\x00")
	body, contentType := upload.body, upload.contentType
	head, tail, _ := strings.Cut(body, "\x00")
	runtime.GC()
	var begin runtime.MemStats
	runtime.ReadMemStats(&begin)
	var most uint64
	done, watched := make(chan struct{}), sync.WaitGroup{}
	watched.Go(func() {
		for tick := time.NewTicker(5 * time.Millisecond); ; {
			select {
			case <-done:
				return
			case <-tick.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				most = max(most, now.HeapInuse)
			}
		}
	})
	r, _ := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/api/files",
		io.MultiReader(strings.NewReader(head), io.LimitReader(zeros{}, size), strings.NewReader(tail)))
	r.ContentLength = int64(len(head) + size + len(tail))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Authorization", "Bearer "+ada.token)
	response, err := http.DefaultClient.Do(r)
	if err != nil || response.StatusCode != 201 {
		t.Fatalf("%v, %v", response, err)
	}
	var f store.File
	content, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	answer{t: t, body: content}.into(&f)
	get, _ := http.NewRequestWithContext(t.Context(), "GET", s.URL+f.URL, nil)
	get.Header.Set("Authorization", "Bearer "+ada.token)
	if response, err = http.DefaultClient.Do(get); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	close(done)
	watched.Wait()
	if n != size || f.Size != size || err != nil {
		t.Errorf("%d bytes, %v: %+v", n, err, f)
	}
	grown := (int64(most) - int64(begin.HeapInuse)) >> 20
	t.Logf("the heap grew by %d MiB for a file of %d", grown, size>>20)
	if grown > 32 {
		t.Errorf("the heap grew by %d MiB", grown)
	}
}
