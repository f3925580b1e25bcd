-- From counted visits.
SELECT event_id, code_key, affiliate_key, currency, {dimensions} {raws}
FROM {counted}
