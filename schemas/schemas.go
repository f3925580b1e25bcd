// Package schemas holds the description of the HTTP API; the formats that cross a
// process stand in the packages below it.
package schemas

import _ "embed" // the description is a file of its own, for tools

// OpenAPI describes the API (OpenAPI 3.0.3). A test holds it against the server.
//
//go:embed openapi.yaml
var OpenAPI []byte
