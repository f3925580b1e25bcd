package bots

import (
	"regexp/syntax"
	"unicode"
)

const (
	// maxForms bounds the texts that one rule may unfold into; the list's
	// largest, S[eE][mM]rushBot and its like, needs 4.
	maxForms = 16
	// maxClassBytes tells a letter of either case from a class like \d, whose
	// members say little.
	maxClassBytes = 4
	// minLiteralBytes is the shortest literal worth looking for: shorter ones
	// are seen in every second user agent.
	minLiteralBytes = 3
)

// form is a text, where it may stand, and nothing else: begin and end tie it
// to the start and the end of the user agent.
type form struct {
	text       string
	begin, end bool
}

// needs gives what a user agent must hold for re to match it: one of the
// forms. With exact, holding one is also enough, and the expression need not
// run. No forms: nothing useful is known.
//
// It errs to one side: what it does not understand it leaves to the
// expression itself. Only ASCII texts are given, since an invalid byte of a
// user agent reads as U+FFFD to an expression, but not to the automaton.
func needs(re *syntax.Regexp) (forms []form, exact bool) {
	if forms, ok := unfold(re); ok && usable(forms) {
		return forms, true
	}
	if forms := required(re); usable(forms) {
		return forms, false
	}
	return nil, false
}

// usable tells whether every form is long enough to be looked for.
func usable(forms []form) bool {
	return shortest(forms) >= minLiteralBytes
}

// shortest is the length of the shortest form, 0 for no forms.
func shortest(forms []form) int {
	if len(forms) == 0 {
		return 0
	}
	least := len(forms[0].text)
	for _, f := range forms[1:] {
		least = min(least, len(f.text))
	}
	return least
}

// unfold writes the whole language of re as a few texts, if it has only a few.
func unfold(re *syntax.Regexp) ([]form, bool) {
	switch re.Op {
	case syntax.OpEmptyMatch:
		return []form{{}}, true
	case syntax.OpBeginText:
		return []form{{begin: true}}, true
	case syntax.OpEndText:
		return []form{{end: true}}, true
	case syntax.OpLiteral:
		return unfoldLiteral(re)
	case syntax.OpCharClass:
		return unfoldClass(re)
	case syntax.OpCapture:
		return unfold(re.Sub[0])
	case syntax.OpQuest:
		forms, ok := unfold(re.Sub[0])
		return append(forms, form{}), ok && len(forms) < maxForms
	case syntax.OpAlternate:
		return unfoldAlternate(re.Sub)
	case syntax.OpConcat:
		return unfoldConcat(re.Sub)
	default:
		return nil, false
	}
}

// unfoldLiteral gives a literal in every case it may have: the parser writes
// [wW] as a w without regard to case.
func unfoldLiteral(re *syntax.Regexp) ([]form, bool) {
	for _, r := range re.Rune {
		if r > unicode.MaxASCII {
			return nil, false
		}
	}
	if re.Flags&syntax.FoldCase == 0 {
		return []form{{text: string(re.Rune)}}, true
	}
	all := []form{{}}
	for _, r := range re.Rune {
		letters := []form{{text: string(r)}}
		for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
			if other > unicode.MaxASCII { // k and s fold with letters beyond
				return nil, false
			}
			letters = append(letters, form{text: string(other)})
		}
		var ok bool
		if all, ok = product(all, letters); !ok {
			return nil, false
		}
	}
	return all, true
}

func unfoldClass(re *syntax.Regexp) ([]form, bool) {
	var forms []form
	for i := 0; i < len(re.Rune); i += 2 {
		low, high := re.Rune[i], re.Rune[i+1]
		if high > unicode.MaxASCII || len(forms)+int(high-low)+1 > maxClassBytes {
			return nil, false
		}
		for r := low; r <= high; r++ {
			forms = append(forms, form{text: string(r)})
		}
	}
	return forms, len(forms) > 0
}

func unfoldAlternate(subs []*syntax.Regexp) ([]form, bool) {
	var all []form
	for _, sub := range subs {
		forms, ok := unfold(sub)
		if !ok || len(all)+len(forms) > maxForms {
			return nil, false
		}
		all = append(all, forms...)
	}
	return all, true
}

func unfoldConcat(subs []*syntax.Regexp) ([]form, bool) {
	all := []form{{}}
	for _, sub := range subs {
		forms, ok := unfold(sub)
		if !ok {
			return nil, false
		}
		if all, ok = product(all, forms); !ok {
			return nil, false
		}
	}
	return all, true
}

// product joins every left form with every right one. An anchor inside a text
// can never hold; such an oddity is left to the expression.
func product(left, right []form) ([]form, bool) {
	if len(left)*len(right) > maxForms {
		return nil, false
	}
	joined := make([]form, 0, len(left)*len(right))
	for _, l := range left {
		for _, r := range right {
			if l.end && r.text != "" || r.begin && l.text != "" {
				return nil, false
			}
			joined = append(joined, form{text: l.text + r.text, begin: l.begin || r.begin, end: l.end || r.end})
		}
	}
	return joined, true
}

// required gives texts of which a match holds at least one, wherever: the set
// whose shortest text is longest.
func required(re *syntax.Regexp) []form {
	if forms, ok := unfold(re); ok {
		return unanchored(forms)
	}
	switch re.Op {
	case syntax.OpCapture, syntax.OpPlus:
		return required(re.Sub[0])
	case syntax.OpRepeat:
		if re.Min < 1 {
			return nil
		}
		return required(re.Sub[0])
	case syntax.OpAlternate:
		return requiredAlternate(re.Sub)
	case syntax.OpConcat:
		return requiredConcat(re.Sub)
	default:
		return nil
	}
}

func requiredAlternate(subs []*syntax.Regexp) []form {
	var all []form
	for _, sub := range subs {
		forms := required(sub)
		if len(forms) == 0 || len(all)+len(forms) > maxForms {
			return nil
		}
		all = append(all, forms...)
	}
	return all
}

// requiredConcat joins neighbours that unfold, and takes the best of these
// runs and of what the parts between them require.
func requiredConcat(subs []*syntax.Regexp) []form {
	var best []form
	run := []form{{}}
	keep := func(forms []form) {
		if shortest(forms) > shortest(best) {
			best = unanchored(forms)
		}
	}
	for _, sub := range subs {
		forms, ok := unfold(sub)
		if ok {
			if joined, fits := product(run, forms); fits {
				run = joined
				continue
			}
		}
		keep(run)
		run = []form{{}}
		if ok {
			run = forms
		} else {
			keep(required(sub))
		}
	}
	keep(run)
	return best
}

func unanchored(forms []form) []form {
	plain := make([]form, len(forms))
	for i, f := range forms {
		plain[i] = form{text: f.text}
	}
	return plain
}
