package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"snug/store/postgres"
)

const (
	kB = 1 << 10
	mB = 1 << 20
	gB = 1 << 30
)

// The limits that a plan is made for. Less than the least is planned for as if it were that; of a terabyte and more
// nothing would be used better than by the operating system's page cache.
const (
	leastMemory = 128 * mB
	mostMemory  = 1 << 40
)

// memoryPlan says how the memory of one container is shared out. All sizes are bytes. The parts, see sum, fit
// into Limit; Reserve is what the kernel, the programs' own pages and the page cache are left.
type memoryPlan struct {
	Limit   int64 `json:"limit_bytes"`
	Reserve int64 `json:"reserve_bytes"`
	// Supervisor, Cache and Chat are the soft limits of Go's runtime in these processes: GOMEMLIMIT.
	Supervisor int64 `json:"supervisor_bytes"`
	Cache      int64 `json:"cache_bytes"`
	Chat       int64 `json:"chat_bytes"`
	// CacheContents is what may be kept in the cache; it is within Cache.
	CacheContents int64 `json:"cache_contents_bytes"`
	// Pool is how many connections to the database each chat process has at most.
	Pool     int             `json:"chat_pool"`
	Postgres postgres.Memory `json:"postgres"`
}

// What PostgreSQL takes apart from what is set, as private memory of PostgreSQL 15: its processes without a client
// have 4 MB, a backend 1.5 MB at its start and 2.6 MB after the queries of chat.
const (
	postgresBase    = 8 * mB
	postgresBackend = 2600 * kB
)

// otherConnections are those of PostgreSQL that no pool of chat uses: three for superusers, of which the probe takes
// one; and migrations, a backup with its workers, and people with psql.
const otherConnections = 10

// planMemory shares out limit bytes. It depends on nothing else, so every process comes to the same plan.
func planMemory(limit int64) memoryPlan {
	limit = min(max(limit, leastMemory), mostMemory)
	contents := clamp(limit/32, 4*mB, gB)
	plan := memoryPlan{
		Limit:         limit,
		Reserve:       limit / 8,
		Supervisor:    clamp(limit/16, 12*mB, 48*mB),
		Cache:         8*mB + contents*3/2, // the runtime needs room to collect what is no longer used
		CacheContents: contents,
		Chat:          limit / 4,
		Pool:          int(clamp(limit/(128*mB)+1, 2, 32)),
	}
	plan.Postgres = planPostgres(limit, plan.Pool)
	return plan
}

// planPostgres gives PostgreSQL up to half of the memory: an eighth as its own cache, and the rest to what may be done
// at the same time. A planned restart of chat has two pools for a while.
func planPostgres(limit int64, pool int) postgres.Memory {
	connections := 2*pool + otherConnections
	return postgres.Memory{
		SharedBuffers:      clamp(limit/8, 16*mB, 8*gB),
		MaxConnections:     connections,
		WorkMem:            clamp((limit-88*mB)/(12*int64(connections)), 64*kB, 32*mB) / kB * kB,
		MaintenanceWorkMem: clamp(limit/64, 2*mB, gB) / kB * kB,
		AutovacuumWorkers:  int(clamp(limit/(512*mB), 1, 3)),
		EffectiveCacheSize: limit / 4,
	}
}

// sum is the most that all parts take together, were each used in full.
func (p memoryPlan) sum() int64 {
	return p.Reserve + p.Supervisor + p.Cache + p.Chat + p.postgres()
}

// postgres is the most that PostgreSQL takes: a query may use twice work_mem for one hash table (PostgreSQL docs,
// hash_mem_multiplier), and maintenance is done by one client beside the workers of autovacuum. Not every connection
// has a backend in use: those of chat's pools and a few others.
func (p memoryPlan) postgres() int64 {
	m := p.Postgres
	inUse := int64(2*p.Pool + 3)
	return postgresBase + m.SharedBuffers + m.SharedBuffers/32 + // with the buffers of the write-ahead log
		inUse*postgresBackend + int64(m.MaxConnections)*2*m.WorkMem +
		int64(m.AutovacuumWorkers+1)*m.MaintenanceWorkMem
}

func clamp(n, least, most int64) int64 { return min(max(n, least), most) }

// formatBytes is a size as people and PostgreSQL write it: in the largest unit that leaves a whole number of some use.
func formatBytes(n int64) string {
	switch {
	case n >= 10*gB || n >= gB && n%gB == 0:
		return fmt.Sprintf("%d GB", n/gB)
	case n >= 10*mB || n >= mB && n%mB == 0:
		return fmt.Sprintf("%d MB", n/mB)
	default:
		return fmt.Sprintf("%d kB", n/kB)
	}
}

// environ is what a service that is this binary is told of the plan: the limit, from which it makes the same plan, and
// the limit of its runtime. A GOMEMLIMIT that the user has set is kept for all but the cache, whose contents are
// bounded by ours, and the supervisor.
func (p memoryPlan) environ(service string) []string {
	variables := []string{fmt.Sprintf("SNUG_MEMORY=%d", p.Limit)}
	switch {
	case service == "cache":
		variables = append(variables, fmt.Sprintf("GOMEMLIMIT=%d", p.Cache))
	case os.Getenv("GOMEMLIMIT") == "":
		variables = append(variables, fmt.Sprintf("GOMEMLIMIT=%d", p.Chat))
	}
	return variables
}

// memorySize is a number of bytes as people write it: 512MB, 2g, 1073741824.
type memorySize int64

var memoryUnits = map[string]int64{"": 1, "k": kB, "m": mB, "g": gB, "t": 1 << 40}

func (m *memorySize) UnmarshalText(text []byte) error {
	n, ok := parseSize(string(text))
	if !ok || n < leastMemory || n > mostMemory {
		return settingError{"must be a size of at least " + formatBytes(leastMemory) + ", such as 512MB or 2GB"}
	}
	*m = memorySize(n)
	return nil
}

// parseSize reads a size such as 512MB, 2g or 1073741824.
func parseSize(text string) (int64, bool) {
	number := strings.TrimRight(strings.ToLower(text), "bikmgt ")
	unit := strings.TrimSpace(strings.ToLower(text)[len(number):])
	factor, known := memoryUnits[strings.TrimSuffix(strings.TrimSuffix(unit, "b"), "i")]
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !known || n < 0 || n > math.MaxInt64/factor {
		return 0, false
	}
	return n * factor, true
}

func (m memorySize) String() string {
	if m == 0 {
		return ""
	}
	return formatBytes(int64(m))
}

// sharedMemory is the plan for this process and its siblings.
func sharedMemory(settings Settings) (memoryPlan, memoryLimit, error) {
	limit, err := findMemory(os.DirFS("/"), int64(settings.Memory))
	return planMemory(limit.Bytes), limit, err
}
