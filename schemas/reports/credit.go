package reports

// Crediting says which orders are to be credited and by which policy.
//
// It makes these tables on the reading's connection. Orders that were not asked
// for may be among them; of each order that is, all is there.
//
//	orders       one row an order, as it counts: order_id, event_id, ordered_ms (of the first version), state, test,
//	             counts (completed and no test), currency, tickets, sales, policy_version
//	order_lines  of those: order_id, line_id, ticket_type, line_number, quantity, amount
//	credits      at most one row an order: order_id, rule, code_id, affiliate_id, visited_ms, epoch, shard, sequence,
//	             row_found, policy_version; visited_ms to sequence are null for a code without a visit
//	refunds      one row a received refund: refund_id, order_id, refunded_ms, currency, tickets, amount, status:
//	             taken, set_aside, waiting, cancelled, test, repeated or conflict. Only what is taken is in figures
//	refund_lines of the taken ones: refund_id, order_id, refunded_ms, line_id, ticket_type, quantity, amount
//	order_versions, refund_versions  every received version, with status; conflict among them
//
// and the macro fold(text), which folds codes, and the variable organizer.
type Crediting struct {
	Organizer int64
	// Between is the range of the figures, in milliseconds, half-open. By order
	// date: the orders dated in it and those refunded in it. By visit date: the
	// orders whose credited visit is in it.
	Between [2]int64
	ByVisit bool
	// Policy is a version by which every order is credited, whatever was in force
	// at its date: what if. 0: each by the version in force at its order date.
	Policy int
}

// Credited is what crediting stood on.
type Credited struct {
	// PolicyVersions are the versions that orders of the range were, or would have
	// been, credited by; rising, at least one.
	PolicyVersions []int
	// Key is another one wherever the same rows and catalog may be credited otherwise.
	Key string
	// WhatIf: they are not those in force, but the one that was asked for.
	WhatIf bool
}
