package postgres

import "time"

// SetKnocks changes how often the prober asks the postmaster itself.
func (p *Prober) SetKnocks(d time.Duration) { p.knocks = d }
