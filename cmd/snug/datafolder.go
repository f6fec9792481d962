package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"snug/store/postgres"
)

// instance is a data folder that this process holds: no other Snug can run on it meanwhile.
type instance struct {
	// Data and Run are absolute paths: what lasts, and where the sockets are.
	Data, Run string
	lock      *os.File
	runLock   *os.File
}

// lockName is the file in the data folder that the running Snug holds locked (flock(2)) and describes itself in.
const lockName = "snug.lock"

// lockNote is what the lock file says; commands find the control socket by it.
type lockNote struct {
	Pid int    `json:"pid"`
	Run string `json:"run"`
}

// ours are the entries of a data folder that Snug makes. Nothing else in it is ever touched.
var ours = []string{lockName, "postgres", "postgres.initialising", "postgresql", postgres.ReserveName, "secrets", "run", "files", "backups", "certs", guestFolder}

// harmless are entries that file systems and tools leave in a folder that is otherwise empty.
var harmless = []string{"lost+found", ".gitkeep", ".gitignore", ".DS_Store", ".snapshot", ".snapshots"}

// systemRun is where sockets go if that can be had for us alone.
const systemRun = "/run/snug"

// maxSocketFolder leaves room for the longest name in it: a unix socket's path has 107 bytes at most, unix(7).
const maxSocketFolder = 107 - len("/.s.PGSQL.5432.lock")

// openInstance makes the data folder if need be, and takes it. The errors say what to do.
func openInstance(settings Settings) (*instance, error) {
	data := string(settings.Data)
	if err := makeData(data); err != nil {
		return nil, err
	}
	if err := refuseForeign(data); err != nil {
		return nil, err
	}
	lock, err := takeLock(filepath.Join(data, lockName))
	if errors.Is(err, errLocked) {
		return nil, fmt.Errorf("data folder %s is in use by another Snug%s: stop that one, or choose another folder with SNUG_DATA",
			data, whoHolds(data))
	}
	if err != nil {
		return nil, explainDenied(data, err)
	}
	i := &instance{Data: data, lock: lock}
	if err := i.openRun(string(settings.Run)); err != nil {
		i.close()
		return nil, err
	}
	if err := i.describe(); err != nil {
		i.close()
		return nil, explainDenied(data, err)
	}
	return i, nil
}

// close lets the folders go.
func (i *instance) close() {
	for _, lock := range []*os.File{i.runLock, i.lock} {
		if lock != nil {
			_ = lock.Close()
		}
	}
}

// makeData makes the folder for us alone; those above it, where missing, can be passed by everyone.
func makeData(data string) error {
	if err := os.MkdirAll(filepath.Dir(data), 0o755); err != nil {
		return explainDenied(data, err)
	}
	if err := os.Mkdir(data, 0o750); err != nil && !errors.Is(err, fs.ErrExist) {
		return explainDenied(data, err)
	}
	return nil
}

// refuseForeign keeps Snug out of a folder that holds other things and nothing of its own, such as a home folder
// that was named by mistake.
func refuseForeign(data string) error {
	entries, err := os.ReadDir(data)
	if err != nil {
		return explainDenied(data, err)
	}
	var foreign []string
	for _, entry := range entries {
		if slices.Contains(ours, entry.Name()) {
			return nil
		}
		if !slices.Contains(harmless, entry.Name()) {
			foreign = append(foreign, entry.Name())
		}
	}
	if len(foreign) > 0 {
		return fmt.Errorf("data folder %s holds other things, such as %q, and no data of Snug's: choose an empty folder with SNUG_DATA",
			data, foreign[0])
	}
	return nil
}

var errLocked = errors.New("locked by another process")

func takeLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = file.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, &fs.PathError{Op: "lock", Path: path, Err: err}
	}
	return file, nil
}

// openRun takes the folder of the sockets: the one that was named, else /run/snug, else one under the data.
func (i *instance) openRun(named string) error {
	candidates := []string{systemRun, filepath.Join(i.Data, "run")}
	if named != "" {
		candidates = []string{named}
	}
	var last error
	for _, folder := range candidates {
		if len(folder) > maxSocketFolder {
			last = fmt.Errorf("folder %s is too long a path for sockets (at most %d bytes): choose a shorter one with SNUG_RUN",
				folder, maxSocketFolder)
			continue
		}
		lock, err := takeRun(folder)
		if err == nil {
			i.Run, i.runLock = folder, lock
			return nil
		}
		last = fmt.Errorf("folder of the sockets %s cannot be used: %w; choose another with SNUG_RUN", folder, err)
	}
	return last
}

func takeRun(folder string) (*os.File, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	return takeLock(filepath.Join(folder, lockName))
}

// describe writes who runs here into the lock file, which whoever finds it locked reads. In a container that is often what
// it says already; then nothing is written.
func (i *instance) describe() error {
	described := lockNote{Pid: os.Getpid(), Run: i.Run}
	if present, err := readLock(i.Data); err == nil && present == described {
		return nil
	}
	note, err := json.Marshal(described)
	if err != nil {
		return err
	}
	if err := i.lock.Truncate(0); err != nil {
		return err
	}
	_, err = i.lock.WriteAt(append(note, '\n'), 0)
	return err
}

// readLock says who runs on a data folder, or ran last.
func readLock(data string) (lockNote, error) {
	var note lockNote
	content, err := os.ReadFile(filepath.Join(data, lockName))
	if err != nil {
		return note, err
	}
	err = json.Unmarshal(content, &note)
	return note, err
}

func whoHolds(data string) string {
	if note, err := readLock(data); err == nil {
		return fmt.Sprintf(" (pid %d)", note.Pid)
	}
	return ""
}
