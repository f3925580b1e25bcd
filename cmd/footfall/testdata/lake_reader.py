"""Reads the lake over and over with one of docs/examples, a line of JSON each time.

A line on standard input ends it, with one more reading.
"""

import importlib
import json
import sys
import threading

with_what, root, examples = sys.argv[1:4]
sys.path.insert(0, examples)
affiliate_table = importlib.import_module(with_what).affiliate_table

asked = threading.Event()
threading.Thread(target=lambda: (sys.stdin.readline(), asked.set()), daemon=True).start()

FIGURES = ("visits", "orders", "tickets", "sales", "refunds")
while True:
    last = asked.is_set()
    table = affiliate_table(root)
    if not isinstance(table, list):
        table = json.loads(table.write_json() if hasattr(table, "write_json") else table.to_json(orient="records"))
    table = [[r["organizer"], r["affiliate_id"], r["currency"], *(r[f] for f in FIGURES)] for r in table]
    print(json.dumps({"last": last, "rows": table}), flush=True)
    if last:
        break
