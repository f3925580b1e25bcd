-- One state of the catalog from an earlier one: what changed stands in {delta}
-- with all its rows, everything else is as it was.
CREATE SCHEMA {schema};
CREATE TABLE {schema}.organizers AS
  SELECT * FROM {base}.organizers ANTI JOIN {delta}.organizers USING (organizer_id) UNION ALL BY NAME FROM {delta}.organizers;
CREATE TABLE {schema}.events AS
  SELECT * FROM {base}.events ANTI JOIN {delta}.events USING (event_id) UNION ALL BY NAME FROM {delta}.events;
CREATE TABLE {schema}.affiliates AS
  SELECT * FROM {base}.affiliates ANTI JOIN {delta}.affiliates USING (affiliate_id) UNION ALL BY NAME FROM {delta}.affiliates;
CREATE TABLE {schema}.codes AS
  SELECT * FROM {base}.codes ANTI JOIN {delta}.codes USING (code_id) UNION ALL BY NAME FROM {delta}.codes;
CREATE TABLE {schema}.code_texts AS
  SELECT * FROM {base}.code_texts ANTI JOIN {delta}.codes USING (code_id) UNION ALL BY NAME FROM {delta}.code_texts;
CREATE TABLE {schema}.code_owners AS
  SELECT * FROM {base}.code_owners ANTI JOIN {delta}.codes USING (code_id) UNION ALL BY NAME FROM {delta}.code_owners;
CREATE TABLE {schema}.code_states AS
  SELECT * FROM {base}.code_states ANTI JOIN {delta}.codes USING (code_id) UNION ALL BY NAME FROM {delta}.code_states;
CREATE TABLE {schema}.coupons AS
  SELECT * FROM {base}.coupons ANTI JOIN {delta}.coupons USING (coupon_id) UNION ALL BY NAME FROM {delta}.coupons;
CREATE TABLE {schema}.policies AS FROM {delta}.policies;
CREATE TABLE {schema}.policy_rules AS FROM {delta}.policy_rules;
DROP SCHEMA {delta} CASCADE;
