-- The lines of the version of each order that counts.
SELECT order_id, line_number, line_id, ticket_type, quantity, amount FROM order_lines
