package admin

// Page is one page of a list. Next, where it isn't empty, goes into the next
// request as after; without it the page is the last.
type Page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}
