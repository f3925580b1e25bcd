"""The lake without Footfall: which files are live, and what their rows mean.

Needs the standard library alone. with_polars.py and with_pandas.py do the rest
with it; with_duckdb.py takes lake.sql instead. docs/format/lake.md says why.
"""

import hashlib
import json
import pathlib
from collections import defaultdict

BEGINNING, END = -(2**63), 2**63 - 1


def live_files(root):
    """The lake's live Parquet files by table, as of now: added minus removed."""
    root = pathlib.Path(root)
    logs = sorted(p.name for p in (root / "_log").iterdir() if p.is_dir())
    logs.sort(key=lambda name: name == "maintenance")  # it comes last
    added, removed = {}, set()
    for log in logs:
        folder = root / "_log" / log
        number, after = 0, 0
        # The newest checkpoint, and the entries above it, as far as there is no hole.
        found = sorted(int(p.stem) for p in (folder / "checkpoints").glob("*.json"))
        if found:
            number = after = found[-1]
            said = believed(folder / "checkpoints" / f"{number:020}.json")
            added.update((f["path"], f["table"]) for f in said.get("files", []))
            removed.update(said.get("removed", []))
        while (entry := folder / f"{number + 1:020}.json").exists():
            said = believed(entry)
            added.update((f["path"], f["table"]) for f in said.get("added", []))
            removed.update(said.get("removed", []))
            number += 1
    tables = defaultdict(list)
    for path, table in sorted(added.items()):
        if path not in removed:
            tables[table].append(str(root / path))
    # A file without rows that has all columns: a table may have no file yet.
    for table in ("visits", "orders", "refunds", "catalog"):
        tables[table].insert(0, str(root / "_schema" / f"{table}.parquet"))
    return tables


def believed(path):
    """What an entry says; its checksum is of the bytes of its body."""
    line = path.read_bytes()
    checksum, body = line[13:77].decode(), line[86:-2]
    if hashlib.sha256(body).hexdigest() != checksum:
        raise ValueError(f"{path} is damaged: restore it from a copy of the lake")
    return json.loads(body)


class Catalog:
    """The newest catalog of `rows`, dicts of the table catalog; times in ms."""

    def __init__(self, rows):
        rows = sorted(rows, key=lambda r: r["revision"])
        newest = {(r["kind"], r["id"]): r for r in rows}
        self.organizers = {i: r["slug"] for (kind, i), r in newest.items() if kind == "organizer"}
        self.events = {i: r for (kind, i), r in newest.items() if kind == "event"}
        self.coupons = [r for (kind, _), r in newest.items() if kind == "coupon"]
        self.texts = {}  # (organizer, event or None, text) -> (code, since when)
        self.owners = defaultdict(list)  # code -> [(since when, affiliate)]
        self.pauses = defaultdict(list)  # (kind, id) -> [(since when, paused)]
        for r in rows:
            if r["kind"] == "code_text":
                key = r["organizer_id"], r["event_id"], r["folded"]
                since = min(r["valid_from"], self.texts.get(key, (0, END))[1])
                self.texts[key] = r["code_id"], since
            elif r["kind"] == "code_owner":
                history = self.owners[r["code_id"]]
                history[:] = [h for h in history if h[0] < r["valid_from"]]
                history.append((r["valid_from"], r["affiliate_id"]))
            elif r["kind"] in ("code", "affiliate"):
                self.pauses[r["kind"], r["id"]].append((r["valid_from"], r["paused"]))

    def spans(self):
        """Owners as rows (code, affiliate, from, until): half-open."""
        for code, history in self.owners.items():
            for i, (since, affiliate) in enumerate(history):
                until = history[i + 1][0] if i + 1 < len(history) else END
                yield code, affiliate, since if i else BEGINNING, until

    def owner(self, code, at):
        return value_at(self.owners.get(code), at)

    def paused(self, code, at):
        return value_at(self.pauses["code", code], at) or value_at(self.pauses["affiliate", self.owner(code, at)], at)

    def code(self, organizer, event, text, at):
        """The code that a text leads to at an instant: the event's, else the common one."""
        for scope in (event, None):
            code, since = self.texts.get((organizer, scope, folded(text)), (None, END))
            if at >= since:
                return code
        return None


def value_at(history, at):
    """Of [(since when, value)] the value at an instant; the first one reaches back."""
    value = None
    for i, (since, v) in enumerate(history or []):
        if i == 0 or since <= at:
            value = v
    return value


def folded(text):
    return "".join(c.lower() if c.isascii() else c for c in text.strip())


def position(row):
    return row["known_at"], row["collector"], row["epoch"], row["shard"], row["sequence"]


class Orders:
    """Orders as they count, from `rows`, dicts of the table orders; times in ms.

    Of equal versions the one that the lake learned of first stands, the highest
    version is the order, and its date is that of the lowest.
    """

    def __init__(self, rows):
        versions = defaultdict(dict)  # (organizer, order) -> version -> its lines
        for r in sorted(rows, key=position):
            lines = versions[r["organizer_id"], r["order_id"]].setdefault(r["version"], [])
            if not lines or position(lines[0]) == position(r):
                lines.append(r)
        self.lines = {}
        self.heads = {}
        for key, of in versions.items():
            head = of[max(of)][0] | {"ordered_at": of[min(of)][0]["ordered_at"]}
            if head["state"] == "completed" and not head["test"]:
                self.heads[key], self.lines[key] = head, of[max(of)]

    def figures(self, key):
        lines = self.lines[key]
        return sum(l["quantity"] for l in lines), sum(l["quantity"] * l["unit_price"] for l in lines)

    def refunds(self, rows):
        """(order's key, tickets, amount) that each refund in `rows` takes back.

        In the order in which the lake learned of them; one that asks for more than
        is left is set aside whole.
        """
        first = {}
        for r in sorted(rows, key=position):
            first.setdefault((r["organizer_id"], r["refund_id"]), []).append(r)
        left = {}
        for lines in first.values():
            lines = [l for l in lines if position(l) == position(lines[0])]
            key = lines[0]["organizer_id"], lines[0]["order_id"]
            if key not in self.lines:
                continue  # it waits for its order
            rest = left.setdefault(key, self.rest(key))
            ask = rest if lines[0]["whole"] else defaultdict(lambda: [0, 0])
            if not lines[0]["whole"]:
                for l in lines:
                    ask[l["line_id"]][0] += l["quantity"]
                    ask[l["line_id"]][1] += l["amount"]
            fits = all(i in rest and q <= rest[i][0] and a <= rest[i][1] for i, (q, a) in ask.items())
            if lines[0]["currency"] == self.heads[key]["currency"] and fits and any(q > 0 or a > 0 for q, a in rest.values()):
                left[key] = {i: [q - ask[i][0], a - ask[i][1]] if i in ask else [q, a] for i, (q, a) in rest.items()}
                yield key, sum(q for q, _ in ask.values()), sum(a for _, a in ask.values())

    def rest(self, key):
        rest = defaultdict(lambda: [0, 0])
        for l in self.lines[key]:
            rest[l["line_id"]][0] += l["quantity"]
            rest[l["line_id"]][1] += l["quantity"] * l["unit_price"]
        return rest


def credited(order, catalog, claimed, window_days=30):
    """The affiliate that an order is credited to by the default policy; None: nobody.

    `claimed` is (epoch, shard, sequence) -> code of visits whose unknown code was
    claimed since. Rule visitor is left out: lake.sql has it too.
    """
    at, refused = order["ordered_at"], None
    if order["click_status"] == "valid":
        clicked = order["clicked_at"]
        code, state = order["click_code_id"], order["click_code_state"]
        if state == "unknown":
            code = claimed.get((order["click_epoch"], order["click_shard"], order["click_sequence"]))
        credit_at = max(at, clicked)
        event = catalog.events.get(order["click_event_id"])
        if (
            code is not None and state != "paused" and not order["click_test"] and not order["click_ended"]
            and order["click_event_id"] == order["event_id"] and event and event["organizer_id"] == order["organizer_id"]
            and credit_at < clicked + window_days * 86_400_000 and credit_at < event["ends_at"]
        ):
            return catalog.owner(code, clicked)
        refused = code  # a click that is refused rules its code out below
    given = []
    if order["affiliate_text"]:
        given.append(catalog.code(order["organizer_id"], order["event_id"], order["affiliate_text"], at))
    for c in catalog.coupons if order["coupon_text"] else []:
        if c["organizer_id"] == order["organizer_id"] and c["folded"] == folded(order["coupon_text"]) and c["valid_from"] <= at < (c["valid_until"] or END):
            given.append(c["code_id"])
    for code in given:
        if code is not None and code != refused and not catalog.paused(code, at):
            return catalog.owner(code, at)
    return None
