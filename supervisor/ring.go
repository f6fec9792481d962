package supervisor

// ring holds the last lines of one service, bounded in bytes.
type ring struct {
	capacity int
	entries  []entry
	// first is the number of entries[0] among all that the service ever said; size is what the entries cost.
	first uint64
	size  int
}

// entry is one line: a JSON document with its line end. seq is its place among the lines of all services.
type entry struct {
	seq  uint64
	text string
}

// entryOverhead is what an entry costs besides its text, in bytes: its place in the slice, which has up to as many free
// ones, and the rounding of the allocation.
const entryOverhead = 64

func cost(text string) int { return len(text) + entryOverhead }

// add keeps an entry in the place of the oldest ones.
func (r *ring) add(e entry) {
	r.entries = append(r.entries, e)
	r.size += cost(e.text)
	for r.size > r.capacity {
		r.size -= cost(r.entries[0].text)
		r.entries[0] = entry{}
		r.entries = r.entries[1:]
		r.first++
	}
}

// end is the number that the next entry will have.
func (r *ring) end() uint64 { return r.first + uint64(len(r.entries)) }

// at is the entry of a number that is there.
func (r *ring) at(number uint64) entry { return r.entries[number-r.first] }
