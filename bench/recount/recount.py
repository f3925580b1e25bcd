"""Counts a world's reports again and says where they differ.

    recount.py WORLD.json [--mutant NAME]

Written from semantics and formats alone; no code and no statement of Footfall is
in it. The rows come from the journals, the lake's files must hold the same ones.
Exit code 1: something differs. With --mutant the recount is wrong on purpose,
so that a test sees that it can tell.
"""

import json
import sys
from decimal import Decimal

from count import Counted
from sources import from_journals, from_lake

MILLION = 10**6


def place(r):
    return (r["collector"], r["epoch"], r["shard"], r["sequence"], r.get("line_number", 0))


def compare_rows(lake, journals):
    """Every record of the journals is in the lake once and the same."""
    differences, n = [], 0
    for name in journals:
        n += len(journals[name])
        a, b = sorted(lake[name], key=place), sorted(journals[name], key=place)
        if len(a) != len(b):
            differences.append(f"{name}: {len(a)} rows in the lake, {len(b)} in the journals")
        for x, y in zip(a, b):
            if x != y:
                wrong = {c: (x[c], y[c]) for c in x if x[c] != y[c]}
                differences.append(f"{name} {place(y)}: lake and journal: {wrong}")
    return n, differences


def by_organizer(rows):
    out = {}
    for name, list_ in rows.items():
        for r in list_:
            out.setdefault(r["organizer_id"], {}).setdefault(name, []).append(r)
    return out


def main():
    mutant = sys.argv[3] if len(sys.argv) > 3 and sys.argv[2] == "--mutant" else ""
    with open(sys.argv[1]) as f:
        # Rates have six decimals: as integers they are compared exactly.
        world = json.load(f, parse_float=lambda s: int(Decimal(s) * MILLION))
    journals = from_journals(world["lake"], world["journals"], world["keys"], world["bots"])
    lake = from_lake(world["lake"])
    if mutant == "row":
        lake["visits"][0]["event_id"] += 1
    n, differences = compare_rows(lake, journals)
    rows = by_organizer(journals)
    reports, compared, cells = 0, 0, 0
    for s in world["scenarios"]:
        counted = {}
        for a in s["answers"]:
            as_of = a["report"]["as_of_us"]
            key = (as_of, a["query"].get("policy"))
            if key not in counted:
                counted[key] = Counted(s, rows.get(s["organizer"]["id"], {}), as_of, a["query"].get("policy"), mutant)
            reports += 1
            found, r, c = counted[key].compare(a["query"], a["report"])
            compared += r
            cells += c
            differences += [f"{s['organizer']['slug']} {json.dumps(a['query'])} as of {as_of}: {d}" for d in found]
    for d in differences[:60]:
        print(d)
    print(
        f"{len(world['scenarios'])} scenarios, {n} rows of lake and journals, {reports} reports, "
        f"{compared} rows, {cells} figures compared: {len(differences)} differences"
    )
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
