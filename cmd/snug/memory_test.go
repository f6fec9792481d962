package main

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMemoryPlanFitsIntoItsLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(leastMemory, mostMemory).Draw(t, "limit")
		if rapid.Bool().Draw(t, "small") {
			limit = rapid.Int64Range(leastMemory, 4*gB).Draw(t, "limit below 4 GB")
		}
		plan := planMemory(limit)
		if plan.Limit != limit || plan.sum() > limit {
			t.Fatalf("the parts sum to %d of %d: %+v", plan.sum(), limit, plan)
		}
		pg := plan.Postgres
		for name, part := range map[string]struct{ value, least, most int64 }{
			"supervisor":        {plan.Supervisor, 12 * mB, 48 * mB},
			"cache":             {plan.Cache, plan.CacheContents + 8*mB, limit / 8},
			"cache contents":    {plan.CacheContents, 4 * mB, gB},
			"chat":              {plan.Chat, 32 * mB, limit / 2},
			"pool":              {int64(plan.Pool), 2, 32},
			"shared buffers":    {pg.SharedBuffers, 16 * mB, limit / 4},
			"work_mem":          {pg.WorkMem, 64 * kB, limit / 64},
			"maintenance":       {pg.MaintenanceWorkMem, 2 * mB, limit / 16},
			"workers":           {int64(pg.AutovacuumWorkers), 1, 3},
			"effective cache":   {pg.EffectiveCacheSize, pg.SharedBuffers, limit / 2},
			"connections":       {int64(pg.MaxConnections), int64(2*plan.Pool) + 3 + 4, 100},
			"work_mem, kB":      {pg.WorkMem % kB, 0, 0},
			"maintenance, kB":   {pg.MaintenanceWorkMem % kB, 0, 0},
			"PostgreSQL's part": {plan.postgres(), pg.SharedBuffers, limit / 2},
		} {
			if part.value < part.least || part.value > part.most {
				t.Fatalf("%s is %d, want %d to %d; %+v", name, part.value, part.least, part.most, plan)
			}
		}
	})
}

func TestMoreMemoryMakesNoPartSmaller(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.Int64Range(0, 2*mostMemory).Draw(t, "limit")
		less, more := planMemory(limit), planMemory(limit+rapid.Int64Range(0, gB).Draw(t, "more"))
		if less.Supervisor > more.Supervisor || less.Cache > more.Cache || less.Chat > more.Chat || less.Pool > more.Pool ||
			less.Postgres.SharedBuffers > more.Postgres.SharedBuffers {
			t.Fatalf("%+v\n%+v", less, more)
		}
	})
}

func TestMemorySetting(t *testing.T) {
	for text, want := range map[string]memorySize{
		"128MB": 128 * mB, "512m": 512 * mB, "2GB": 2 * gB, "2 GiB": 2 * gB, "1t": 1 << 40, "268435456": 256 * mB, "300000kB": 300000 * kB,
	} {
		settings, _, err := loadSettings([]string{"SNUG_MEMORY=" + text})
		if err != nil || settings.Memory != want {
			t.Errorf("%s: %d, %v, want %d", text, settings.Memory, err, want)
		}
	}
	for _, text := range []string{"127MB", "lots", "512Mb/s", "-1GB", "0", "512", "2TB", "9999999999999GB", "1bb", "512MBMB"} {
		_, _, err := loadSettings([]string{"SNUG_MEMORY=" + text})
		if err == nil || !strings.Contains(err.Error(), `SNUG_MEMORY="`+text+`": must be a size of at least 128 MB`) {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

func TestOwnMemoryLimitOfTheUserWins(t *testing.T) {
	plan := planMemory(gB)
	t.Setenv("GOMEMLIMIT", "")
	if got := plan.environ("chat"); !slices.Equal(got, []string{"SNUG_MEMORY=1073741824", "GOMEMLIMIT=268435456"}) {
		t.Errorf("chat: %v", got)
	}
	t.Setenv("GOMEMLIMIT", "100MiB")
	if got := plan.environ("chat"); !slices.Equal(got, []string{"SNUG_MEMORY=1073741824"}) {
		t.Errorf("chat: %v", got)
	}
	if got := plan.environ("cache"); len(got) != 2 {
		t.Errorf("cache: %v", got)
	}
}

func TestOverrideReplacesEveryWayToSetAVariable(t *testing.T) {
	got := override([]string{"A=1", "SNUG_DATA_FILE=/x", "FILE__SNUG_DATA=/y", "SNUG_DATA=.", "B=2"}, "SNUG_DATA=/data")
	if want := []string{"A=1", "B=2", "SNUG_DATA=/data"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}
