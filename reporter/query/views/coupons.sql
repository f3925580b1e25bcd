-- Coupons and the code that each is bound to.
SELECT coupon_id, folded AS coupon, code_id, {from} AS from_at, {until} AS until_at FROM coupons WHERE organizer_id = {organizer}
