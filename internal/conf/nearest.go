package conf

// nearest finds the name with the fewest single-letter edits from text, and
// that number; no name when none is nearer than half of text's length.
func nearest(text string, names []string) (string, int) {
	best, distance := "", len(text)/2+1
	for _, name := range names {
		if d := edits(text, name); d < distance {
			best, distance = name, d
		}
	}
	return best, distance
}

// edits is the Levenshtein distance in bytes.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
