package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"footfall/internal/testkit"
)

// commandTree is the tree as a person meets it.
func commandTree() *cobra.Command {
	var out, errs bytes.Buffer
	root := newRoot(&env{Out: &out, Err: &errs, Now: time.Now})
	root.SetOut(&out)
	root.SetErr(&errs)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

func everyCommand(c *cobra.Command, visit func(*cobra.Command)) {
	visit(c)
	for _, sub := range c.Commands() {
		everyCommand(sub, visit)
	}
}

// TestEveryCommandSaysWhatItIsAndHowToUseIt: one line for the list, and more than
// that line for whoever asks.
func TestEveryCommandSaysWhatItIsAndHowToUseIt(t *testing.T) {
	everyCommand(commandTree(), func(c *cobra.Command) {
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: %q is no line for a list", c.CommandPath(), c.Short)
		}
		if c.Long == "" && c.Example == "" {
			t.Errorf("%s has neither a longer text nor an example", c.CommandPath())
		}
	})
}

// TestEveryExampleCanBeTyped parses the examples of the help texts and of the
// documents: command, flags and number of arguments are as they are shown.
func TestEveryExampleCanBeTyped(t *testing.T) {
	examples := 0
	try := func(where, line string) {
		t.Helper()
		examples++
		words, err := words(line)
		if err != nil {
			t.Errorf("%s: %s: %v", where, line, err)
			return
		}
		if err := parses(words[1:]); err != nil {
			t.Errorf("%s: %s: %v", where, line, err)
		}
	}
	everyCommand(commandTree(), func(c *cobra.Command) {
		if c.Example == "" || strings.HasPrefix(c.CommandPath(), "footfall completion") || c.Name() == "help" {
			return
		}
		for _, line := range joined(c.Example) {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				if !strings.HasPrefix(line, "footfall ") {
					t.Errorf("%s: %q is no footfall command", c.CommandPath(), line)
					continue
				}
				try(c.CommandPath(), line)
			}
		}
	})
	root := testkit.ModuleRoot(t)
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range append(pages, filepath.Join(root, "README.md")) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range shown(string(text)) {
			try(filepath.Base(page), line)
		}
	}
	if examples < 30 {
		t.Errorf("only %d examples were found", examples)
	}
}

// shown are the footfall commands of a document's code blocks.
func shown(text string) (lines []string) {
	fenced := false
	for _, line := range joined(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fenced = !fenced
			continue
		}
		plain := strings.TrimPrefix(strings.TrimSpace(line), "$ ")
		plain = strings.TrimPrefix(plain, "bin/")
		if (fenced || strings.HasPrefix(line, "    ")) && strings.HasPrefix(plain, "footfall ") && !strings.HasPrefix(plain, "footfall v") {
			lines = append(lines, plain)
		}
	}
	return lines
}

// joined are the lines of a text, those that end in a backslash with the next.
func joined(text string) []string {
	return strings.Split(strings.ReplaceAll(text, "\\\n", " "), "\n")
}

// words splits a line as a shell does, up to a pipe, a redirection or a comment.
func words(line string) ([]string, error) {
	var list []string
	var word strings.Builder
	inWord, quote := false, rune(0)
	end := func() {
		if inWord {
			list = append(list, word.String())
			word.Reset()
			inWord = false
		}
	}
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case c == '"' || c == '\'':
			quote, inWord = c, true
		case c == ' ' || c == '\t':
			end()
		case strings.ContainsRune("|<>;&#", c) && !inWord:
			return list, nil
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	end()
	if quote != 0 {
		return nil, usagef("a quotation mark is not closed")
	}
	return list, nil
}

// parses says whether the commands would take the words. It runs nothing.
func parses(args []string) error {
	root := commandTree()
	c, rest, err := root.Find(args)
	if err != nil {
		return err
	}
	if err := c.ParseFlags(rest); err != nil {
		return err
	}
	if err := c.ValidateRequiredFlags(); err != nil {
		return err
	}
	if c.HasSubCommands() && !c.Runnable() {
		return usagef("%s only holds other commands", c.CommandPath())
	}
	return c.ValidateArgs(c.Flags().Args())
}

// TestAWrongExampleIsNotTaken shows that the check of examples can fail.
func TestAWrongExampleIsNotTaken(t *testing.T) {
	for _, line := range []string{
		"footfall reprot", "footfall report --bye affiliate", "footfall report extra", "footfall code add", "footfall explain order", "footfall collector enroll x",
	} {
		list, err := words(line)
		if err != nil {
			t.Fatal(err)
		}
		if parses(list[1:]) == nil {
			t.Errorf("%s is taken", line)
		}
		var out bytes.Buffer
		if code := run(append([]string{"--data", t.TempDir()}, list[1:]...), &out, &out); code != exitUsage {
			t.Errorf("%s: exit code %d, want %d: %s", line, code, exitUsage, out.String())
		}
	}
}
