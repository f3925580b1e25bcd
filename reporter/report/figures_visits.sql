-- From counted visits.
SELECT period, event_id, code_key, affiliate_key, currency, {dimensions} {raws}
FROM {counted}
