package query

import (
	"fmt"
	"strings"

	"footfall/schemas/admin"
)

// refuse says what in a statement is not allowed.
func refuse(format string, args ...any) *admin.Refusal {
	return admin.Refuse(admin.Invalid, "/query", format, args...)
}

// refuseTable says which tables there are instead.
func refuseTable(name string) *admin.Refusal {
	return refuse("%s: there is no such table; there are %s", shown(strings.TrimPrefix(name, ".")), strings.Join(Names(), ", "))
}

// shown is what a person typed, cut and quoted.
func shown(text string) string {
	const most = 80
	if len(text) > most {
		text = text[:most] + "…"
	}
	return fmt.Sprintf("%q", text)
}
