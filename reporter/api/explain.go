package api

import (
	"net/http"
	"net/url"
)

func (a *API) serveExplanation(w http.ResponseWriter, r *http.Request) {
	parameters, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		a.fail(w, r, &problemError{status: http.StatusBadRequest, detail: "the query is no list of name=value: " + err.Error()})
		return
	}
	for name := range parameters {
		if name != "as_of" && name != "format" {
			a.fail(w, r, &problemError{status: http.StatusBadRequest, pointer: "/" + name, detail: "unknown parameter " + name + ": want as_of or format"})
			return
		}
	}
	format, media, err := a.format(parameters)
	if err == nil && format == "csv" {
		err = &problemError{status: http.StatusBadRequest, pointer: "/format", detail: "an explanation is no list: want table or json"}
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	explanation, err := a.deps.Reports.Explain(r.Context(), r.PathValue("organizer"), r.PathValue("id"), parameters.Get("as_of"))
	if err != nil {
		a.fail(w, r, asked(err))
		return
	}
	w.Header().Set("Content-Type", media)
	a.sent(r, a.deps.Reports.WriteExplanation(w, format, explanation))
}
