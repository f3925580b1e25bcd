-- Every received version of the order, in the order in which the lake learned of them.
SELECT version, state, known_us, collector, fingerprint, status
FROM order_versions
ORDER BY known_us, collector, epoch, shard, sequence
