package bots

import (
	"cmp"
	"errors"
	"slices"
)

const (
	// maxStates leaves one bit of a state's 16 for speaks.
	maxStates = 1 << 15
	// speaks marks, in a step, a state that has outputs.
	speaks = 1 << 15

	// rowDepth is the depth down to which every state has a full row. Nearly
	// all bytes of a user agent are read in these states.
	rowDepth = 2

	noClass = 255 // the label of a link that leads nowhere
)

var errTooManyStates = errors.New("the bot list's literals need more than 32768 states")

// needle is a text to look for and what seeing it means.
type needle struct {
	form   form
	output output
}

// output is what a seen text says: that its rule matches, or that the rule's
// expression is worth running.
type output struct {
	rule       int16
	bytes      uint16 // length of the text
	begin, end bool   // it counts only at the start, at the end
	exact      bool
	expression uint8 // where not exact
}

// automaton finds all of its texts in one pass (Aho and Corasick, 1975).
//
// Bytes are first mapped to the few classes that the texts tell apart. States
// near the root, and those where texts part, have a row: the next state for
// every class. The others, nine of ten, have one way on, and are a link of
// six bytes, the links of a text side by side: so the whole fits a
// processor's second cache, also when a user agent is made of the texts
// themselves (4 µs for 512 bytes; with rows for all states, 11).
// Immutable.
type automaton struct {
	class   [256]uint8
	shift   uint     // a row is 1<<shift steps
	rows    []uint16 // [state<<shift | class]: the next state, with speaks
	links   []link   // of the states from len(rows)>>shift on
	from    []uint32 // outputs of a state: [from[state], from[state+1])
	outputs []output // each state's sorted by rule
}

// link is a state with at most one way on.
type link struct {
	label uint8  // the class that leads on
	next  uint16 // there, with speaks
	fail  uint16 // the state to read any other class in
}

// scan gives the lowest rule below limit that an exact text decides (limit
// where none does), and the expressions worth running, as bits. Its time is
// bounded by the text's length: a failed link leads to a shorter prefix.
func (a *automaton) scan(text []byte, limit int) (best int, expressions uint64) {
	best = limit
	state := uint(0)
	links := uint(len(a.rows)) >> a.shift
	for i, b := range text {
		class := a.class[b]
		for state >= links && a.links[state-links].label != class {
			state = uint(a.links[state-links].fail)
		}
		var step uint16
		if state >= links {
			step = a.links[state-links].next
		} else {
			step = a.rows[state<<a.shift|uint(class)]
		}
		state = uint(step &^ speaks)
		if step&speaks == 0 {
			continue
		}
		for _, o := range a.outputs[a.from[state]:a.from[state+1]] {
			if int(o.rule) >= best {
				break
			}
			if o.begin && i+1 != int(o.bytes) || o.end && i+1 != len(text) {
				continue
			}
			if o.exact {
				best = int(o.rule)
			} else {
				expressions |= 1 << o.expression
			}
		}
	}
	return best, expressions
}

// trieNode is a state while the automaton is being built.
type trieNode struct {
	edges   []trieEdge // in the order in which they were made: one list, one table
	depth   int
	fail    int
	outputs []output
}

type trieEdge struct {
	label byte
	node  int
}

func (n *trieNode) child(label byte) (int, bool) {
	for _, e := range n.edges {
		if e.label == label {
			return e.node, true
		}
	}
	return 0, false
}

func (n *trieNode) hasRow() bool { return n.depth <= rowDepth || len(n.edges) > 1 }

// newAutomaton builds the trie of the texts, then the tables. Nodes are made
// text after text, so the links of a text are neighbours.
func newAutomaton(needles []needle) (*automaton, error) {
	nodes := []trieNode{{}}
	a := &automaton{}
	classes := 1 // class 0: bytes in no text
	for _, n := range needles {
		at := 0
		for _, b := range []byte(n.form.text) {
			if a.class[b] == 0 {
				a.class[b] = uint8(classes) //nolint:gosec // at most 128: texts are ASCII
				classes++
			}
			child, ok := nodes[at].child(b)
			if !ok {
				child = len(nodes)
				nodes = append(nodes, trieNode{depth: nodes[at].depth + 1})
				nodes[at].edges = append(nodes[at].edges, trieEdge{b, child})
			}
			at = child
		}
		nodes[at].outputs = append(nodes[at].outputs, n.output)
	}
	if len(nodes) > maxStates {
		return nil, errTooManyStates
	}
	for 1<<a.shift < classes {
		a.shift++
	}
	a.fill(nodes, join(nodes))
	return a, nil
}

// join sets the failure links and gathers the outputs along them. It gives the
// nodes breadth first.
func join(nodes []trieNode) []int {
	order := make([]int, 0, len(nodes))
	order = append(order, 0)
	for i := 0; i < len(order); i++ {
		at := order[i]
		for _, e := range nodes[at].edges {
			order = append(order, e.node)
			if at != 0 {
				nodes[e.node].fail = follow(nodes, nodes[at].fail, e.label)
			}
		}
	}
	for _, at := range order[1:] {
		n := &nodes[at]
		n.outputs = append(n.outputs, nodes[n.fail].outputs...)
		slices.SortStableFunc(n.outputs, func(a, b output) int { return cmp.Compare(a.rule, b.rule) })
	}
	return order
}

// follow is the node after label, in the first node along the failure links
// that has one.
func follow(nodes []trieNode, from int, label byte) int {
	for {
		next, ok := nodes[from].child(label)
		if ok || from == 0 {
			return next
		}
		from = nodes[from].fail
	}
}

// fill numbers the states, those with rows first, and writes the tables.
func (a *automaton) fill(nodes []trieNode, order []int) {
	number := make([]uint16, len(nodes))
	inOrder := make([]int, 0, len(nodes))
	for _, at := range order { // shallow rows share cache lines
		if nodes[at].hasRow() {
			inOrder = append(inOrder, at)
		}
	}
	rows := len(inOrder)
	for at := range nodes {
		if !nodes[at].hasRow() {
			inOrder = append(inOrder, at)
		}
	}
	a.from = make([]uint32, len(nodes)+1)
	for i, at := range inOrder {
		number[at] = uint16(i) //nolint:gosec // below maxStates
		a.outputs = append(a.outputs, nodes[at].outputs...)
		a.from[i+1] = uint32(len(a.outputs)) //nolint:gosec // far below
	}
	step := func(node int) uint16 {
		if len(nodes[node].outputs) > 0 {
			return number[node] | speaks
		}
		return number[node]
	}
	a.rows = make([]uint16, rows<<a.shift)
	for i, at := range inOrder[:rows] {
		for b, class := range a.class {
			if class != 0 {
				a.rows[i<<a.shift|int(class)] = step(follow(nodes, at, byte(b)))
			}
		}
	}
	a.links = make([]link, len(nodes)-rows)
	for i, at := range inOrder[rows:] {
		a.links[i] = link{label: noClass, fail: number[nodes[at].fail]}
		for _, e := range nodes[at].edges {
			a.links[i].label, a.links[i].next = a.class[e.label], step(e.node)
		}
	}
}
