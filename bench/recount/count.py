"""The meaning of a report, written from the definitions with loops."""

import re
from datetime import datetime, timedelta, timezone
from functools import cache
from urllib.parse import urlsplit

from catalog import Catalog, day_start, fold, zone_of

WHERE = re.compile(r"([a-z0-9-]+) (!?=) (.*)")
VALUE = re.compile(r'"[^"]*"|[^,]+')
DAY_MS = 24 * 3600 * 1000
MINOR = {"JPY": 0, "USD": 2, "EUR": 2, "KWD": 3, "CLF": 4, "XAF": 0}
NOT_VALID = ["test", "ended", "no_code", "unknown_code", "paused", "head", "prefetch", "bot"]
SUMS = ["requests", "visits", "unique_visitors", "orders", "credited_orders", "tickets_sold", "total_sales", "refunds"]
SUMS += [f"{v}_requests" for v in NOT_VALID]
KEYS = {
    "affiliate": ["affiliate_id", "affiliate", "nickname"],
    "code": ["code_id", "code", "scope"],
    "event": ["event_id", "event", "event_name"],
    "organizer": ["organizer_id", "organizer", "organizer_name"],
    "order": ["order_id", "ordered_at", "state", "event", "rule"],
}


@cache
def local(ms, name):
    return datetime.fromtimestamp(ms / 1000, tz=timezone.utc).astimezone(zone_of(name))


def fold_typed(s):
    return "".join(c.lower() if "A" <= c <= "Z" else c for c in s)


def half_away(a, b):
    """a ÷ b, rounded half away from zero."""
    if b < 0:
        a, b = -a, -b
    return (2 * a + b) // (2 * b) if a >= 0 else -((-2 * a + b) // (2 * b))


def rank(r):
    return (r["known_at"], r["collector"], r["epoch"], r["shard"], r["sequence"])


def source_of(v):
    if v["utm_source"]:
        return v["utm_source"]
    try:
        given = v["referrer"] or ""
        host = urlsplit(given if "://" in given else "//" + given).hostname  # without a scheme it begins with the host
    except ValueError:
        host = None
    if not host:
        return None
    host = host.lower()
    return host[4:] if host.startswith("www.") else host


class Counted:
    """One organizer's facts as of an instant."""

    def __init__(self, scenario, rows, as_of, policy=None, mutant=""):
        self.mutant, self.version = mutant, policy
        self.catalog = Catalog(scenario, as_of, mutant)
        if mutant == "asof":
            as_of = 1 << 62
        self.visits = [v for v in rows.get("visits", []) if v["known_at"] <= as_of]
        self.order_rows = [r for r in rows.get("orders", []) if r["known_at"] <= as_of]
        self.refund_rows = [r for r in rows.get("refunds", []) if r["known_at"] <= as_of]
        self.look_at_visits()
        self.count_orders()
        self.count_refunds()

    # --- visits ---

    def look_at_visits(self):
        self.at_place, first = {}, {}
        for v in self.visits:
            v = dict(v)
            self.at_place[v["epoch"], v["shard"], v["sequence"]] = v
            v["code"], v["state"] = v["code_id"], v["code_state"]
            if v["state"] == "unknown":
                code, since = self.catalog.resolve(v["event_id"], v["code_text"] or "")
                if code is not None and since <= v["visited_at"]:
                    v["code"], v["state"] = code, "resolved"
            v["verdict"] = self.verdict(v)
            at = 1 << 62 if self.mutant == "owner" else v["visited_at"]
            v["owner"] = None if v["code"] is None else self.catalog.owner(v["code"], at)
            v["first"] = False
            if v["verdict"] == "valid" and v["visitor_key"] is not None:
                key = (v["visitor_key"], v["code"], v["visited_at"] // DAY_MS)
                order = (v["visited_at"], v["collector"], v["epoch"], v["shard"], v["sequence"])
                if key not in first or order < first[key][0]:
                    first[key] = (order, v)
        for _, v in first.values():
            v["first"] = True
        self.visits = list(self.at_place.values())

    def verdict(self, v):
        for name, holds in (
            ("test", v["test"]),
            ("ended", v["ended"]),
            ("no_code", v["state"] == "none"),
            ("unknown_code", v["state"] == "unknown"),
            ("paused", v["state"] == "paused"),
            ("head", v["head"]),
            ("prefetch", v["prefetch"]),
            ("bot", v["bot"] and self.mutant != "bots"),
        ):
            if holds:
                return name
        return "valid"

    # --- orders ---

    def count_orders(self):
        received = {}  # (id, version) -> place -> lines
        for r in self.order_rows:
            received.setdefault((r["order_id"], r["version"]), {}).setdefault(rank(r), []).append(r)
        versions = {}
        for (id_, version), places in received.items():
            versions.setdefault(id_, {})[version] = places[max(places) if self.mutant == "least" else min(places)]
        self.orders = {}
        for id_, by_version in versions.items():
            lines = sorted(by_version[max(by_version)], key=lambda r: r["line_number"])
            o = dict(lines[0])
            o["lines"] = lines
            o["ordered_ms"] = by_version[min(by_version)][0]["ordered_at"]
            o["counts"] = o["state"] == "completed" and not o["test"]
            o["policy"] = self.catalog.policy(o["ordered_ms"], self.version)
            o["credit"] = self.credit(o)
            self.orders[id_] = o

    def credit(self, o):
        """(rule, code, affiliate, visit's time, visit's row) or None."""
        click, refused = self.by_click(o)
        found = {"click_id": click}
        if o["affiliate_text"]:
            code, since = self.catalog.resolve(o["event_id"], o["affiliate_text"])
            found["affiliate"] = self.by_code("affiliate", o, code, since, refused)
        if o["coupon_text"]:
            found["coupon"] = self.by_coupon(o, refused)
        for rule in o["policy"]["rules"]:
            if rule == "visitor":
                found[rule] = self.by_visitor(o)
            if found.get(rule):
                return found[rule]
        return None

    def by_code(self, rule, o, code, since, refused):
        at = o["ordered_ms"]
        if code is None or at < since or self.catalog.paused(code, at) or code == refused:
            return None
        return {"rule": rule, "code": code, "affiliate": self.catalog.owner(code, at), "visited": None, "visit": None}

    def by_coupon(self, o, refused):
        for folded, code, since, until in self.catalog.coupons:
            if folded == fold(o["coupon_text"]) and since <= o["ordered_ms"] and (until is None or o["ordered_ms"] < until):
                if self.catalog.codes[code]["event"] not in (0, o["event_id"]):
                    return None  # an event code is of one event
                return self.by_code("coupon", o, code, since, refused)
        return None

    def within(self, o, visited):
        at, policy = max(o["ordered_ms"], visited), o["policy"]
        end = self.catalog.events[o["event_id"]]["end_ms"]
        if at >= visited + policy["window_days"] * DAY_MS:
            return False
        return not (policy["cut_at_event_end"] and at >= end)

    def by_click(self, o):
        """The credit of a click id, or the code that its refusal rules out."""
        if o["click_status"] != "valid":
            return None, None
        v = self.at_place.get((o["click_epoch"], o["click_shard"], o["click_sequence"]))
        code = o["click_code_id"]
        if o["click_code_state"] == "unknown":
            code = v["code"] if v else None
        visited = o["clicked_at"]
        if (
            o["click_event_id"] != o["event_id"]
            or o["click_test"]
            or o["click_ended"]
            or o["click_code_state"] in ("none", "paused")
            or code is None
            or not self.within(o, visited)
        ):
            return None, code
        at = o["ordered_ms"] if self.mutant == "owner" else visited
        return {"rule": "click_id", "code": code, "affiliate": self.catalog.owner(code, at), "visited": visited, "visit": v}, None

    def by_visitor(self, o):
        keys = set()
        v = self.at_place.get((o["click_epoch"], o["click_shard"], o["click_sequence"])) if o["click_status"] == "valid" else None
        if v and v["visitor_source"] == "cookie":
            keys.add(v["visitor_key"])
        if o.get("visitor_key") is not None:
            keys.add(o["visitor_key"])
        found = []
        for v in self.visits:
            if v["visitor_source"] != "cookie" or v["visitor_key"] not in keys or v["event_id"] != o["event_id"]:
                continue
            if v["state"] != "resolved" or v["test"] or v["ended"] or v["visited_at"] > o["ordered_ms"] or not self.within(o, v["visited_at"]):
                continue
            found.append(((v["visited_at"], v["collector"], v["epoch"], v["shard"], v["sequence"]), v))
        if not found:
            return None
        _, v = (min if o["policy"]["pick"] == "first" else max)(found, key=lambda f: f[0])
        return {"rule": "visitor", "code": v["code"], "affiliate": v["owner"], "visited": v["visited_at"], "visit": v}

    # --- refunds ---

    def count_refunds(self):
        received = {}
        for r in self.refund_rows:
            received.setdefault(r["refund_id"], {}).setdefault(rank(r), []).append(r)
        winners = [min(places.items()) for places in received.values()]
        self.refunds, left = [], {}
        for _, lines in sorted(winners):
            r = lines[0]
            o = self.orders.get(r["order_id"])
            if o is None or not o["counts"]:
                continue
            if o["order_id"] not in left:
                left[o["order_id"]] = {l["line_id"]: [l["quantity"], l["quantity"] * l["unit_price"]] for l in o["lines"]}
            rest = left[o["order_id"]]
            if r["whole"]:
                asks = {id_: tuple(l) for id_, l in rest.items()}
                fits = any(q or a for q, a in asks.values())
            else:
                asks = {}
                for l in lines:
                    q, a = asks.get(l["line_id"], (0, 0))
                    asks[l["line_id"]] = (q + l["quantity"], a + l["amount"])
                fits = all(id_ in rest and q <= rest[id_][0] and a <= rest[id_][1] for id_, (q, a) in asks.items())
            if not fits and self.mutant != "refund" or r["currency"] != o["currency"]:
                continue
            for id_, (q, a) in asks.items():
                if id_ in rest:
                    rest[id_][0] -= q
                    rest[id_][1] -= a
            self.refunds.append((r, o, {i: a for i, a in asks.items() if i in rest}))

    # --- reports ---

    def facts(self, basis):
        """(time, currency, row of the visit or None, order or None, line or None, measures)."""
        for v in self.visits:
            currency = self.catalog.events.get(v["event_id"], {}).get("currency", "")
            m = {"requests": 1}
            if v["verdict"] == "valid":
                m["visits"] = 1
                m["unique_visitors"] = int(v["first"])
            else:
                m[f"{v['verdict']}_requests"] = 1
            yield v["visited_at"], currency, v, None, None, m
        for o in self.orders.values():
            at = o["ordered_ms"] if basis == "order" else (o["credit"] or {}).get("visited")
            if not o["counts"] or at is None:
                continue
            yield at, o["currency"], None, o, None, {"orders": 1, "credited_orders": int(o["credit"] is not None)}
            for l in o["lines"]:
                yield at, o["currency"], None, o, l, {"tickets_sold": l["quantity"], "total_sales": l["quantity"] * l["unit_price"]}
        for r, o, asks in self.refunds:
            at = r["refunded_at"] if basis == "order" else (o["credit"] or {}).get("visited")
            if at is None:
                continue
            lines = {l["line_id"]: l for l in o["lines"]}
            for id_, (q, a) in asks.items():
                yield at, o["currency"], None, o, lines[id_], {"tickets_sold": -q, "refunds": a}

    def attributes(self, v, o):
        """Code, affiliate and the row of the visit that text dimensions come from."""
        if v is not None:
            return ("unknown_code" if v["state"] == "unknown" else "direct") if v["code"] is None else None, v["code"], v["owner"], v, None
        c = o["credit"]
        if c is None:
            return "direct", None, None, None, "(direct)"
        return None, c["code"], c["affiliate"], c["visit"], "(no visit)"

    def key(self, by, at, zone, v, o, line):
        named, code, affiliate, row, text = self.attributes(v, o)
        catalog = self.catalog
        if by == "affiliate":
            if named:
                return (None, named, "")
            a = catalog.affiliates.get(affiliate)
            return (affiliate, a["name"], a["nickname"]) if a else (affiliate, "unknown", "")
        if by == "code":
            if named:
                return (None, named, "")
            c = catalog.codes.get(code)
            if c is None:
                return (code, "unknown", "")
            return (code, c["text"], catalog.events[c["event"]]["slug"] if c["event"] else "common")
        if by == "event":
            e = catalog.events.get((v or o)["event_id"])
            return (e["id"], e["slug"], e["name"]) if e else ((v or o)["event_id"], "unknown", "")
        if by == "organizer":
            return (catalog.organizer["id"], catalog.organizer["slug"], catalog.organizer["name"])
        if by in ("day", "hour", "minute", "week", "month"):
            t = local(at, "UTC" if self.mutant == "day" else zone)
            if by == "day":
                return (t.strftime("%Y-%m-%d"),)
            if by == "month":
                return (t.strftime("%Y-%m"),)
            if by == "week":
                return ("%d-W%02d" % t.isocalendar()[:2],)
            offset = t.utcoffset() // timedelta(minutes=1)
            clock = "%Y-%m-%dT%H:00" if by == "hour" else "%Y-%m-%dT%H:%M"
            return (t.strftime(clock) + "%s%02d:%02d" % ("-" if offset < 0 else "+", abs(offset) // 60, abs(offset) % 60),)
        if by == "ticket_type":
            return (line["ticket_type"],)
        if by == "order":
            e = catalog.events.get(o["event_id"])
            at = local(o["ordered_ms"], "UTC").strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            return (o["order_id"], at, o["state"], e["slug"] if e else "unknown", o["credit"]["rule"] if o["credit"] else "direct")
        if row is None:
            return (text,)
        if by == "source":
            return (source_of(row) or "(none)",)
        if by == "verdict":
            return (row["verdict"],)
        if by == "typed":
            return (fold_typed(row["code_text"]) if row["code_text"] else "(none)",)
        return (row[by] or "(none)",)

    def compare(self, query, report):
        """Differences, rows and figures compared."""
        bys = [b.replace("-", "_") for b in query.get("by", "affiliate").split(",")]
        zone = self.zone(query)
        out = []
        if report["zone"] != zone:
            out.append(f"the zone is {report['zone']}, not {zone}")
        names = [c["name"] for c in report["columns"]]
        measures = [n for n in names if n in SUMS or n in DERIVED]
        want = self.sums(query, bys, zone)
        total = {}
        for (_, currency), f in want.items():
            t = total.setdefault(currency, dict.fromkeys(SUMS, 0))
            for n in SUMS:
                t[n] += f[n]
        columns = [c for b in bys for c in KEYS.get(b, [b])]
        got = {}
        for r in report["rows"]:
            key = tuple("" if r[c] is None and not c.endswith("_id") else r[c] for c in columns), r["currency"]
            if key in got:
                out.append(f"{key} stands twice")
            got[key] = r
        lines_only = "ticket_type" in bys
        cells = 0
        for key in sorted(set(want) | set(got), key=repr):
            f = figures(want.get(key) or dict.fromkeys(SUMS, 0), total.get(key[1]))
            if key not in got:
                if any(f[m] for m in measures):
                    out.append(f"{key} is missing: {({m: f[m] for m in measures if f[m]})}")
                continue
            for m in measures:
                cells += 1
                if lines_only and m not in LINES:
                    continue
                if got[key][m] != f[m]:
                    out.append(f"{key} {m}: {got[key][m]}, counted {f[m]}")
            if got[key].get("decimals", MINOR.get(key[1], 0)) != MINOR.get(key[1], 0):
                out.append(f"{key}: {got[key]['decimals']} decimals")
        for t in report["totals"]:
            f = figures(total.get(t["currency"], dict.fromkeys(SUMS, 0)), total.get(t["currency"]))
            for m in measures:
                cells += 1
                if not (lines_only and m not in LINES) and t[m] != f[m]:
                    out.append(f"total {t['currency']} {m}: {t[m]}, counted {f[m]}")
        return out, len(set(want) | set(got)), cells

    def zone(self, query):
        if "zone" in query:
            return query["zone"]
        for e in self.catalog.events.values():
            if e["slug"] == query.get("event"):
                return e["zone"]
        return self.catalog.organizer["zone"]

    def sums(self, query, bys, zone):
        start = day_start(query["from"], zone) if "from" in query else 0
        end = day_start(query["to"], zone) if "to" in query else 1 << 60
        lines_only = "ticket_type" in bys
        out = {}
        for at, currency, v, o, line, m in self.facts(query.get("basis", "order")):
            if not start <= at < end or lines_only and line is None or "order" in bys and o is None:
                continue
            if not self.wanted(query, v, o) or not self.chosen(query, at, zone, v, o, line):
                continue
            key = sum((self.key(b, at, zone, v, o, line) for b in bys), ()), currency
            f = out.setdefault(key, dict.fromkeys(SUMS, 0))
            for n, x in m.items():
                f[n] += x
        return out

    def chosen(self, query, at, zone, v, o, line):
        """One term of --where over a text dimension: field, = or !=, values with commas."""
        if "where" not in query:
            return True
        field, op, values = WHERE.fullmatch(query["where"]).groups()
        found = self.key(field.replace("-", "_"), at, zone, v, o, line)[0] in [x.strip('"') for x in VALUE.findall(values)]
        return found == (op == "=")

    def wanted(self, query, v, o):
        if "event" in query:
            e = self.catalog.events.get((v or o)["event_id"])
            if e is None or e["slug"] != query["event"]:
                return False
        if "affiliate" in query or "code" in query:
            named, code, affiliate, _, _ = self.attributes(v, o)
            if "affiliate" in query and query["affiliate"] != str(named or affiliate):
                return False
            if "code" in query and query["code"] != (named or self.catalog.codes.get(code, {}).get("text")):
                return False
        return True


LINES = ["tickets_sold", "total_sales", "refunds", "net_sales", "share"]
DERIVED = ["net_sales", "conversion_rate", "unique_conversion_rate", "average_order", "share"]


def figures(f, total):
    """The sums with what follows from them."""
    rate = lambda a, b: half_away(a * 10**6, b) if b else None
    return f | {
        "net_sales": f["total_sales"] - f["refunds"],
        "conversion_rate": rate(f["credited_orders"], f["visits"]),
        "unique_conversion_rate": rate(f["credited_orders"], f["unique_visitors"]),
        "average_order": half_away(f["total_sales"], f["orders"]) if f["orders"] else None,
        "share": rate(f["total_sales"], total["total_sales"]) if total else None,
    }
