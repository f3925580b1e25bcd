package tidy

import (
	"fmt"
	"net/url"
	"path"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

var (
	linkPattern    = regexp.MustCompile(`\]\(<?([^()\s<>]+(?:\([^()\s]*\))?)>?(?:\s+"[^"]*")?\)`)
	codePattern    = regexp.MustCompile("`[^`\n]*`")
	headingPattern = regexp.MustCompile(`^#{1,6}\s+(.*?)\s*#*$`)
	anchorPattern  = regexp.MustCompile(`<a (?:name|id)="([^"]+)"`)
)

func TestNoLinkOfTheDocumentationIsDead(t *testing.T) {
	problems, err := deadLinks(workingCopy(t))
	report(t, problems, err)
}

// deadLinks follows the relative links of all Markdown files, headings
// included. Links to other sites are not followed.
func deadLinks(w tree) ([]string, error) {
	problems := []string{}
	for _, name := range w.files {
		if path.Ext(name) != ".md" {
			continue
		}
		text, err := w.read(name)
		if err != nil {
			return nil, err
		}
		for i, line := range prose(text) {
			for _, match := range linkPattern.FindAllStringSubmatch(codePattern.ReplaceAllString(line, ""), -1) {
				problem, err := w.follow(name, match[1])
				if err != nil {
					return nil, err
				}
				if problem != "" {
					problems = append(problems, fmt.Sprintf("%s:%d: %s: %s", name, i+1, match[1], problem))
				}
			}
		}
	}
	return problems, nil
}

// prose gives the lines of a Markdown text, those of code blocks emptied.
func prose(text string) []string {
	lines, fence := strings.Split(text, "\n"), ""
	for i, line := range lines {
		trimmed := strings.TrimSpace(line)
		mark := trimmed[:len(trimmed)-len(strings.TrimLeft(trimmed, "`~"))]
		switch {
		case fence == "" && len(mark) >= 3:
			fence = mark
		case fence != "" && mark == fence && trimmed == mark:
			fence, lines[i] = "", ""
		}
		if fence != "" {
			lines[i] = ""
		}
	}
	return lines
}

// follow says what is wrong with a link from a file; nothing when it leads to
// another site or to something that is there.
func (w tree) follow(from, link string) (string, error) {
	target, err := url.Parse(link)
	if err != nil {
		return "not an address", nil //nolint:nilerr // the finding is the answer
	}
	if target.Scheme != "" || target.Host != "" {
		return "", nil
	}
	to := from
	if target.Path != "" {
		to = path.Join(path.Dir(from), target.Path)
		if strings.HasPrefix(target.Path, "/") || !w.has(to) {
			return "no such file in the repository", nil
		}
	}
	if target.Fragment == "" || path.Ext(to) != ".md" {
		return "", nil
	}
	text, err := w.read(to)
	if err != nil {
		return "", err
	}
	if !anchors(text)[target.Fragment] {
		return "no such heading", nil
	}
	return "", nil
}

// anchors are the names that a Markdown file's headings are reached by.
func anchors(text string) map[string]bool {
	names := map[string]bool{}
	for _, line := range prose(text) {
		for _, match := range anchorPattern.FindAllStringSubmatch(line, -1) {
			names[match[1]] = true
		}
		heading := headingPattern.FindStringSubmatch(line)
		if heading == nil {
			continue
		}
		name := anchor(heading[1])
		for i := 1; names[name]; i++ {
			name = fmt.Sprintf("%s-%d", anchor(heading[1]), i)
		}
		names[name] = true
	}
	return names
}

// anchor is a heading in small letters, without punctuation, blanks as hyphens.
func anchor(heading string) string {
	heading = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(heading, "$1")
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
			return unicode.ToLower(r)
		default:
			return -1
		}
	}, heading)
}

func TestADeadLinkIsFound(t *testing.T) {
	problems, err := deadLinks(treeOf(map[string]string{
		"README.md": "# Top\n[a](docs/a.md) [b](docs/b.md) [c](docs/) [d](https://x.example/y) [e](#top) [f](#bottom)\n" +
			"```\n[in code](nowhere.md)\n```\n`[in code](nowhere.md)`, ![i](docs/i.png \"title\")\n",
		"docs/a.md": "## What's `it`, (2)?\n## Twice\n## Twice\n[up](../README.md#top) [x](#whats-it-2) [y](#twice-1) [z](#twice-2) [r](/README.md)\n",
	}))
	found(t, problems, err,
		"README.md:2: docs/b.md: no such file in the repository",
		"README.md:2: #bottom: no such heading",
		"README.md:6: docs/i.png: no such file in the repository",
		"docs/a.md:4: #twice-2: no such heading",
		"docs/a.md:4: /README.md: no such file in the repository")
}
