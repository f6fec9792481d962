package supervisor

// journalReader goes through the lines of some services, in the order in which they came. It holds up nobody: what it
// has not read in time is gone, and counted.
type journalReader struct {
	journal *Journal
	rings   []*ring
	// next are the numbers to be read next, of each ring.
	next []uint64
}

// batch is what a reader got at once.
type batch struct {
	// missed are the lines that were gone before they could be read; they came before those that are here.
	missed uint64
	lines  []string
	// changed is closed when there is more, if there was nothing now; it is nil if there never will be.
	changed <-chan struct{}
}

// read begins with the last lines of a service; of all services if it is empty.
func (j *Journal) reader(service string, last int) *journalReader {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &journalReader{journal: j}
	for _, name := range j.names {
		if service == "" || service == name {
			r.rings = append(r.rings, j.rings[name])
			r.next = append(r.next, j.rings[name].end())
		}
	}
	for ; last > 0; last-- {
		newest := -1
		for i, ring := range r.rings {
			if r.next[i] > ring.first && (newest < 0 || ring.at(r.next[i]-1).seq > r.rings[newest].at(r.next[newest]-1).seq) {
				newest = i
			}
		}
		if newest < 0 {
			break
		}
		r.next[newest]--
	}
	return r
}

// read takes up to limit lines.
func (r *journalReader) read(limit int) batch {
	r.journal.mu.Lock()
	defer r.journal.mu.Unlock()
	var b batch
	for i, ring := range r.rings {
		if r.next[i] < ring.first {
			b.missed += ring.first - r.next[i]
			r.next[i] = ring.first
		}
	}
	for len(b.lines) < limit {
		oldest := -1
		for i, ring := range r.rings {
			if r.next[i] < ring.end() && (oldest < 0 || ring.at(r.next[i]).seq < r.rings[oldest].at(r.next[oldest]).seq) {
				oldest = i
			}
		}
		if oldest < 0 {
			break
		}
		b.lines = append(b.lines, r.rings[oldest].at(r.next[oldest]).text)
		r.next[oldest]++
	}
	if len(b.lines) == 0 && b.missed == 0 && !r.journal.ended {
		if r.journal.changed == nil {
			r.journal.changed = make(chan struct{})
		}
		b.changed = r.journal.changed
	}
	return b
}
