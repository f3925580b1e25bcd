-- Every candidate of every order with the policy's rank of its rule. A further
-- rule is a further table of the same columns here.
SELECT c.*, p.rank
FROM (SELECT * FROM clicks UNION ALL SELECT * FROM given_codes) c
JOIN policy_rules p USING (rule)
