package supervisor

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// chunked gives its content in pieces of the given sizes, over and over.
type chunked struct {
	content []byte
	sizes   []int
	turn    int
}

func (c *chunked) Read(p []byte) (int, error) {
	if len(c.content) == 0 {
		return 0, io.EOF
	}
	n := copy(p, c.content[:min(c.sizes[c.turn%len(c.sizes)], len(c.content))])
	c.turn++
	c.content = c.content[n:]
	return n, nil
}

func (c *chunked) SetReadDeadline(time.Time) error { return nil }
func (c *chunked) Close() error                    { return nil }

// linesOf is what readLines should make of an output that comes at once.
func linesOf(content []byte) []string {
	var lines []string
	for raw := range bytes.SplitSeq(content, []byte{'\n'}) {
		line := strings.TrimSuffix(string(raw), "\r")
		if len(raw) > maxLine {
			line = string(trimBrokenRune(raw[:maxLine])) + cutMark
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

var noLimit = LogLimit{Lines: 1 << 40, LineBurst: 1 << 40, Bytes: 1 << 40, ByteBurst: 1 << 40}

// readAll returns the lines of an output, and how many were told to be dropped.
func readAll(from outputPipeEnd, limit LogLimit) (lines []string, dropped int64) {
	reader := lineReader{
		from:        from,
		flood:       newFlood(limit),
		emit:        func(line string) { lines = append(lines, line) },
		tellDropped: func(n int64) { dropped += n },
	}
	reader.run()
	return lines, dropped
}

func TestLines(t *testing.T) {
	exact := strings.Repeat("x", maxLine)
	umlauts := strings.Repeat("ä", maxLine) // twice as many bytes
	content := "one\n\ntwo\r\n" + exact + "\n" + exact + "y\nafter\n" + "z" + umlauts + "\r\nlast"
	want := []string{"one", "two", exact, exact + cutMark, "after", "z" + umlauts[:maxLine-2] + cutMark, "last"}
	got, _ := readAll(&chunked{content: []byte(content), sizes: []int{1 << 20}}, noLimit)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzReadLines: however an output is cut into pieces, its lines are the same.
func FuzzReadLines(f *testing.F) {
	f.Add([]byte("one\ntwo\r\n\nthree"), []byte{1, 2, 200}, 1)
	f.Add([]byte("é\r\r\n\x00\xff\n"), []byte{1}, maxLine)
	f.Add([]byte("abcdefgh"), []byte{255, 1}, 3000)
	f.Fuzz(func(t *testing.T, content, sizes []byte, times int) {
		if len(sizes) == 0 || times < 1 || times*len(content) > 1<<18 {
			return
		}
		content = bytes.Repeat(content, times)
		pieces := make([]int, len(sizes))
		for i, size := range sizes {
			pieces[i] = 1 + int(size)*int(size) // up to the largest buffer
		}
		got, _ := readAll(&chunked{content: content, sizes: pieces}, noLimit)
		if want := linesOf(content); !slices.Equal(got, want) {
			t.Errorf("content %q in pieces of %v:\n%s", content, pieces, cmp.Diff(want, got))
		}
	})
}

// TestEveryLineIsPassedOrCounted: a limit takes from the lines, and says how many.
func TestEveryLineIsPassedOrCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lengths := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(1, 100), rapid.IntRange(1, 3*maxLine)), 1, 50).Draw(t, "lengths")
		sizes := rapid.SliceOfN(rapid.IntRange(1, maxReadBuffer), 1, 10).Draw(t, "sizes")
		limit := LogLimit{Lines: 1, Bytes: 1, LineBurst: rapid.IntRange(1, 60).Draw(t, "lines"), ByteBurst: rapid.IntRange(1, 10*maxLine).Draw(t, "bytes")}
		var content []byte
		for i, length := range lengths {
			content = fmt.Appendf(content, "%d%s\n", i, strings.Repeat("x", length))
		}
		all := linesOf(content)
		got, dropped := readAll(&chunked{content: content, sizes: sizes}, limit)
		if len(got)+int(dropped) != len(all) {
			t.Fatalf("%d lines passed and %d dropped of %d", len(got), dropped, len(all))
		}
		passed := 0
		for _, line := range all {
			if passed < len(got) && got[passed] == line {
				passed++
			}
		}
		if passed != len(got) {
			t.Fatalf("line %q was never printed, or not in this place", got[passed])
		}
		if len(got) > limit.LineBurst+1 {
			t.Fatalf("%d lines passed a limit of %d", len(got), limit.LineBurst)
		}
	})
}

// told is what came of an output, and when.
type told struct {
	At   time.Duration
	Line string
}

// listen reads what is written in a bubble of virtual time.
func listen(limit LogLimit) (input net.Conn, heard func() []told) {
	input, output := net.Pipe()
	begun := time.Now()
	var got []told
	done := make(chan struct{})
	reader := lineReader{
		from:        output,
		flood:       newFlood(limit),
		emit:        func(line string) { got = append(got, told{time.Since(begun), line}) },
		tellDropped: func(n int64) { got = append(got, told{time.Since(begun), fmt.Sprintf("%d dropped", n)}) },
	}
	go func() {
		defer close(done)
		reader.run()
	}()
	return input, func() []told {
		_ = input.Close()
		<-done
		return got
	}
}

func TestPartialLineAppears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input, heard := listen(noLimit)
		write := func(text string, pause time.Duration) {
			_, _ = io.WriteString(input, text)
			time.Sleep(pause)
		}
		write("password: ", 3*time.Second)
		write("\nwel", 300*time.Millisecond)
		write("come\n", 5*time.Second)
		for range 4 { // the second comes with the first, which has waited
			write(".", 700*time.Millisecond)
		}
		write("done\n", 0)
		write("the end", 0)
		want := []told{
			{time.Second, "password: "},
			{3300 * time.Millisecond, "welcome"},
			{9300 * time.Millisecond, ".."},
			{10700 * time.Millisecond, ".."},
			{11100 * time.Millisecond, "done"},
			{11100 * time.Millisecond, "the end"},
		}
		if diff := cmp.Diff(want, heard()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestFloodIsDroppedAndTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		input, heard := listen(LogLimit{Lines: 2, LineBurst: 4, Bytes: 1000, ByteBurst: 1000})
		for i := range 10 { // 4 of them pass, the rest is told a second after the first was dropped
			_, _ = fmt.Fprintf(input, "rush %d\n", i)
		}
		time.Sleep(10 * time.Second)
		for i := range 10 { // two a second are within the limit
			_, _ = fmt.Fprintf(input, "calm %d\n", i)
			time.Sleep(500 * time.Millisecond)
		}
		_, _ = io.WriteString(input, strings.Repeat("y", 3000)+"\n") // more than the bytes, which are then in debt
		_, _ = io.WriteString(input, "too much\n")
		time.Sleep(1500 * time.Millisecond)
		_, _ = io.WriteString(input, "too much\n")
		time.Sleep(1500 * time.Millisecond)
		_, _ = io.WriteString(input, "paid\n")
		_, _ = io.WriteString(input, strings.Repeat("too much at the end\n", 20))
		got := heard()
		want := []told{{0, "rush 0"}, {0, "rush 1"}, {0, "rush 2"}, {0, "rush 3"}, {time.Second, "6 dropped"}}
		for i := range 10 {
			want = append(want, told{time.Duration(20+i) * 500 * time.Millisecond, fmt.Sprintf("calm %d", i)})
		}
		want = append(want,
			told{15 * time.Second, strings.Repeat("y", 3000)},
			told{16 * time.Second, "1 dropped"},
			told{17500 * time.Millisecond, "1 dropped"},
			told{18 * time.Second, "paid"},
		)
		want = append(want, slices.Repeat([]told{{18 * time.Second, "too much at the end"}}, 3)...)
		want = append(want, told{18 * time.Second, "17 dropped"})
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
