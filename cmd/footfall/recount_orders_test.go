package main

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"footfall/schemas/lake"
)

// order sends a new order, a new version of one, or one that was sent before.
func (s *recountScenario) order(ctx context.Context) error {
	w := s.w
	edge := w.IntN(len(w.edges))
	var o *recountOrder
	switch n := w.IntN(10); {
	case n < 6 || len(s.orders) == 0:
		o = &recountOrder{edge, s.newOrder(fmt.Sprintf("%s-%d", oneOf(w, "A", "=A", "b"), s.number()))}
	case n == 6: // again, to either collector
		o = &recountOrder{edge, oneOf(w, s.orders...).body}
	case n == 7: // the same id and version with other content: a conflict
		was := oneOf(w, s.orders...).body
		body := s.newOrder(was["id"].(string))
		body["state"], body["version"] = was["state"], was["version"]
		o = &recountOrder{edge, body}
	default:
		was := oneOf(w, s.orders...).body
		body := maps.Clone(was)
		body["state"] = oneOf(w, "pending", "completed", "completed", "cancelled")
		body["version"] = 1 + w.IntN(6)
		body["ordered_at"] = s.around()
		if s.chance(40) {
			body["lines"] = s.lines()
		}
		o = &recountOrder{edge, body}
	}
	status, err := w.post(ctx, o.edge, s, "/v1/orders", lake.TableOrders, int64(len(o.body["lines"].([]map[string]any))), o.body)
	if err == nil && status == http.StatusCreated {
		s.orders = append(s.orders, o)
	}
	return err
}

func (s *recountScenario) lines() []map[string]any {
	var out []map[string]any
	for i := range 1 + s.w.IntN(3) {
		out = append(out, map[string]any{
			"id": fmt.Sprintf("l%d", i), "ticket_type": oneOf(s.w, "seat", "standing", "", "=vip"), "quantity": 1 + s.w.IntN(4), "unit_price": oneOf(s.w, 0, 1, 999, 1500, 12345),
		})
	}
	return out
}

func (s *recountScenario) newOrder(id string) map[string]any {
	w := s.w
	click := oneOf(w, s.clicks...)
	body := map[string]any{"id": id, "event": click.event.slug, "ordered_at": s.around(), "currency": click.event.currency, "lines": s.lines()}
	switch w.IntN(10) {
	case 0, 1, 2: // none
	case 3:
		body["click_id"] = oneOf(w, "nonsense", strings.Repeat("A", 48), click.id[:20]+"AAAA"+click.id[24:])
	case 4:
		body["click_id"], body["event"] = click.id, oneOf(w, s.events...).slug
	case 5:
		if other := oneOf(w, w.list...); len(other.clicks) > 0 {
			body["click_id"] = oneOf(w, other.clicks...).id // of any organizer
		}
	default:
		body["click_id"] = click.id
	}
	if s.chance(40) {
		body["affiliate"] = s.affiliateText()
	}
	if len(s.coupons) > 0 && s.chance(40) {
		text := oneOf(w, s.coupons...)
		body["coupon"] = oneOf(w, text, strings.ToUpper(text), "no-gift")
	}
	if s.chance(30) {
		body["visitor"] = oneOf(w, s.cookies...)
	}
	if s.chance(10) {
		body["state"] = oneOf(w, "pending", "cancelled")
	}
	if s.chance(5) {
		body["test"] = true
	}
	if s.chance(6) {
		body["currency"] = oneOf(w, "USD", "JPY", "EUR")
	}
	return body
}

func (s *recountScenario) refund(ctx context.Context) error {
	w := s.w
	edge := w.IntN(len(w.edges))
	r := recountRefund{edge: edge}
	if len(s.refunds) > 0 && s.chance(20) {
		r.body = oneOf(w, s.refunds...).body // again
	} else {
		r.body = s.newRefund()
	}
	rows := int64(1)
	if lines, ok := r.body["lines"].([]map[string]any); ok {
		rows = int64(len(lines))
	}
	status, err := w.post(ctx, edge, s, "/v1/refunds", lake.TableRefunds, rows, r.body)
	if err == nil && status == http.StatusCreated {
		s.refunds = append(s.refunds, r)
	}
	return err
}

func (s *recountScenario) newRefund() map[string]any {
	w := s.w
	body := map[string]any{"id": fmt.Sprintf("r-%d", s.number()), "order_id": fmt.Sprintf("A-%d", s.numbers+1+w.IntN(6)), "refunded_at": s.around(), "currency": s.events[0].currency}
	if len(s.refunds) > 0 && s.chance(10) {
		body["id"] = oneOf(w, s.refunds...).body["id"] // other content: a conflict
	}
	if len(s.orders) == 0 || s.chance(10) {
		return body // whole, and perhaps before its order
	}
	o := oneOf(w, s.orders...).body
	body["order_id"], body["currency"] = o["id"], o["currency"]
	if s.chance(5) {
		body["currency"] = "XAF"
	}
	if s.chance(40) {
		return body
	}
	var lines []map[string]any
	for _, l := range o["lines"].([]map[string]any) {
		if len(lines) > 0 && s.chance(50) {
			continue
		}
		quantity := 1 + w.IntN(l["quantity"].(int))
		if s.chance(8) {
			quantity += 9
		}
		amount := quantity * l["unit_price"].(int)
		if s.chance(20) {
			amount /= 2
		}
		lines = append(lines, map[string]any{"line_id": l["id"], "quantity": quantity, "amount": amount})
	}
	if s.chance(5) {
		lines[0]["line_id"] = "no-such-line"
	}
	body["lines"] = lines
	return body
}
