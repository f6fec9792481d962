package main

import (
	"strings"
	"testing"
	"testing/fstest"
)

// machine is a file system as the kernel shows it.
func machine(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{"proc/meminfo": {Data: []byte("MemTotal:       16777216 kB\nMemFree:         1000000 kB\n")}}
	for name, content := range files {
		root[name] = &fstest.MapFile{Data: []byte(content + "\n")}
	}
	return root
}

const (
	mountV2        = "29 23 0:26 / /sys/fs/cgroup ro,nosuid - cgroup2 cgroup2 rw,nsdelegate"
	mountV2Inside  = "29 23 0:26 /docker/0123 /sys/fs/cgroup ro,nosuid - cgroup2 cgroup rw"
	mountV1        = "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:1 - cgroup cgroup rw,memory"
	mountV1Inside  = "35 31 0:32 /docker/0123 /sys/fs/cgroup/memory ro,relatime - cgroup cgroup rw,memory"
	mountUnrelated = "34 31 0:31 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu"
)

func TestFindMemory(t *testing.T) {
	const v1None = "9223372036854771712"
	for name, test := range map[string]struct {
		files  map[string]string
		wanted int64
		want   memoryLimit
	}{
		"no limit": {nil, 0, memoryLimit{2 * gB, "no limit is set; a share of the machine's 16 GB"}},
		"a container with version 2": {map[string]string{
			"proc/self/cgroup": "0::/", "proc/self/mountinfo": mountV2, "sys/fs/cgroup/memory.max": "268435456",
		}, 0, memoryLimit{256 * mB, "/sys/fs/cgroup/memory.max"}},
		"version 2 told as the host sees it": {map[string]string{
			"proc/self/cgroup": "0::/docker/0123", "proc/self/mountinfo": mountV2Inside, "sys/fs/cgroup/memory.max": "268435456",
		}, 0, memoryLimit{256 * mB, "/sys/fs/cgroup/memory.max"}},
		"a group above has the lowest": {map[string]string{
			"proc/self/cgroup": "0::/system.slice/snug.service/inner", "proc/self/mountinfo": mountV2,
			"sys/fs/cgroup/system.slice/snug.service/inner/memory.max": "max",
			"sys/fs/cgroup/system.slice/snug.service/memory.max":       "536870912",
			"sys/fs/cgroup/system.slice/memory.max":                    "1073741824",
		}, 0, memoryLimit{512 * mB, "/sys/fs/cgroup/system.slice/snug.service/memory.max"}},
		"throttled before it is killed": {map[string]string{
			"proc/self/cgroup": "0::/pod", "proc/self/mountinfo": mountV2,
			"sys/fs/cgroup/pod/memory.max": "1073741824", "sys/fs/cgroup/pod/memory.high": "805306368",
		}, 0, memoryLimit{768 * mB, "/sys/fs/cgroup/pod/memory.high"}},
		"version 1 beside an idle version 2": {map[string]string{
			"proc/self/cgroup": "7:cpu,cpuacct:/a\n4:memory:/docker/0123\n0::/", "proc/self/mountinfo": mountUnrelated + "\n" + mountV1 + "\n" + mountV2,
			"sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes": "134217728",
			"sys/fs/cgroup/memory/docker/memory.limit_in_bytes":      v1None,
			"sys/fs/cgroup/memory/memory.limit_in_bytes":             v1None,
		}, 0, memoryLimit{128 * mB, "/sys/fs/cgroup/memory/docker/0123/memory.limit_in_bytes"}},
		"version 1 told as the host sees it": {map[string]string{
			"proc/self/cgroup": "4:memory:/docker/0123", "proc/self/mountinfo": mountV1Inside,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "134217728",
		}, 0, memoryLimit{128 * mB, "/sys/fs/cgroup/memory/memory.limit_in_bytes"}},
		"a limit above what the machine has": {map[string]string{
			"proc/self/cgroup": "0::/", "proc/self/mountinfo": mountV2, "sys/fs/cgroup/memory.max": "99999999999",
		}, 0, memoryLimit{2 * gB, "no limit is set; a share of the machine's 16 GB"}},
		"damaged files": {map[string]string{
			"proc/self/cgroup": "0::\n\n:", "proc/self/mountinfo": "- - -\n" + mountV2, "sys/fs/cgroup/memory.max": "many",
		}, 0, memoryLimit{2 * gB, "no limit is set; a share of the machine's 16 GB"}},
		"set":                         {nil, 4 * gB, memoryLimit{4 * gB, "SNUG_MEMORY"}},
		"set to more than there is":   {nil, 40 * gB, memoryLimit{16 * gB, "the machine, which has less than SNUG_MEMORY"}},
		"set to more than is allowed": {map[string]string{"proc/self/cgroup": "0::/", "proc/self/mountinfo": mountV2, "sys/fs/cgroup/memory.max": "268435456"}, gB, memoryLimit{256 * mB, "/sys/fs/cgroup/memory.max, which is below SNUG_MEMORY"}},
	} {
		got, err := findMemory(machine(test.files), test.wanted)
		if err != nil || got != test.want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, test.want)
		}
	}
	if _, err := findMemory(fstest.MapFS{}, 0); err == nil || !strings.Contains(err.Error(), "set SNUG_MEMORY") {
		t.Errorf("nothing to be found: %v", err)
	}
}

func FuzzFindMemory(f *testing.F) {
	f.Add("0::/a/b", mountV2)
	f.Add("4:memory:/docker/0123", mountV1Inside)
	f.Fuzz(func(t *testing.T, groups, mounts string) {
		limit, err := findMemory(machine(map[string]string{"proc/self/cgroup": groups, "proc/self/mountinfo": mounts}), 0)
		if err != nil || limit.Bytes != 2*gB {
			t.Errorf("%+v, %v", limit, err)
		}
	})
}
