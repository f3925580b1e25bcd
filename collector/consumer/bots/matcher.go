package bots

import (
	"fmt"
	"math/bits"
	"regexp"
)

// noRule says that no rule matches.
const noRule = -1

// maxExpressions is how many rules may need their regular expression: the
// candidates of one user agent are bits of a word. The list needs a tenth.
const maxExpressions = 64

var errTooManyExpressions = fmt.Errorf("more than %d rules are no plain texts", maxExpressions)

// matcher finds the first rule that matches.
type matcher struct {
	rules       []rule
	literals    *automaton
	expressions []expression // in the rules' order
	always      uint64       // the expressions without a literal
}

// expression is a rule that texts alone can't decide.
type expression struct {
	rule   int
	regexp *regexp.Regexp
}

func newMatcher(rules []rule) (*matcher, error) {
	m := &matcher{rules: rules}
	var needles []needle
	for i, r := range rules {
		parsed, err := parsePattern(r.pattern)
		if err != nil {
			return nil, &RuleError{Rule: i, Pattern: r.pattern, Err: err}
		}
		forms, exact := needs(parsed)
		number := 0
		if !exact {
			if number, err = m.addExpression(i, len(forms) == 0); err != nil {
				return nil, &RuleError{Rule: i, Pattern: r.pattern, Err: err}
			}
		}
		for _, f := range forms {
			needles = append(needles, needle{form: f, output: output{
				rule: int16(i), begin: f.begin, end: f.end, //nolint:gosec // parseRules bounds the number
				bytes: uint16(len(f.text)), exact: exact, expression: uint8(number), //nolint:gosec // both bounded
			}})
		}
	}
	var err error
	m.literals, err = newAutomaton(needles)
	return m, err
}

func (m *matcher) addExpression(rule int, always bool) (int, error) {
	number := len(m.expressions)
	if number == maxExpressions {
		return 0, errTooManyExpressions
	}
	compiled, err := regexp.Compile(m.rules[rule].pattern)
	if err != nil {
		return 0, err
	}
	m.expressions = append(m.expressions, expression{rule: rule, regexp: compiled})
	if always {
		m.always |= 1 << number
	}
	return number, nil
}

// match gives the number of the first rule that matches, or noRule. It
// allocates nothing.
func (m *matcher) match(userAgent []byte) int {
	best, candidates := m.literals.scan(userAgent, len(m.rules))
	candidates |= m.always
	for candidates != 0 {
		e := &m.expressions[bits.TrailingZeros64(candidates)]
		if e.rule >= best {
			break
		}
		if e.regexp.Match(userAgent) {
			return e.rule
		}
		candidates &= candidates - 1
	}
	if best == len(m.rules) {
		return noRule
	}
	return best
}

// kind words the answer of match.
func (m *matcher) kind(rule int) (string, bool) {
	if rule == noRule {
		return "", false
	}
	return m.rules[rule].kind, true
}
