// Package tidy is a test of the working copy itself: no large files, no dead
// links in the documentation, no overlong Go files and functions, no metric or
// setting without its line in docs/, no trace of the machine it was written on.
//
// Its invariant: what a reader relies on without checking (that a link leads
// somewhere, that a page of metrics is complete) is checked here.
//
// It refuses to repeat what the linters do, and holds nothing but tests.
package tidy
