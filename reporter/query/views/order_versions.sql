-- Every received version of every order.
SELECT order_id, version, state, make_timestamp(ordered_ms * 1000) AS ordered_at, make_timestamp(known_us) AS known_at,
       collector, epoch, shard, sequence, fingerprint, status
FROM order_versions
