-- The catalog at one as-of, as the catalog gives it. Ids are BIGINT, as in the lake.
CREATE SCHEMA {schema};
CREATE TABLE {schema}.organizers (organizer_id BIGINT, slug VARCHAR, name VARCHAR, zone VARCHAR, currency VARCHAR);
CREATE TABLE {schema}.events (event_id BIGINT, organizer_id BIGINT, slug VARCHAR, name VARCHAR, zone VARCHAR, currency VARCHAR, start_ms BIGINT, end_ms BIGINT);
CREATE TABLE {schema}.affiliates (affiliate_id BIGINT, organizer_id BIGINT, name VARCHAR, nickname VARCHAR, email VARCHAR, paused BOOLEAN);
CREATE TABLE {schema}.codes (code_id BIGINT, organizer_id BIGINT, event_id BIGINT, code_text VARCHAR, paused BOOLEAN);
CREATE TABLE {schema}.texts (code_id BIGINT, folded VARCHAR, from_ms BIGINT);
CREATE TABLE {schema}.owners (code_id BIGINT, affiliate_id BIGINT, from_ms BIGINT);
CREATE TABLE {schema}.states (code_id BIGINT, paused BOOLEAN, from_ms BIGINT);
CREATE TABLE {schema}.coupons (coupon_id BIGINT, organizer_id BIGINT, folded VARCHAR, code_id BIGINT, from_ms BIGINT, until_ms BIGINT);
CREATE TABLE {schema}.policies (organizer_id BIGINT, version BIGINT, from_ms BIGINT, until_ms BIGINT, window_ms BIGINT, cut BOOLEAN, pick VARCHAR);
CREATE TABLE {schema}.policy_rules (organizer_id BIGINT, version BIGINT, rule VARCHAR, rank BIGINT);
