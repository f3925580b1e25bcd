-- Who an order is credited to: at most one row an order.
SELECT order_id, rule, code_id, affiliate_id, make_timestamp(visited_ms * 1000) AS visited_at, epoch, shard, sequence, policy_version FROM credits
