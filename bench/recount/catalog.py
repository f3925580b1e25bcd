"""The catalog as of an instant, of the dated facts that a scenario wrote down when
it changed something."""

from datetime import date, datetime, timedelta, timezone
from functools import cache
from zoneinfo import ZoneInfo

DEFAULT_POLICY = {
    "version": 1,
    "from_ms": 0,
    "window_days": 30,
    "cut_at_event_end": True,
    "pick": "last",
    "rules": ["click_id", "affiliate", "coupon", "visitor"],
}


@cache
def zone_of(name):
    return ZoneInfo(name)


@cache
def day_start(day, name):
    """The first instant of a date in a zone, in ms: right after the gap where midnight is skipped."""
    want = date.fromisoformat(day)
    at = datetime(want.year, want.month, want.day, tzinfo=timezone.utc) - timedelta(hours=16)
    while at.astimezone(zone_of(name)).date() < want:
        at += timedelta(minutes=15)
    return round(at.timestamp() * 1000)


def fold(s):
    return "".join(c.lower() if "A" <= c <= "Z" else c for c in s.strip(" "))


class Catalog:
    """The catalog as of an instant, of the facts that the scenario wrote down."""

    def __init__(self, scenario, as_of, mutant=""):
        self.organizer = scenario["organizer"]
        zone = self.organizer["zone"]

        def facts(name):
            return [f for f in scenario["catalog"].get(name) or [] if f["known_us"] <= as_of]

        self.events = {f["id"]: dict(f) for f in facts("events")}
        for f in facts("ends"):
            self.events[f["id"]]["end_ms"] = f["end_ms"]
        self.affiliates = {f["id"]: f for f in facts("affiliates")}
        self.codes = {f["id"]: f for f in facts("codes")}  # the newest text
        self.texts = {(f["event"], f["folded"]): (f["code"], f["from_ms"]) for f in facts("texts")}
        for f in facts("claims"):
            code, since = self.texts[f["event"], f["folded"]]
            if mutant != "claim":
                self.texts[f["event"], f["folded"]] = (code, min(since, day_start(f["from_day"], zone)))
        self.owners, self.states = {}, {}
        for f in facts("owners"):
            since = day_start(f["from_day"], zone) if "from_day" in f else 0
            h = self.owners.setdefault(f["code"], [])
            while h and h[-1][0] >= since:
                h.pop()
            h.append((since, f["affiliate"]))
        for f in facts("states"):
            self.states.setdefault(f["code"], []).append((f["from_ms"], f["paused"]))
        self.coupons = []
        for f in facts("coupons"):
            since = day_start(f["from_day"], zone) if "from_day" in f else f["from_ms"]
            self.coupons.append([f["folded"], f["code"], since, None])
        for f in facts("coupon_ends"):
            for c in self.coupons:
                if c[0] == f["folded"] and c[3] is None:
                    c[3] = f["until_ms"]
        self.policies = [DEFAULT_POLICY]
        for f in facts("policies") if mutant != "policy" else []:
            self.policies.append(f | {"from_ms": day_start(f["from_day"], zone)})

    def resolve(self, event, text):
        """(code, since) of a text in an event: its own codes first."""
        for scope in (event, 0):
            if (scope, fold(text)) in self.texts:
                return self.texts[scope, fold(text)]
        return None, None

    def owner(self, code, at):
        owner = None
        for i, (since, affiliate) in enumerate(self.owners.get(code, [])):
            if i == 0 or since <= at:
                owner = affiliate
        return owner

    def paused(self, code, at):
        paused = False
        for since, p in self.states.get(code, []):
            if since <= at:
                paused = p
        return paused

    def policy(self, at, version):
        """The policy in force at an order's date: of those that have begun the one that
        began last, of two that begin together the newer."""
        if version:
            return next(p for p in self.policies if p["version"] == int(version))
        return max((p for p in self.policies if p["from_ms"] <= at), key=lambda p: (p["from_ms"], p["version"]))
