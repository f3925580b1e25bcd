package admin

import (
	"net/netip"
	"time"

	"footfall/schemas/ids"
)

// Person is somebody who signs in.
type Person struct {
	ID          ids.PersonID `json:"id"`
	Email       string       `json:"email"`
	Name        string       `json:"name"`
	Created     time.Time    `json:"created"`
	Memberships []Membership `json:"memberships"`
}

// RoleIn is what the person may do for an organizer; empty: nothing.
func (p Person) RoleIn(organizer string) Role {
	for _, m := range p.Memberships {
		if m.Organizer == organizer {
			return m.Role
		}
	}
	return ""
}

// Membership is a person's role in an organizer.
type Membership struct {
	Organizer string `json:"organizer"` // slug
	Role      Role   `json:"role"`      // owner, manager, analyst or viewer
}

// SetUp makes the first person, owner of every organizer that there is, and of
// the new one where it is given.
type SetUp struct {
	Name         string     `json:"name"`
	Email        string     `json:"email"`
	Password     string     `json:"password"`
	NewOrganizer *Organizer `json:"new_organizer,omitempty"`
}

// Session is a signed-in device.
type Session struct {
	ID       uint32    `json:"id"`
	Person   Person    `json:"person"`
	Label    string    `json:"label"` // what the browser says it is
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used"` // right to five minutes
}

// Device is what somebody signs in from.
type Device struct {
	Label   string     // what the browser says it is
	Address netip.Addr // for the back-off alone: it is kept nowhere
}

// InviteAdd asks for an invitation.
type InviteAdd struct {
	Email string `json:"email"`
	Name  string `json:"name,omitempty"`
	Role  Role   `json:"role"`
}

// MemberAdd makes a member of who signs in already.
type MemberAdd struct {
	Email string `json:"email"`
	Role  Role   `json:"role"`
}

// Invitation is a one-time link to become a member. Token stands only in the
// answer that made it.
type Invitation struct {
	ID        uint32    `json:"id"`
	Organizer string    `json:"organizer"`
	Email     string    `json:"email"`
	Name      string    `json:"name,omitempty"`
	Role      Role      `json:"role"`
	Expires   time.Time `json:"expires"`
	Known     bool      `json:"known"` // somebody with that email signs in already
	Token     string    `json:"token,omitempty"`
}

// Accept takes an invitation, or a new password: who has an account already
// gives its password.
type Accept struct {
	Name     string `json:"name,omitempty"`
	Password string `json:"password"`
}

// SavedView is a view of the dashboard with a name.
type SavedView struct {
	ID     uint32       `json:"id"`
	Person ids.PersonID `json:"person"` // who saved it
	Name   string       `json:"name"`
	Query  string       `json:"query"`  // of the page, without a question mark
	Shared bool         `json:"shared"` // with everybody of the organizer
}

// ShareAdd asks for a read-only link to one view.
type ShareAdd struct {
	Label   string `json:"label"`
	Query   string `json:"query"`
	Expires string `json:"expires"` // a day of the organizer's zone, at whose end the link ends
}

// ShareLink is a read-only link to one view. Token stands only in the answer
// that made it.
type ShareLink struct {
	ID        uint32     `json:"id"`
	Organizer string     `json:"organizer"`
	Label     string     `json:"label"`
	Query     string     `json:"query"`
	Created   time.Time  `json:"created"`
	Expires   time.Time  `json:"expires"`
	LastUsed  *time.Time `json:"last_used,omitempty"` // right to the hour
	Ended     *time.Time `json:"ended,omitempty"`
	Token     string     `json:"token,omitempty"`
}
