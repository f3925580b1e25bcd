-- What may credit each order, by the rules click_id, affiliate and coupon, and why
-- it does not. rank is the policy's, the strongest 0; null: not in the policy.
-- Rule visitor adds its own rows. place is that of a visit among its rule's.
--
-- click_id: the order's click id, where it verifies, its event is the order's and
-- it is within the window. A visit of an unknown code is looked up, for the text
-- that was typed may have been claimed since.
WITH looked AS (
  SELECT o.*, greatest(o.ordered_ms, o.clicked_ms) AS credit_ms, coalesce(r.found, false) AS row_found,
         CASE WHEN o.click_code_state <> 'unknown' THEN o.click_code_id ELSE r.claimed END AS code_id
  FROM orders o
  LEFT JOIN ({lookups}) r ON r.order_id = o.order_id
  WHERE o.click_id IS NOT NULL
),
clicks AS (
  SELECT l.order_id, 'click_id' AS rule, l.click_id_rank AS rank, l.click_id AS given, l.code_id, l.clicked_ms AS visited_ms,
         NULL::BIGINT AS collector, l.click_epoch AS epoch, l.click_shard AS shard, l.click_sequence AS sequence,
         CASE WHEN l.click_status = 'valid' AND (l.click_code_state = 'unknown' OR {all_looked_up}) THEN l.row_found END AS row_found,
         coalesce(l.clicked_ms, l.ordered_ms) AS owned_ms, 0::BIGINT AS place, l.policy_version,
         CASE
           WHEN l.click_status <> 'valid' THEN l.click_status
           WHEN ce.organizer_id <> {organizer} THEN 'other_organizer'
           WHEN l.click_event_id <> l.event_id THEN 'other_event'
           WHEN l.click_test THEN 'test'
           WHEN l.click_ended THEN 'ended'
           WHEN l.click_code_state = 'none' THEN 'no_code'
           WHEN l.click_code_state = 'unknown' AND NOT l.row_found THEN 'visit_lost'
           WHEN l.code_id IS NULL THEN 'unknown_code'
           WHEN l.click_code_state = 'paused' THEN 'paused'
           WHEN l.credit_ms >= l.clicked_ms + l.window_ms THEN 'outside_window'
           WHEN l.cut AND l.credit_ms >= l.end_ms THEN 'after_event'
           ELSE 'valid'
         END AS reason
  FROM looked l
  LEFT JOIN events ce ON ce.event_id = l.click_event_id
),
-- The code that a verified click id which is refused rules out under the two
-- rules below.
ruled_out AS (
  SELECT c.order_id, c.code_id FROM clicks c JOIN orders o USING (order_id)
  WHERE {ruled_out} AND o.click_status = 'valid' AND c.reason <> 'valid' AND c.code_id IS NOT NULL
),
-- affiliate: a tracking code given on the order, active at the order's time, even
-- without a visit.
given_codes AS (
  SELECT o.order_id, 'affiliate' AS rule, o.affiliate_rank AS rank, o.affiliate_text AS given, o.ordered_ms, o.policy_version,
         coalesce(te.code_id, tc.code_id) AS code_id,
         CASE WHEN coalesce(te.code_id, tc.code_id) IS NULL THEN 'unknown_code'
              WHEN o.ordered_ms < coalesce(te.from_ms, tc.from_ms) THEN 'not_active_yet' END AS reason
  FROM orders o
  LEFT JOIN code_texts te ON te.event_id = o.event_id AND te.folded = fold(o.affiliate_text)
  LEFT JOIN code_texts tc ON tc.event_id = 0 AND tc.organizer_id = {organizer} AND tc.folded = fold(o.affiliate_text)
  WHERE o.affiliate_text IS NOT NULL
),
-- coupon: a coupon bound to a tracking code at the order's time, active then. Where
-- none is bound then, the last binding before it is shown, else the first one after.
bound_coupons AS (
  SELECT o.order_id, arg_min({'code_id': b.code_id, 'from_ms': b.from_ms, 'until_ms': b.until_ms},
           CASE WHEN b.from_ms <= o.ordered_ms THEN (0, -b.from_ms) ELSE (1, b.from_ms) END) AS b
  FROM orders o JOIN coupons b ON b.organizer_id = {organizer} AND b.folded = fold(o.coupon_text) AND b.from_ms < b.until_ms
  GROUP BY o.order_id
),
given_coupons AS (
  SELECT o.order_id, 'coupon', o.coupon_rank, o.coupon_text, o.ordered_ms, o.policy_version, b.b.code_id,
         CASE WHEN b.b.code_id IS NULL THEN 'unknown_coupon'
              WHEN o.ordered_ms < b.b.from_ms THEN 'coupon_not_active_yet'
              WHEN o.ordered_ms >= b.b.until_ms THEN 'coupon_ended'
              WHEN k.event_id NOT IN (0, o.event_id) THEN 'other_event' END
  FROM orders o
  LEFT JOIN bound_coupons b ON b.order_id = o.order_id
  LEFT JOIN codes k ON k.code_id = b.b.code_id
  WHERE o.coupon_text IS NOT NULL
),
given AS (
  SELECT g.order_id, g.rule, g.rank, g.given, g.code_id, NULL::BIGINT, NULL::BIGINT, NULL::VARCHAR, NULL::BIGINT, NULL::BIGINT, NULL::BOOLEAN,
         g.ordered_ms, 0::BIGINT, g.policy_version,
         CASE WHEN g.reason IS NOT NULL THEN g.reason
              WHEN s.paused THEN 'paused'
              WHEN r.code_id IS NOT NULL THEN 'ruled_out'
              ELSE 'valid' END
  FROM ({given}) g
  LEFT JOIN code_states s ON s.code_id = g.code_id AND g.ordered_ms >= s.from_ms AND g.ordered_ms < s.until_ms
  LEFT JOIN ruled_out r ON r.order_id = g.order_id AND r.code_id = g.code_id
)
SELECT c.* EXCLUDE (owned_ms), w.affiliate_id
FROM ({rules}) c
LEFT JOIN code_owners w ON w.code_id = c.code_id AND c.owned_ms >= w.from_ms AND c.owned_ms < w.until_ms
