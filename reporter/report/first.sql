-- Visits with whether each is its visitor's first of the code in its UTC day. A
-- visit without a visitor key never is.
SELECT *, CASE WHEN verdict = 'valid' AND visitor_key IS NOT NULL AND row_number() OVER (
         PARTITION BY verdict = 'valid', visitor_key, code_id, visited_ms // 86400000
         ORDER BY visited_ms, collector, epoch, shard, sequence) = 1 THEN 1 ELSE 0 END AS first
FROM ({visits})
