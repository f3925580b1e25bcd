CASE
  WHEN test THEN 'test'
  WHEN ended THEN 'ended'
  WHEN code_state = 'none' THEN 'no_code'
  WHEN code_state = 'unknown' THEN 'unknown_code'
  WHEN code_state = 'paused' THEN 'paused'
  WHEN head THEN 'head'
  WHEN prefetch THEN 'prefetch'
  WHEN bot THEN 'bot'
  ELSE 'valid'
END
