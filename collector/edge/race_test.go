//go:build race

package edge

// raceDetector: pools drop what they hold at random under it, so that
// allocations say nothing.
const raceDetector = true
