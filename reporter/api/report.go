package api

import "net/http"

// Reports are served where there is a lake to read.
type Reports any

func (a *API) registerReports(*http.ServeMux) {}
