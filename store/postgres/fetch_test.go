package postgres_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"snug/store/postgres"
	"snug/store/postgres/postgrestest"
)

// fetchConfig describes an instance on a machine without PostgreSQL.
func fetchConfig(t *testing.T, repository http.Handler) postgres.Config {
	t.Helper()
	server := httptest.NewServer(repository)
	t.Cleanup(server.Close)
	cfg := newConfig(t)
	cfg.BinDir, cfg.SearchDirs = "", []string{}
	cfg.RepositoryURL = server.URL
	return cfg
}

// repository serves a jar and its checksum as Maven repositories do, for every version and architecture.
type repository struct {
	jar      []byte
	checksum string

	mu    sync.Mutex
	paths []string
}

// asked returns the paths that were asked for.
func (r *repository) asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.paths)
}

func newRepository(jar []byte) *repository {
	sum := sha256.Sum256(jar)
	return &repository{jar: jar, checksum: hex.EncodeToString(sum[:])}
}

func (r *repository) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	r.paths = append(r.paths, request.URL.Path)
	r.mu.Unlock()
	switch {
	case !strings.HasPrefix(request.URL.Path, "/io/zonky/test/postgres/embedded-postgres-binaries-linux-"):
		http.NotFound(w, request)
	case strings.HasSuffix(request.URL.Path, ".jar"):
		_, _ = w.Write(r.jar)
	case strings.HasSuffix(request.URL.Path, ".jar.sha256"):
		_, _ = io.WriteString(w, r.checksum)
	default:
		http.NotFound(w, request)
	}
}

// installedJar packs the PostgreSQL of this machine as the jars with programs are: a .txz in a zip. Debian's programs
// look for their modules beside themselves, and for the rest where Debian put it.
func installedJar(t *testing.T) []byte {
	t.Helper()
	binaries, err := postgres.Locate(newConfig(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := postgrestest.TempDir(t)
	makeFolder(t, filepath.Join(dir, "bin"))
	for _, name := range []string{"postgres", "initdb", "pg_ctl"} {
		copyFile(t, filepath.Join(binaries.Dir, name), filepath.Join(dir, "bin", name), 0o755)
	}
	makeFolder(t, filepath.Join(dir, "lib"))
	for _, name := range []string{"dict_snowball.so", "plpgsql.so"} { // what initdb needs
		module := filepath.Join(binaries.Dir, "..", "lib", name)
		if _, err := os.Stat(module); err != nil {
			t.Skipf("the PostgreSQL in %s has no modules beside it, as Debian's has: %v", binaries.Dir, err)
		}
		copyFile(t, module, filepath.Join(dir, "lib", name), 0o644)
	}
	return packJar(t, dir)
}

func copyFile(t testing.TB, from, to string, mode fs.FileMode) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, to, string(content), mode)
}

// packJar packs all that is in a folder.
func packJar(t *testing.T, dir string) []byte {
	t.Helper()
	// A link, as among the libraries of the real archives.
	if err := os.Symlink("postgres", filepath.Join(dir, "bin", "postmaster")); err != nil {
		t.Fatal(err)
	}
	tar := exec.Command("tar", "--create", "--use-compress-program=xz -0", "--directory="+dir, ".")
	txz, err := tar.Output()
	if err != nil {
		t.Skipf("tar and xz are needed to make an archive: %v", err)
	}
	var jar bytes.Buffer
	archive := zip.NewWriter(&jar)
	file, err := archive.Create("postgres-linux-x86_64.txz")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(txz); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return jar.Bytes()
}

func TestFetchOnAMachineWithoutPostgreSQL(t *testing.T) {
	source := newRepository(installedJar(t))
	cfg := fetchConfig(t, source)
	log := mustProvision(t, cfg)
	if !strings.Contains(log, "fetching it") {
		t.Errorf("the download is not told:\n%s", log)
	}
	expectNoLeftovers(t, dataDir(cfg))
	entries, err := os.ReadDir(cfg.FetchedDir)
	if err != nil || len(entries) != 1 || !strings.HasPrefix(entries[0].Name(), "18.") {
		t.Errorf("fetched: %v %v, want one folder of version 18", entries, err)
	}
	start(t, cfg).stop(t)

	asked := len(source.asked())
	mustProvision(t, cfg)
	if paths := source.asked()[asked:]; len(paths) != 0 {
		t.Errorf("the second start asked for %q", paths)
	}

	// The programs are lost, the cluster is not: those of its own version are fetched.
	if err := os.RemoveAll(cfg.FetchedDir); err != nil {
		t.Fatal(err)
	}
	major, err := os.ReadFile(filepath.Join(cfg.Dir, "PG_VERSION"))
	if err != nil {
		t.Fatal(err)
	}
	mustProvision(t, cfg)
	paths := source.asked()
	if path := paths[len(paths)-1]; !strings.Contains(path, "/"+strings.TrimSpace(string(major))+".") {
		t.Errorf("asked for %s, want version %s", path, major)
	}
	start(t, cfg).stop(t)
}

func TestFetchThatFails(t *testing.T) {
	good := installedJar(t)
	damaged := newRepository(good)
	damaged.checksum = strings.Repeat("0", 64)
	broken := postgrestest.TempDir(t)
	fakePrograms(t, filepath.Join(broken, "bin"), "18.3")
	writeFile(t, filepath.Join(broken, "bin", "initdb"), "#!/bin/sh\necho 'initdb: error: not on this machine' >&2; exit 127\n", 0o755)
	for name, tt := range map[string]struct {
		serve http.Handler
		want  string
	}{
		"a wrong checksum":           {damaged, "tampered with"},
		"nothing there":              {http.NotFoundHandler(), "404"},
		"not a jar":                  {newRepository([]byte("<html>Welcome to this hotel's network</html>")), "zip"},
		"programs that do not run":   {newRepository(packJar(t, broken)), "not on this machine"},
		"half an archive in the jar": {newRepository(cutJar(t, good)), "extract"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := fetchConfig(t, tt.serve)
			_, err := provision(t, cfg)
			if err == nil {
				t.Fatal("Provision says nothing")
			}
			for _, part := range []string{tt.want, "package manager", "SNUG_POSTGRES_BIN"} {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("the error has no %q:\n%v", part, err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error is more than one line:\n%v", err)
			}
			expectNoLeftovers(t, dataDir(cfg))
			if found, err := postgres.Locate(cfg); err == nil {
				t.Errorf("programs were kept: %v", found)
			}
		})
	}
}

// cutJar returns a jar whose archive ends in the middle.
func cutJar(t *testing.T, jar []byte) []byte {
	t.Helper()
	whole, err := zip.NewReader(bytes.NewReader(jar), int64(len(jar)))
	if err != nil {
		t.Fatal(err)
	}
	file, err := whole.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	txz, err := io.ReadAll(io.LimitReader(file, int64(whole.File[0].UncompressedSize64/2)))
	if err != nil {
		t.Fatal(err)
	}
	var cut bytes.Buffer
	archive := zip.NewWriter(&cut)
	part, err := archive.Create(whole.File[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(txz); err != nil {
		t.Fatal(err)
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	return cut.Bytes()
}

// TestFetchEndedInTheMiddle has a server that sends half and waits; then the start is killed, or told to end.
func TestFetchEndedInTheMiddle(t *testing.T) {
	source := newRepository(installedJar(t))
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			half, whole := make(chan struct{}), atomic.Bool{}
			cfg := fetchConfig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if whole.Load() || !strings.HasSuffix(r.URL.Path, ".jar") {
					source.ServeHTTP(w, r)
					return
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(source.jar)))
				_, _ = w.Write(source.jar[:len(source.jar)/2])
				w.(http.Flusher).Flush()
				close(half)
				<-r.Context().Done()
			}))
			cmd := provisionCommand(t, cfg)
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			<-half
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err == nil {
				t.Error("Provision says nothing")
			}
			if signal == syscall.SIGTERM {
				expectNoLeftovers(t, dataDir(cfg))
				return
			}
			whole.Store(true)
			mustProvision(t, cfg)
			expectNoLeftovers(t, dataDir(cfg))
			start(t, cfg).stop(t)
		})
	}
}
