//go:build !race

package visit

const race = false
