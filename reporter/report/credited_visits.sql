-- The visits that orders are credited to, as they were counted.
SELECT v.epoch, v.shard, v.sequence, {dimensions}
FROM ({visits}) v
