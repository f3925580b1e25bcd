package consumer

import "errors"

// Sentinels.
var (
	// ErrForeignJournal: the journal's epochs contradict what the lake knows of them.
	ErrForeignJournal = errors.New(
		"journal is not the one that this log was filled from (replaced or restored?): enrol the collector again, under a new id")
	// ErrUnsound: a file that was just written does not read back as what was written.
	ErrUnsound = errors.New("written file does not read back")
	// errUnknownColumn: a file is of a later release, and merging it would lose what that one wrote.
	errUnknownColumn = errors.New("file of a later release has an unknown column")
	errNoLines       = errors.New("order has no lines")
	// errTaken: the commit's number was another's; the state is the winner's now.
	errTaken = errors.New("lost the commit number")
	// errUnsettled: whether the last entry was appended is not known yet.
	errUnsettled = errors.New("fate of the last commit is unknown")
)
