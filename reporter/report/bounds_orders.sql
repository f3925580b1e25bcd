-- The orders that ever arrived, each once: dated by its first version, of the event
-- of the version that counts. Among equal versions the least position wins.
SELECT count(*), coalesce(min(ordered_ms), 0), coalesce(max(ordered_ms), 0), coalesce(list_sort(list(DISTINCT currency)), [])
FROM (
  SELECT arg_min(ordered_ms, (version, known_us, collector, epoch, shard, sequence)) AS ordered_ms,
         unnest(arg_min({'test': test, 'event_id': event_id, 'currency': currency}, (-version, known_us, collector, epoch, shard, sequence)))
  FROM order_rows
  WHERE organizer_id = {organizer} AND line_number = 0
  GROUP BY order_id
)
WHERE NOT test AND {scope}
