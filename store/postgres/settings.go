package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// LogLinePrefix is the log_line_prefix of the cluster (PostgreSQL docs, "Error Reporting and Logging"). A line is
//
//	2026-11-23 10:00:00.000 UTC [123] LOG:  database system is ready to accept connections
//
// that is the time with milliseconds in UTC (called GMT until PostgreSQL has read its configuration), the process id
// in brackets, the level, a colon and two spaces. Lines that belong to the one before begin with a tab.
const LogLinePrefix = "%m [%p] "

const (
	settingsFile = "snug.conf"             // ours, rewritten at every start
	localFile    = "postgresql.local.conf" // the user's, read last
)

// settings is the configuration of the cluster. Where it repeats PostgreSQL's default, it does because what was
// acknowledged must not be lost, or because nothing that was said may reach the logs.
const settings = `# Written by Snug at every start; what is changed here is lost.
# To change a setting, write it into ` + localFile + ` in this folder, which is read last.
# Where PostgreSQL listens is set on its command line.

include_if_exists 'postgresql.conf'

# Durability: an acknowledged commit survives a crash and a power cut.
fsync = on
synchronous_commit = on
full_page_writes = on
data_sync_retry = off
restart_after_crash = on

# Connections: only the unix socket, only with a password, and those of the dead are noticed.
unix_socket_permissions = 0700
password_encryption = 'scram-sha-256'
superuser_reserved_connections = 3
client_connection_check_interval = '1s'

# A small footprint: a team's database fits in the page cache of the operating system.
huge_pages = off
max_wal_size = '256MB'
min_wal_size = '64MB'
wal_compression = on
random_page_cost = 1.1
jit = off
max_logical_replication_workers = 0
# Not POSIX shared memory: containers have 64 MB of /dev/shm.
dynamic_shared_memory_type = sysv

# Logs for a machine to read, without statements, parameters and values of rows. (With a PANIC the statement is logged all
# the same; Snug's own have their values in parameters.)
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '` + LogLinePrefix + `'
log_timezone = 'UTC'
lc_messages = 'C'
log_statement = 'none'
log_duration = off
log_min_duration_statement = -1
log_min_duration_sample = -1
log_min_error_statement = panic
log_error_verbosity = terse
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
log_checkpoints = off
timezone = 'UTC'
`

// Memory is how much memory the cluster may take. The sizes are bytes. The zero value is [DefaultMemory].
type Memory struct {
	// SharedBuffers is the cache that all processes share.
	SharedBuffers int64 `json:"shared_buffers_bytes"`
	// MaxConnections bounds the backends, and with them their memory.
	MaxConnections int `json:"max_connections"`
	// WorkMem is for each sort of a query, and twice that for each of its hash tables.
	WorkMem int64 `json:"work_mem_bytes"`
	// MaintenanceWorkMem is for each VACUUM and each index that is built, AutovacuumWorkers how many of them run unasked.
	MaintenanceWorkMem int64 `json:"maintenance_work_mem_bytes"`
	AutovacuumWorkers  int   `json:"autovacuum_workers"`
	// EffectiveCacheSize is what the planner may hope to find in memory; none of it is taken.
	EffectiveCacheSize int64 `json:"effective_cache_size_bytes"`
}

// DefaultMemory is a small footprint, for where nothing is known of the machine.
var DefaultMemory = Memory{
	SharedBuffers:      32 << 20,
	MaxConnections:     64,
	WorkMem:            4 << 20,
	MaintenanceWorkMem: 32 << 20,
	AutovacuumWorkers:  3,
	EffectiveCacheSize: 256 << 20,
}

func (m Memory) settings() string {
	if m == (Memory{}) {
		m = DefaultMemory
	}
	return fmt.Sprintf(`
# Memory, sized from what this machine or its container has.
shared_buffers = '%dkB'
max_connections = %d
work_mem = '%dkB'
maintenance_work_mem = '%dkB'
autovacuum_max_workers = %d
effective_cache_size = '%dkB'
`, m.SharedBuffers/1024, m.MaxConnections, m.WorkMem/1024, m.MaintenanceWorkMem/1024, m.AutovacuumWorkers, m.EffectiveCacheSize/1024)
}

// settingsSince18 keeps PostgreSQL 18 from running processes for I/O alone.
const settingsSince18 = "io_method = sync\n"

// settingsWithSyncfs are for kernels that tell of every error of syncfs(2). Before it recovers, PostgreSQL brings its folder to
// the disk: that is most of a crash restart, 100 ms of 130, when it is done with each of some 1,200 files on its own, and
// 4 ms with all at once; also while others write much to the same disk it is less (PostgreSQL docs, recovery_init_sync_method).
const settingsWithSyncfs = "recovery_init_sync_method = syncfs\n"

// localSettings is what a new cluster begins with.
const localSettings = "# Settings of PostgreSQL that are yours: they are read after Snug's and are never written by it.\n"

const accessRules = `# Written by Snug at every start; what is changed here is lost.
# Only the unix socket, and every role with its password.
local all all scram-sha-256
`

// Settings is the content of snug.conf, the configuration file of a cluster of that major version, on this machine. It includes the
// postgresql.conf beside it before, and the user's postgresql.local.conf after, what is set by Snug.
func Settings(major int, memory Memory) string {
	text := settings + memory.settings()
	if major >= 18 {
		text += settingsSince18
	}
	if syncfsTellsErrors() {
		text += settingsWithSyncfs
	}
	return text + "\ninclude_if_exists '" + localFile + "'\n"
}

// syncfsTellsErrors: Linux does since 5.8 (syncfs(2)).
func syncfsTellsErrors() bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return false
	}
	return kernelSince58(unix.ByteSliceToString(name.Release[:]))
}

// kernelSince58 reads a release such as "5.10.0-28-amd64". One that it does not understand is an old one.
func kernelSince58(release string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(release, "%d.%d", &major, &minor); err != nil {
		return false
	}
	return major > 5 || major == 5 && minor >= 8
}

// configure writes our files into the cluster in dir, and leaves those alone that are right already.
func (c Config) configure(dir string, major int) error {
	for _, file := range []struct{ name, content string }{
		{settingsFile, Settings(major, c.Memory)},
		{"pg_hba.conf", accessRules},
	} {
		path := filepath.Join(dir, file.name)
		present, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("read PostgreSQL's configuration: %w", err)
		}
		if string(present) == file.content {
			continue
		}
		if err := writeFile(path, []byte(file.content)); err != nil {
			return fmt.Errorf("write PostgreSQL's configuration: %w", err)
		}
	}
	return nil
}

// quoteListItem quotes one item of a list setting such as unix_socket_directories, whose separator is the comma.
func quoteListItem(item string) string { return `"` + strings.ReplaceAll(item, `"`, `""`) + `"` }
