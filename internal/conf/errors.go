package conf

import (
	"errors"
	"slices"
	"strings"
)

// ErrTarget is returned for a target that is not a pointer to a struct of
// settings: a mistake in the program, not in anybody's file.
var ErrTarget = errors.New("not a pointer to a struct of settings")

// Problem is one thing that an operator has to mend.
type Problem struct {
	Origin  string // the file, variable or flag; "settings" when a Validate method refused
	Key     string // the key in question; empty when it is the whole origin
	Message string // what is wrong and what would be right; never holds a secret
}

// String is the problem as one line.
func (p Problem) String() string {
	line := p.Origin + ": "
	if p.Key != "" {
		line += p.Key + ": "
	}
	return strings.ReplaceAll(line+p.Message, "\n", " ")
}

// Errors holds all problems that a Load found.
type Errors struct {
	Problems []Problem
}

// Error lists the problems, each on a line of its own.
func (e *Errors) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (e *Errors) add(origin, key, message string) {
	p := Problem{Origin: origin, Key: key, Message: message}
	if !slices.Contains(e.Problems, p) {
		e.Problems = append(e.Problems, p)
	}
}
