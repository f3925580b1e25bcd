//go:build race

package visit

// race: the race detector makes a pool forget on purpose.
const race = true
