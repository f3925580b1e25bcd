//go:build !race

package clickid

const race = false
