-- The first received versions of the order, in the order in which the lake learned
-- of them, and how many there are.
SELECT version, state, known_us, collector, fingerprint, normalization, status, count(*) OVER ()
FROM order_versions
ORDER BY known_us, collector, epoch, shard, sequence
LIMIT {most}
