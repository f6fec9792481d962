package main

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOnlyCleanPagesOfFilesAreGivenBack(t *testing.T) {
	const smaps = `00400000-00500000 r-xp 00000000 fe:00 1   /usr/bin/snug
Rss:                 100 kB
Anonymous:             0 kB
00500000-00600000 r--p 00100000 fe:00 1   /usr/bin/snug
Anonymous:             4 kB
00600000-00700000 rw-p 00200000 fe:00 1   /usr/bin/snug
Anonymous:             0 kB
00700000-00800000 r--p 00000000 00:00 0
Anonymous:             0 kB
00800000-00900000 r--s 00000000 fe:00 2   /var/shared
Anonymous:             0 kB
00900000-00a00000 r-xp 00000000 00:00 0   [vdso]
Anonymous:             0 kB
00a00000-00a01000 r--p 00000000 fe:00 3   /lib/libc.so
Anonymous:             0 kB
`
	got := fmt.Sprintf("%x", cleanMappings(strings.NewReader(smaps)))
	if diff := cmp.Diff("[{400000 100000} {a00000 1000}]", got); diff != "" {
		t.Error(diff)
	}
}

func TestAProgramGoesOnWithoutItsPages(t *testing.T) {
	smaps, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip(err)
	}
	defer smaps.Close()
	if len(cleanMappings(smaps)) == 0 {
		t.Fatal("found no pages of this program")
	}
	settleMemory(slog.New(slog.DiscardHandler))
}
