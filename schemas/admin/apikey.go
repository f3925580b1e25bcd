package admin

import (
	"time"

	"footfall/schemas/ids"
)

// APIKey lets a program ask over the network as a role of one organizer. Key
// stands only in the answer that made it.
type APIKey struct {
	ID        uint32          `json:"id"`
	Organizer string          `json:"organizer"`
	Role      Role            `json:"role"`
	Affiliate ids.AffiliateID `json:"affiliate,omitempty"` // of role affiliate
	Label     string          `json:"label,omitempty"`
	Prefix    string          `json:"prefix"` // its first characters, to tell keys apart
	Created   time.Time       `json:"created"`
	// LastUsed is right to the hour; none: never used.
	LastUsed *time.Time `json:"last_used,omitempty"`
	Expires  *time.Time `json:"expires,omitempty"` // none: never
	Ended    *time.Time `json:"ended,omitempty"`
	Key      string     `json:"key,omitempty"` // ffk_…
}

// APIKeyAdd asks for a key. Affiliate (id, email, nickname or name) goes with the
// role affiliate alone. Expires is a day of the organizer's zone, at whose
// beginning the key ends, or RFC 3339; empty: never.
type APIKeyAdd struct {
	Organizer string `json:"organizer,omitempty"`
	Role      Role   `json:"role"`
	Affiliate string `json:"affiliate,omitempty"`
	Label     string `json:"label,omitempty"`
	Expires   string `json:"expires,omitempty"`
}

// WebhookSecretAdd asks for a webhook secret; an empty one is drawn.
type WebhookSecretAdd struct {
	Organizer string `json:"organizer,omitempty"`
	Secret    string `json:"secret,omitempty"`
}

// The organizers that requests name, so that a key can be held to its own.

// Tenant is the organizer that the request names.
func (a *EventAdd) Tenant() *string { return &a.Organizer }

// Tenant is the organizer that the request names.
func (a *AffiliateAdd) Tenant() *string { return &a.Organizer }

// Tenant is the organizer that the request names.
func (a *CodeAdd) Tenant() *string { return &a.Organizer }

// Tenant is the organizer that the request names.
func (a *APIKeyAdd) Tenant() *string { return &a.Organizer }

// Tenant is the organizer that the request names.
func (a *WebhookSecretAdd) Tenant() *string { return &a.Organizer }
