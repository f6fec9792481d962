package postgres

import "time"

// SetRenewal changes how long the prober keeps a connection.
func (p *Prober) SetRenewal(d time.Duration) { p.renewal = d }
