package chat

import "testing"

// How a connection is closed is what the first says who closes it, and nothing is put in after that.
func TestTheFirstCloseCounts(t *testing.T) {
	told := 0
	o := outbox{limit: 1 << 10, due: func() { told++ }}
	o.close(ending{code: closeUnauthenticated})
	o.close(ending{code: closeNormal})
	o.put(frameItem([]byte("too late")))
	items, end := o.take()
	if len(items) > 0 || end == nil || end.code != closeUnauthenticated || told != 1 {
		t.Errorf("%d items, ending %+v, %d turns", len(items), end, told)
	}
}
