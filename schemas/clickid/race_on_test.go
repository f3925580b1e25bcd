//go:build race

package clickid

// race: the race detector makes a pool forget on purpose.
const race = true
