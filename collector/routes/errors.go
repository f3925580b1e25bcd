package routes

import "errors"

// Sentinels for errors.Is.
var (
	// ErrNoRoutes: there is neither a usable copy on disk nor an answer of the
	// feed: without routes every link would be answered wrongly.
	ErrNoRoutes = errors.New("no routes to serve")
	// ErrToken: the reporter refuses the collector's token.
	ErrToken = errors.New("the reporter refuses this collector's token")
	// ErrFeed: the reporter's answer is not what the feed promises.
	ErrFeed = errors.New("unusable answer of the reporter")
	// ErrInsecureFeed: a token may not travel in the clear.
	ErrInsecureFeed = errors.New("the feed needs TLS beyond loopback")
)
