-- The lake as tables, for DuckDB 1.5 and 2.0. Run it in the lake's folder:
--
--     duckdb -init lake.sql
--
-- or from elsewhere, with the folder in a variable first:
--
--     SET VARIABLE lake = '/var/lib/footfall/lake';
--     .read /var/lib/footfall/lake/lake.sql
--
-- It takes a snapshot: which files are live, as the logs say at this moment. Run
-- it again for a newer one. A snapshot is good for an hour and more: files that
-- are replaced meanwhile stay on disk so long. Views, at the end of it:
--
--     affiliate_report   affiliate × visits, orders, tickets, conversion, sales
--     visits, orders, order_lines, refunds, credits
--     organizers, events, affiliates, codes, code_texts, code_owners, code_pauses,
--     coupons, policies
--
-- For the figures as they were at an earlier instant set, before this script,
--
--     SET VARIABLE as_of_us = 1795348800000000;  -- microseconds since 1970, UTC
--
-- docs/format/lake.md says why each step is as it is. Money is in minor units of
-- the currency beside it. Times are UTC.

SET VARIABLE lake_root = coalesce(getvariable('lake'), '.');
SET VARIABLE lake_as_of_us = coalesce(getvariable('as_of_us'), 253402300799999999)::BIGINT;

-- 1. Which files of the logs to read: of each log its newest checkpoint, and the
-- entries above it. First the sources' logs, then `maintenance`: what it removes,
-- it has added in another form, and a source may forget that only afterwards.

CREATE OR REPLACE TEMP MACRO log_of(file) AS regexp_extract(replace(file, '\', '/'), '_log/([a-z0-9-]+)/', 1);
CREATE OR REPLACE TEMP MACRO number_of(file) AS regexp_extract(file, '(\d{20})\.json$', 1)::UBIGINT;

CREATE OR REPLACE TEMP TABLE log_checkpoints AS
SELECT log_of(file) AS log, number_of(file) AS number, file
FROM glob(getvariable('lake_root') || '/_log/*/checkpoints/*.json')
WHERE log_of(file) <> 'maintenance' QUALIFY row_number() OVER (PARTITION BY log ORDER BY number DESC) = 1;

CREATE OR REPLACE TEMP TABLE log_entries AS
SELECT log_of(file) AS log, number_of(file) AS number, file
FROM glob(getvariable('lake_root') || '/_log/*/*.json') WHERE log_of(file) <> 'maintenance';

INSERT INTO log_checkpoints
SELECT log_of(file) AS log, number_of(file) AS number, file
FROM glob(getvariable('lake_root') || '/_log/maintenance/checkpoints/*.json')
QUALIFY row_number() OVER (PARTITION BY log ORDER BY number DESC) = 1;

INSERT INTO log_entries
SELECT log_of(file), number_of(file), file FROM glob(getvariable('lake_root') || '/_log/maintenance/*.json');

-- Entries count as far as their numbers have no hole.
SET VARIABLE log_texts = (
  SELECT coalesce(list(file), ['no lake here: SET VARIABLE lake to the folder that _log is in'])
  FROM (
    SELECT file FROM log_checkpoints
    UNION ALL
    SELECT file FROM (
      SELECT e.file, e.number - coalesce(c.number, 0) = row_number() OVER (PARTITION BY e.log ORDER BY e.number) AS dense
      FROM log_entries e LEFT JOIN log_checkpoints c ON c.log = e.log
      WHERE e.number > coalesce(c.number, 0)
    ) WHERE dense
  )
);

-- 2. What they say. Each is one line, {"checksum":"…","body":{…}}, and is believed
-- only when the checksum is that of the body's bytes.

CREATE OR REPLACE TEMP TABLE log_said AS
SELECT log_of(filename) AS log, filename LIKE '%checkpoints%' AS folded,
       from_json(CASE WHEN sha256(body) = checksum THEN body ELSE error(filename || ' is damaged: restore it from a copy of the lake') END,
                 '{"number":"UBIGINT","known_at":"BIGINT","maintenance":"UBIGINT","removed":["VARCHAR"],
                   "added":[{"path":"VARCHAR","table":"VARCHAR"}],"files":[{"path":"VARCHAR","table":"VARCHAR"}]}') AS said
FROM (
  SELECT filename, substring(content, 14, 64) AS checksum, substring(content, 87, length(content) - 88) AS body
  FROM read_text(getvariable('log_texts'))
);

-- 3. Live files = all added minus all removed, over all logs.

CREATE OR REPLACE TEMP TABLE live_files AS
SELECT DISTINCT log, file.path AS path, file."table" AS of_table
FROM (
  SELECT log, unnest(said.added) AS file FROM log_said WHERE NOT folded
  UNION ALL
  SELECT log, unnest(said.files) FROM log_said WHERE folded
)
WHERE file.path NOT IN (SELECT unnest(said.removed) FROM log_said WHERE said.removed IS NOT NULL);

CREATE OR REPLACE TEMP TABLE snapshot AS
SELECT log, max(said.number) AS entry, make_timestamptz(max(said.known_at)) AS known_at,
       (SELECT count(*) FROM live_files f WHERE f.log = s.log) AS files,
       -- A checkpoint relies on what maintenance had removed by then.
       CASE WHEN max(coalesce(said.maintenance, 0)) > coalesce((SELECT max(said.number) FROM log_said WHERE log = 'maintenance'), 0)
            THEN error('the log maintenance is older than the others: this copy of the lake is not whole') END AS trouble
FROM log_said s GROUP BY log;

-- Each list begins with a file without rows that has all columns: a table may have
-- no file yet, and a file may be older than a column.
SET VARIABLE visit_files = (SELECT list_prepend(getvariable('lake_root') || '/_schema/visits.parquet',
  coalesce(list(getvariable('lake_root') || '/' || path ORDER BY path), [])) FROM live_files WHERE of_table = 'visits');
SET VARIABLE order_files = (SELECT list_prepend(getvariable('lake_root') || '/_schema/orders.parquet',
  coalesce(list(getvariable('lake_root') || '/' || path ORDER BY path), [])) FROM live_files WHERE of_table = 'orders');
SET VARIABLE refund_files = (SELECT list_prepend(getvariable('lake_root') || '/_schema/refunds.parquet',
  coalesce(list(getvariable('lake_root') || '/' || path ORDER BY path), [])) FROM live_files WHERE of_table = 'refunds');
SET VARIABLE catalog_files = (SELECT list_prepend(getvariable('lake_root') || '/_schema/catalog.parquet',
  coalesce(list(getvariable('lake_root') || '/' || path ORDER BY path), [])) FROM live_files WHERE of_table = 'catalog');

-- 4. The rows, as they were committed.

CREATE OR REPLACE TEMP VIEW visit_rows AS
SELECT * FROM read_parquet(getvariable('visit_files'), union_by_name = true, hive_partitioning = false)
WHERE known_at <= make_timestamptz(getvariable('lake_as_of_us'));
CREATE OR REPLACE TEMP VIEW order_rows AS
SELECT * FROM read_parquet(getvariable('order_files'), union_by_name = true, hive_partitioning = false)
WHERE known_at <= make_timestamptz(getvariable('lake_as_of_us'));
CREATE OR REPLACE TEMP VIEW refund_rows AS
SELECT * FROM read_parquet(getvariable('refund_files'), union_by_name = true, hive_partitioning = false)
WHERE known_at <= make_timestamptz(getvariable('lake_as_of_us'));
CREATE OR REPLACE TEMP VIEW catalog_rows AS
SELECT * FROM read_parquet(getvariable('catalog_files'), union_by_name = true, hive_partitioning = false)
WHERE known_at <= make_timestamptz(getvariable('lake_as_of_us'));

-- 5. The catalog at the as-of: small, so kept as tables. Times of spans are in
-- milliseconds since 1970; a first span reaches back to the beginning.

CREATE OR REPLACE TEMP MACRO folded(given) AS translate(trim(given), 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz');

CREATE OR REPLACE TEMP TABLE organizers AS
SELECT id AS organizer_id, slug, zone, currency, cookies
FROM catalog_rows WHERE kind = 'organizer' QUALIFY row_number() OVER (PARTITION BY id ORDER BY revision DESC) = 1;

CREATE OR REPLACE TEMP TABLE events AS
SELECT id AS event_id, organizer_id, slug, name, zone, currency, starts_at, ends_at
FROM catalog_rows WHERE kind = 'event' QUALIFY row_number() OVER (PARTITION BY id ORDER BY revision DESC) = 1;

CREATE OR REPLACE TEMP TABLE affiliates AS
SELECT id AS affiliate_id, organizer_id, paused
FROM catalog_rows WHERE kind = 'affiliate' QUALIFY row_number() OVER (PARTITION BY id ORDER BY revision DESC) = 1;

CREATE OR REPLACE TEMP TABLE codes AS
SELECT id AS code_id, organizer_id, event_id, text, paused -- by itself; event_id null: of every event of the organizer
FROM catalog_rows WHERE kind = 'code' QUALIFY row_number() OVER (PARTITION BY id ORDER BY revision DESC) = 1;

-- Every text that ever led to a code; a visit before from_ms came with an unknown one.
CREATE OR REPLACE TEMP TABLE code_texts AS
SELECT organizer_id, event_id, folded, arg_max(text, revision) AS text, code_id, min(epoch_ms(valid_from)) AS from_ms
FROM catalog_rows WHERE kind = 'code_text' GROUP BY ALL;

-- A later statement takes the place of all earlier ones at or after its start.
CREATE OR REPLACE TEMP TABLE code_owners AS
SELECT code_id, affiliate_id,
       CASE WHEN row_number() OVER owner_history = 1 THEN -9223372036854775808 ELSE from_ms END::BIGINT AS from_ms,
       coalesce(lead(from_ms) OVER owner_history, 9223372036854775807)::BIGINT AS until_ms
FROM (
  SELECT code_id, affiliate_id, epoch_ms(valid_from) AS from_ms FROM catalog_rows r
  WHERE kind = 'code_owner' AND NOT EXISTS (
    FROM catalog_rows l WHERE l.kind = 'code_owner' AND l.code_id = r.code_id AND l.revision > r.revision AND l.valid_from <= r.valid_from)
)
WINDOW owner_history AS (PARTITION BY code_id ORDER BY from_ms);

-- When a code is paused, by itself or because the affiliate is who owns it then.
CREATE OR REPLACE TEMP TABLE code_pauses AS
WITH states AS (
  SELECT kind, id, paused,
         CASE WHEN row_number() OVER state_history = 1 THEN -9223372036854775808 ELSE epoch_ms(valid_from) END::BIGINT AS from_ms,
         coalesce(epoch_ms(lead(valid_from) OVER state_history), 9223372036854775807)::BIGINT AS until_ms
  FROM catalog_rows WHERE kind IN ('code', 'affiliate')
  WINDOW state_history AS (PARTITION BY kind, id ORDER BY revision)
)
SELECT id AS code_id, from_ms, until_ms FROM states WHERE kind = 'code' AND paused
UNION ALL
SELECT o.code_id, greatest(o.from_ms, s.from_ms), least(o.until_ms, s.until_ms)
FROM code_owners o JOIN states s ON s.kind = 'affiliate' AND s.id = o.affiliate_id
WHERE s.paused AND greatest(o.from_ms, s.from_ms) < least(o.until_ms, s.until_ms);

CREATE OR REPLACE TEMP TABLE coupons AS
SELECT id AS coupon_id, organizer_id, text, folded, code_id, epoch_ms(valid_from) AS from_ms,
       coalesce(epoch_ms(valid_until), 9223372036854775807)::BIGINT AS until_ms
FROM catalog_rows WHERE kind = 'coupon' QUALIFY row_number() OVER (PARTITION BY id ORDER BY revision DESC) = 1;

-- Version 1 is built in, and every organizer's until another one begins.
CREATE OR REPLACE TEMP TABLE policies AS
SELECT organizer_id, version, window_days, cut_at_event_end, pick, rules,
       CASE WHEN from_ms = 0 THEN -9223372036854775808 ELSE from_ms END::BIGINT AS from_ms,
       coalesce(lead(from_ms) OVER policy_history, 9223372036854775807)::BIGINT AS until_ms
FROM (
  SELECT organizer_id, 1 AS version, 30 AS window_days, true AS cut_at_event_end, 'last' AS pick,
         ['click_id', 'affiliate', 'coupon', 'visitor'] AS rules, 0::BIGINT AS from_ms
  FROM organizers
  UNION ALL
  SELECT organizer_id, policy_version, window_days, cut_at_event_end, pick, string_split(rules, ','), epoch_ms(valid_from)
  FROM catalog_rows WHERE kind = 'policy'
)
WINDOW policy_history AS (PARTITION BY organizer_id ORDER BY from_ms, version);

-- 6. Visits: with the code that an unknown text was claimed for since, its owner
-- at the visit's time, and the verdict: the first that applies.

CREATE OR REPLACE TEMP VIEW visits AS
SELECT v.* EXCLUDE (claimed_code_id), w.affiliate_id,
       /*VERDICT*/ AS verdict
FROM (
  SELECT r.* EXCLUDE (code_id, code_state),
         coalesce(r.code_id, te.code_id, tc.code_id) AS code_id,
         coalesce(te.code_id, tc.code_id) AS claimed_code_id,
         CASE WHEN coalesce(te.code_id, tc.code_id) IS NULL THEN r.code_state ELSE 'resolved' END AS code_state
  FROM visit_rows r
  LEFT JOIN code_texts te ON r.code_state = 'unknown' AND te.event_id = r.event_id
    AND te.folded = folded(r.code_text) AND te.from_ms <= epoch_ms(r.visited_at)
  LEFT JOIN (FROM code_texts WHERE event_id IS NULL) tc ON r.code_state = 'unknown' AND tc.organizer_id = r.organizer_id
    AND tc.folded = folded(r.code_text) AND tc.from_ms <= epoch_ms(r.visited_at)
) v
LEFT JOIN code_owners w ON w.code_id = v.code_id AND epoch_ms(v.visited_at) >= w.from_ms AND epoch_ms(v.visited_at) < w.until_ms;

-- 7. Orders. A row of order_rows is a line of one received version. Of equal
-- versions the one that the lake learned of first stands; the highest version is
-- the order; its date is that of the lowest.

CREATE OR REPLACE TEMP VIEW order_versions AS
SELECT * EXCLUDE (nth, newest, winner),
       CASE WHEN nth = 1 AND version = newest THEN 'counts' WHEN nth = 1 THEN 'superseded'
            WHEN winner = fingerprint || normalization THEN 'repeated' ELSE 'conflict' END AS status
FROM (
  SELECT * EXCLUDE (line_number, line_count, line_id, ticket_type, quantity, unit_price),
         row_number() OVER equal AS nth,
         first_value(fingerprint || normalization) OVER equal AS winner,
         max(version) OVER (PARTITION BY organizer_id, order_id) AS newest
  FROM order_rows WHERE line_number = 0
  WINDOW equal AS (PARTITION BY organizer_id, order_id, version ORDER BY known_at, collector, epoch, shard, sequence)
);

CREATE OR REPLACE TEMP VIEW order_lines AS
SELECT r.organizer_id, r.order_id, r.line_id, r.line_number, r.ticket_type, r.quantity, r.unit_price, r.quantity * r.unit_price AS amount, r.currency
FROM order_rows r
JOIN (FROM order_versions WHERE status = 'counts') v USING (organizer_id, order_id, collector, epoch, shard, sequence);

-- counts: completed and no test, so in the figures. ordered_at is the order date.
CREATE OR REPLACE TEMP VIEW orders AS
SELECT v.* EXCLUDE (status, ordered_at), f.ordered_at, v.state = 'completed' AND NOT v.test AS counts, l.tickets, l.sales
FROM order_versions v
JOIN (SELECT organizer_id, order_id, arg_min(ordered_at, version) AS ordered_at
      FROM order_versions WHERE status IN ('counts', 'superseded') GROUP BY ALL) f USING (organizer_id, order_id)
JOIN (SELECT organizer_id, order_id, sum(quantity)::BIGINT AS tickets, sum(amount)::BIGINT AS sales
      FROM order_lines GROUP BY ALL) l USING (organizer_id, order_id)
WHERE v.status = 'counts';

-- 8. Who is credited: the candidates of each order by the rules of the policy in
-- force at its date, the strongest rule first, and of a rule's visits the last (or
-- first). A click id whose key nobody had when it came (click_status unknown_key)
-- is one that footfall checks again; here it credits nothing.

CREATE OR REPLACE TEMP TABLE candidates AS
WITH ruled AS (
  SELECT o.*, epoch_ms(o.ordered_at) AS ordered_ms, epoch_ms(o.clicked_at) AS clicked_ms, epoch_ms(e.ends_at) AS end_ms,
         p.window_days * 86400000 AS window_ms, p.cut_at_event_end, p.pick, p.rules
  FROM orders o
  JOIN policies p ON p.organizer_id = o.organizer_id AND epoch_ms(o.ordered_at) >= p.from_ms AND epoch_ms(o.ordered_at) < p.until_ms
  LEFT JOIN events e ON e.event_id = o.event_id
),
clicked AS ( -- its row tells the text of an unknown code, which may have been claimed since
  SELECT o.*, v.code_id AS found_code_id, v.visitor_source AS click_visitor_source, v.visitor_key AS click_visitor_key
  FROM ruled o LEFT JOIN visits v ON o.click_status = 'valid' AND v.epoch = o.click_epoch AND v.shard = o.click_shard AND v.sequence = o.click_sequence
),
clicks AS (
  SELECT c.*, CASE WHEN c.click_code_state = 'unknown' THEN c.found_code_id ELSE c.click_code_id END AS code_id,
         CASE WHEN c.click_status <> 'valid' THEN c.click_status
              WHEN ce.organizer_id <> c.organizer_id THEN 'other_organizer'
              WHEN c.click_event_id <> c.event_id THEN 'other_event'
              WHEN c.click_test THEN 'test'
              WHEN c.click_ended THEN 'ended'
              WHEN c.click_code_state = 'none' THEN 'no_code'
              WHEN c.click_code_state = 'unknown' AND c.found_code_id IS NULL THEN 'unknown_code'
              WHEN c.click_code_state = 'paused' THEN 'paused'
              WHEN greatest(c.ordered_ms, c.clicked_ms) >= c.clicked_ms + c.window_ms THEN 'outside_window'
              WHEN c.cut_at_event_end AND greatest(c.ordered_ms, c.clicked_ms) >= c.end_ms THEN 'after_event'
              ELSE 'valid' END AS reason
  FROM clicked c LEFT JOIN events ce ON ce.event_id = c.click_event_id
  WHERE c.click_id IS NOT NULL
),
given AS (
  SELECT o.organizer_id, o.order_id, 'affiliate' AS rule, o.rules, o.ordered_ms, coalesce(te.code_id, tc.code_id) AS code_id,
         o.ordered_ms >= coalesce(te.from_ms, tc.from_ms) AS active
  FROM ruled o
  LEFT JOIN code_texts te ON te.event_id = o.event_id AND te.folded = folded(o.affiliate_text)
  LEFT JOIN (FROM code_texts WHERE event_id IS NULL) tc ON tc.organizer_id = o.organizer_id AND tc.folded = folded(o.affiliate_text)
  WHERE o.affiliate_text IS NOT NULL
  UNION ALL
  SELECT o.organizer_id, o.order_id, 'coupon', o.rules, o.ordered_ms, b.code_id, coalesce(k.event_id, o.event_id) = o.event_id
  FROM ruled o
  JOIN coupons b ON b.organizer_id = o.organizer_id AND b.folded = folded(o.coupon_text) AND o.ordered_ms >= b.from_ms AND o.ordered_ms < b.until_ms
  LEFT JOIN codes k ON k.code_id = b.code_id
  WHERE o.coupon_text IS NOT NULL
),
visitors AS ( -- the cookie's key: the order's own, and that of its click
  SELECT *, visitor_key AS key FROM clicked WHERE visitor_key IS NOT NULL
  UNION
  SELECT *, click_visitor_key FROM clicked WHERE click_visitor_source = 'cookie' AND click_visitor_key IS NOT NULL
)
SELECT organizer_id, order_id, 'click_id' AS rule, list_position(rules, 'click_id') AS rank, pick, code_id, clicked_ms AS visited_ms, clicked_ms AS owned_ms,
       NULL::BIGINT AS collector, click_epoch AS epoch, click_shard AS shard, click_sequence AS sequence
FROM clicks WHERE reason = 'valid'
UNION ALL
SELECT g.organizer_id, g.order_id, g.rule, list_position(g.rules, g.rule), NULL, g.code_id, NULL, g.ordered_ms, NULL, NULL, NULL, NULL
FROM given g
WHERE g.code_id IS NOT NULL AND g.active
  AND NOT EXISTS (FROM code_pauses s WHERE s.code_id = g.code_id AND g.ordered_ms >= s.from_ms AND g.ordered_ms < s.until_ms)
  AND NOT EXISTS (
  -- A verified click id that is refused rules its code out here.
  FROM clicks c WHERE c.organizer_id = g.organizer_id AND c.order_id = g.order_id AND c.code_id = g.code_id
    AND c.click_status = 'valid' AND c.reason <> 'valid')
UNION ALL
SELECT o.organizer_id, o.order_id, 'visitor', list_position(o.rules, 'visitor'), o.pick, v.code_id, epoch_ms(v.visited_at), epoch_ms(v.visited_at),
       v.collector, v.epoch, v.shard, v.sequence
FROM visitors o
JOIN visits v ON v.visitor_key = o.key AND v.visitor_source = 'cookie' AND v.organizer_id = o.organizer_id AND v.event_id = o.event_id
  AND v.visited_at <= o.ordered_at
WHERE v.code_id IS NOT NULL AND v.verdict NOT IN ('test', 'ended', 'no_code', 'unknown_code', 'paused')
  AND o.ordered_ms < epoch_ms(v.visited_at) + o.window_ms AND NOT (o.cut_at_event_end AND o.ordered_ms >= o.end_ms);

CREATE OR REPLACE TEMP TABLE credits AS
SELECT c.organizer_id, c.order_id, c.rule, c.code_id, w.affiliate_id, c.visited_ms
FROM candidates c
LEFT JOIN code_owners w ON w.code_id = c.code_id AND c.owned_ms >= w.from_ms AND c.owned_ms < w.until_ms
WHERE c.rank > 0
QUALIFY row_number() OVER (PARTITION BY c.organizer_id, c.order_id ORDER BY c.rank,
  CASE WHEN c.pick = 'last' THEN -c.visited_ms ELSE c.visited_ms END,
  CASE WHEN c.pick = 'last' THEN -c.collector ELSE c.collector END, CASE WHEN c.pick <> 'last' THEN c.epoch END, CASE WHEN c.pick = 'last' THEN c.epoch END DESC,
  CASE WHEN c.pick = 'last' THEN -c.shard ELSE c.shard END, CASE WHEN c.pick = 'last' THEN -c.sequence ELSE c.sequence END) = 1;

-- 9. Refunds, in the order in which the lake learned of them. One that asks for
-- more than a line of its order has left, for a line that it hasn't, or in another
-- currency is set aside whole; one of a whole order takes what is left.

CREATE OR REPLACE TEMP TABLE refunds AS
WITH RECURSIVE
refund_versions AS (
  SELECT organizer_id, refund_id, order_id, refunded_at, known_at, collector, epoch, shard, sequence, currency, whole
  FROM refund_rows WHERE line_number = 0
  QUALIFY row_number() OVER (PARTITION BY organizer_id, refund_id ORDER BY known_at, collector, epoch, shard, sequence) = 1
),
refunded AS (
  SELECT r.*, o.currency = r.currency AS same_currency,
         row_number() OVER (PARTITION BY r.organizer_id, r.order_id ORDER BY r.known_at, r.collector, r.epoch, r.shard, r.sequence) AS nth
  FROM refund_versions r JOIN orders o USING (organizer_id, order_id) WHERE o.counts
),
asked AS (
  SELECT r.organizer_id, r.order_id, r.nth, l.line_id, sum(l.quantity)::BIGINT AS quantity, sum(l.amount)::BIGINT AS amount
  FROM refunded r JOIN refund_rows l USING (organizer_id, refund_id, collector, epoch, shard, sequence)
  WHERE NOT r.whole GROUP BY ALL
),
strange AS (SELECT DISTINCT organizer_id, order_id, nth FROM asked ANTI JOIN order_lines USING (organizer_id, order_id, line_id)),
lines AS ( -- of each refunded order, after its nth refund: what is left, and what that refund took
  SELECT organizer_id, order_id, line_id, quantity AS rest_quantity, amount AS rest_amount,
         0::BIGINT AS tickets, 0::BIGINT AS amount, 0::BIGINT AS nth, true AS taken
  FROM order_lines SEMI JOIN refunded USING (organizer_id, order_id)
  UNION ALL
  SELECT organizer_id, order_id, line_id,
         rest_quantity - CASE WHEN fits THEN ask_quantity ELSE 0 END, rest_amount - CASE WHEN fits THEN ask_amount ELSE 0 END,
         CASE WHEN fits THEN ask_quantity ELSE 0 END, CASE WHEN fits THEN ask_amount ELSE 0 END, nth, fits
  FROM (
    SELECT *, possible AND bool_and(ask_quantity <= rest_quantity AND ask_amount <= rest_amount) OVER whole_order
              AND bool_or(rest_quantity > 0 OR rest_amount > 0) OVER whole_order AS fits
    FROM (
      SELECT l.organizer_id, l.order_id, l.line_id, l.rest_quantity, l.rest_amount, r.nth,
             r.same_currency AND s.nth IS NULL AS possible,
             CASE WHEN r.whole THEN l.rest_quantity ELSE coalesce(a.quantity, 0) END AS ask_quantity,
             CASE WHEN r.whole THEN l.rest_amount ELSE coalesce(a.amount, 0) END AS ask_amount
      FROM lines l
      JOIN refunded r ON r.organizer_id = l.organizer_id AND r.order_id = l.order_id AND r.nth = l.nth + 1
      LEFT JOIN asked a ON a.organizer_id = r.organizer_id AND a.order_id = r.order_id AND a.nth = r.nth AND a.line_id = l.line_id
      LEFT JOIN strange s ON s.organizer_id = r.organizer_id AND s.order_id = r.order_id AND s.nth = r.nth
    )
    WINDOW whole_order AS (PARTITION BY organizer_id, order_id)
  )
)
SELECT v.organizer_id, v.refund_id, v.order_id, v.refunded_at, v.currency,
       CASE WHEN o.test THEN 'test' WHEN o.state = 'cancelled' THEN 'cancelled'
            WHEN x.nth IS NULL THEN 'waiting' WHEN x.taken THEN 'taken' ELSE 'set_aside' END AS status,
       coalesce(x.tickets, 0) AS tickets, coalesce(x.amount, 0) AS amount
FROM refund_versions v
LEFT JOIN orders o USING (organizer_id, order_id)
LEFT JOIN refunded r USING (organizer_id, refund_id)
LEFT JOIN (SELECT organizer_id, order_id, nth, bool_and(taken) AS taken, sum(tickets)::BIGINT AS tickets, sum(amount)::BIGINT AS amount
           FROM lines WHERE nth > 0 GROUP BY ALL) x
  ON x.organizer_id = r.organizer_id AND x.order_id = r.order_id AND x.nth = r.nth;

-- 10. The table: affiliate by affiliate, of each organizer and currency. Orders
-- that nobody is credited with stand under affiliate_id null.

CREATE OR REPLACE TEMP VIEW affiliate_report AS
SELECT o.slug AS organizer, f.affiliate_id, f.currency, f.visits, f.orders, f.tickets,
       CASE WHEN f.visits > 0 AND f.affiliate_id IS NOT NULL THEN f.orders / f.visits END AS conversion_rate,
       f.sales, f.refunds, f.sales - f.refunds AS net_sales
FROM (
  SELECT organizer_id, affiliate_id, currency, sum(visits)::BIGINT AS visits, sum(orders)::BIGINT AS orders,
         sum(tickets)::BIGINT AS tickets, sum(sales)::BIGINT AS sales, sum(refunds)::BIGINT AS refunds
  FROM (
    SELECT v.organizer_id, v.affiliate_id, e.currency, count(*) AS visits, 0 AS orders, 0 AS tickets, 0 AS sales, 0 AS refunds
    FROM visits v JOIN events e USING (event_id) WHERE v.verdict = 'valid' GROUP BY ALL
    UNION ALL
    SELECT o.organizer_id, c.affiliate_id, o.currency, 0, 1, o.tickets, o.sales, 0
    FROM orders o LEFT JOIN credits c USING (organizer_id, order_id) WHERE o.counts
    UNION ALL
    SELECT o.organizer_id, c.affiliate_id, o.currency, 0, 0, -r.tickets, 0, r.amount
    FROM refunds r JOIN orders o USING (organizer_id, order_id) LEFT JOIN credits c USING (organizer_id, order_id) WHERE r.status = 'taken'
  )
  GROUP BY ALL
) f JOIN organizers o USING (organizer_id)
ORDER BY organizer, f.affiliate_id NULLS LAST, f.currency;
