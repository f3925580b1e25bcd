-- The report's rows: one for each key and currency with any figure, and those
-- conditions that are on sums.
SELECT *, {whole} FROM (
  SELECT {keys}, currency, {sums}
  FROM {figures}
  WHERE {periods}
  GROUP BY {group}, currency
)
WHERE ({any}) AND {filters}
