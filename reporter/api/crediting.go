package api

import (
	"net/http"
	"strconv"

	"footfall/schemas/admin"
	"footfall/schemas/policy"
)

// registerCrediting serves what credits an order beside its click: coupons bound
// to tracking codes, and the versions of the attribution policy.
func (a *API) registerCrediting(rs *routes) {
	c := a.deps.Catalog
	a.handle(rs, "GET /v1/coupons", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.Coupons(r.Context(), r.URL.Query().Get("organizer"))
		if err != nil {
			return nil, err
		}
		return page(r, list, func(k admin.Coupon) string { return strconv.FormatUint(uint64(k.ID), 10) })
	})
	a.handle(rs, "POST /v1/coupons", http.StatusCreated, body(func(r *http.Request, add admin.CouponAdd) (any, error) {
		return c.AddCoupon(r.Context(), actor(r), add)
	}))
	a.handle(rs, "POST /v1/coupons/{text}/end", http.StatusOK, body(func(r *http.Request, end admin.CouponEnd) (any, error) {
		return c.EndCoupon(r.Context(), actor(r), r.URL.Query().Get("organizer"), r.PathValue("text"), end)
	}))
	a.handle(rs, "GET /v1/policies", http.StatusOK, func(r *http.Request) (any, error) {
		list, err := c.Policies(r.Context(), r.URL.Query().Get("organizer"))
		if err != nil {
			return nil, err
		}
		return page(r, list, func(p policy.Listed) string { return strconv.Itoa(p.Version) })
	})
	a.handle(rs, "POST /v1/policies", http.StatusCreated, body(func(r *http.Request, set policy.Set) (any, error) {
		return c.SetPolicy(r.Context(), actor(r), set)
	}))
}
