package attribution

// The defences that a test may take away, to show that another one then fails.

// WithoutRuledOut lets the code of a refused click id credit by the other rules.
func (a *Attribution) WithoutRuledOut() { a.defences.noRuledOut = true }

// WithoutLookup never looks visits up for rule visitor.
func (a *Attribution) WithoutLookup() { a.defences.noLookup = true }

// WithoutSetAside takes from refunds whatever they ask for.
func (a *Attribution) WithoutSetAside() { a.defences.noSetAside = true }

// WithoutContents calls every fingerprint of another normalization a conflict.
func (a *Attribution) WithoutContents() { a.defences.noContents = true }

// MostExplained bounds the lists of an explanation.
const MostExplained = mostExplained
