package supervisor

import (
	"math/rand/v2"
	"time"
)

// pause is how long to wait before the start that follows the given number of failures in a row (1 or more).
// The first failure costs nothing; from the second on the pause doubles, spread by a fifth either way so that
// services that failed together do not come back in step.
func (r Restart) pause(failures int) time.Duration {
	if failures <= 1 {
		return 0
	}
	pause := r.Min
	for range failures - 2 {
		pause = min(2*pause, r.Max)
	}
	spread := 0.8 + 0.4*rand.Float64()
	return min(time.Duration(float64(pause)*spread), r.Max)
}
