"""Where the rows of a recount come from: the lake's files as docs/format/lake.md
says they are read, and the journals' records as docs/format/journal.md, visit.md,
order.md and clickid.md say they are decoded. Nothing of Footfall runs here.
"""

import base64
import glob
import hashlib
import json
import os
import struct

import polars as pl

# --- the lake -----------------------------------------------------------------


def entries(root):
    """Every entry of every log, by log and number."""
    logs = {}
    for log in sorted(os.listdir(os.path.join(root, "_log"))):
        out = []
        for path in sorted(glob.glob(os.path.join(root, "_log", log, "*.json"))):
            with open(path, "rb") as f:
                text = f.read().strip()
            envelope = json.loads(text)
            begin = text.index(b'"body":') + len(b'"body":')
            if hashlib.sha256(text[begin:-1]).hexdigest() != envelope["checksum"]:
                raise SystemExit(f"{path}: the checksum is wrong")
            out.append(envelope["body"])
        if [e["number"] for e in out] != list(range(1, len(out) + 1)):
            raise SystemExit(f"log {log}: entries are missing; the recount needs all of them")
        logs[log] = out
    return logs


def live(logs):
    """Paths of the files that exist, by table."""
    added, removed = {}, set()
    for log in logs.values():
        for e in log:
            for f in e.get("added") or []:
                added[f["path"]] = f
            removed.update(e.get("removed") or [])
    tables = {}
    for path, f in added.items():
        if path not in removed:
            tables.setdefault(f["table"], []).append(f)
    return tables


def table(root, tables, name):
    """All rows of a table as dicts, times as integers."""
    out = []
    for f in tables.get(name, []):
        path = os.path.join(root, f["path"])
        with open(path, "rb") as file:
            if hashlib.sha256(file.read()).hexdigest() != f["sha256"]:
                raise SystemExit(f"{path}: the SHA-256 is wrong")
        frame = pl.read_parquet(path, hive_partitioning=False)
        times = [c for c, t in frame.schema.items() if isinstance(t, pl.Datetime)]
        frame = frame.with_columns(
            [pl.col(c).dt.epoch("us" if c.endswith("known_at") else "ms").alias(c) for c in times]
        )
        out.extend(frame.to_dicts())
    return out


VISIT_TEXTS = ["code_text", "user_agent", "referrer"] + [f"sub{i}" for i in range(1, 6)]
VISIT_TEXTS += [f"utm_{n}" for n in ("source", "medium", "campaign", "term", "content")]
VISIT_SAME = ["visited_at", "collector", "epoch", "shard", "sequence", "organizer_id", "event_id", "code_id", "code_state"]
VISIT_SAME += ["ended", "test", "head", "prefetch", "bot", "visitor_key", "visitor_source", "known_at"] + VISIT_TEXTS
CLICK = ["click_id", "click_status", "click_epoch", "click_shard", "click_sequence", "click_event_id", "click_code_id"]
CLICK += ["click_code_state", "click_ended", "click_test", "clicked_at"]
PLACE = ["collector", "epoch", "shard", "sequence", "known_at", "organizer_id"]
ORDER_SAME = PLACE + ["order_id", "version", "state", "ordered_at", "event_id", "currency", "test", "fingerprint"]
ORDER_SAME += ["affiliate_text", "coupon_text", "visitor_key", "line_number", "line_id", "ticket_type", "quantity", "unit_price"] + CLICK
REFUND_SAME = PLACE + ["refund_id", "order_id", "refunded_at", "currency", "whole", "fingerprint"]
REFUND_SAME += ["line_number", "line_id", "quantity", "amount"]


def cut(rows, columns):
    return [{c: r.get(c) for c in columns} for r in rows]


def from_lake(root):
    tables = live(entries(root))
    return {
        "visits": cut(table(root, tables, "visits"), VISIT_SAME),
        "orders": cut(table(root, tables, "orders"), ORDER_SAME),
        "refunds": cut(table(root, tables, "refunds"), REFUND_SAME),
    }


# --- the journals -------------------------------------------------------------


def message(body):
    """Protobuf: number -> list of raw values."""
    out, i = {}, 0

    def varint():
        nonlocal i
        value, shift = 0, 0
        while True:
            b = body[i]
            i += 1
            value |= (b & 0x7F) << shift
            if b < 0x80:
                return value
            shift += 7

    while i < len(body):
        tag = varint()
        kind = tag & 7
        if kind == 0:
            value = varint()
        elif kind == 1:
            value = struct.unpack_from("<Q", body, i)[0]
            i += 8
        elif kind == 2:
            n = varint()
            value = body[i : i + n]
            i += n
        else:
            raise SystemExit(f"a field of wire type {kind}")
        out.setdefault(tag >> 3, []).append(value)
    return out


def get(m, number, default=0):
    return m[number][-1] if number in m else default


def text(m, number):
    """A string as the lake has it: bytes that are no UTF-8 stand as \\xHH; empty is null."""
    raw = get(m, number, b"")
    if not raw:
        return None
    return raw.decode("utf-8", errors="backslashreplace")


def signed(v):
    return v - (1 << 64) if v >= 1 << 63 else v


CODE_STATES = ["none", "resolved", "unknown", "paused"]
ORDER_STATES = {1: "pending", 2: "completed", 3: "cancelled"}
SOURCES = [None, "address", "cookie"]


def known(logs):
    """(epoch, shard) -> [(upto, known_at)]: when a number came into the lake, by
    the states that the entries carry, and the collector of each epoch."""
    out, collectors = {}, {}
    for log in logs.values():
        for e in log:
            for epoch in ((e.get("state") or {}).get("epochs")) or []:
                collectors[epoch["epoch"]] = epoch["collector"]
                for shard, s in enumerate(epoch.get("shards") or []):
                    if s.get("above"):
                        raise SystemExit("a gap in a journal that lost nothing")
                    marks = out.setdefault((epoch["epoch"], shard), [])
                    if s.get("mark", 0) > (marks[-1][0] if marks else 0):
                        marks.append((s["mark"], e["known_at"]))
    return out, collectors


def known_at(marks, r):
    for upto, at in marks.get((r["epoch"], r["shard"]), []):
        if r["sequence"] <= upto:
            return at
    raise SystemExit(f"record {r['epoch']}/{r['shard']}/{r['sequence']} never came into the lake")


def time_ms(rfc3339):
    from datetime import datetime

    return round(datetime.fromisoformat(rfc3339).timestamp() * 1000)


def from_journals(root, paths, keys, bots):
    marks, collectors = known(entries(root))
    clicks = ClickIds(keys)
    out = {"visits": [], "orders": [], "refunds": []}
    for path in paths:
        with open(path) as f:
            for line in f:
                r = json.loads(line)
                if r["kind"] == "heartbeat":
                    continue
                place = {"epoch": r["epoch"], "shard": r["shard"], "sequence": r["sequence"], "collector": collectors[r["epoch"]]}
                place["known_at"] = known_at(marks, place)
                m = message(bytes.fromhex(r["body"]))
                if r["kind"] == "visit":
                    out["visits"].append(place | {"visited_at": time_ms(r["time"])} | visit(m, bots))
                elif r["kind"] == "order":
                    out["orders"].extend(place | x for x in order(m, clicks))
                else:
                    out["refunds"].extend(place | x for x in refund(m))
    return {
        "visits": cut(out["visits"], VISIT_SAME),
        "orders": cut(out["orders"], ORDER_SAME),
        "refunds": cut(out["refunds"], REFUND_SAME),
    }


def visit(m, bots):
    agent = text(m, 17)
    key = get(m, 15)
    v = {
        "organizer_id": get(m, 1),
        "event_id": get(m, 2),
        "code_id": get(m, 3) or None,
        "code_state": CODE_STATES[get(m, 4)],
        "code_text": text(m, 5),
        "ended": bool(get(m, 6)),
        "test": bool(get(m, 7)),
        "head": bool(get(m, 8)),
        "prefetch": bool(get(m, 9)),
        "visitor_key": signed(key) if key else None,
        "visitor_source": SOURCES[get(m, 16)],
        "user_agent": agent,
        "referrer": text(m, 18),
        "bot": any(b in (agent or "") for b in bots),  # those that the scenario has
    }
    for i in range(5):
        v[f"sub{i + 1}"] = text(m, 19 + i)
    for i, n in enumerate(("source", "medium", "campaign", "term", "content")):
        v[f"utm_{n}"] = text(m, 24 + i)
    return v


def order(m, clicks):
    head = {
        "organizer_id": get(m, 1),
        "event_id": get(m, 2),
        "order_id": text(m, 3),
        "version": get(m, 4),
        "state": ORDER_STATES[get(m, 5)],
        "ordered_at": signed(get(m, 6)),
        "currency": text(m, 7),
        "affiliate_text": text(m, 9),
        "coupon_text": text(m, 10),
        "test": bool(get(m, 11)),
        "fingerprint": get(m, 13).hex(),
        "visitor_key": signed(get(m, 16)) if get(m, 16) else None,
    } | clicks.read(text(m, 8))
    for n, raw in enumerate(m[15]):
        l = message(raw)
        yield head | {
            "line_number": n,
            "line_id": text(l, 1),
            "ticket_type": text(l, 2) or "",
            "quantity": get(l, 3),
            "unit_price": get(l, 4),
        }


def refund(m):
    whole = bool(get(m, 10))
    head = {
        "organizer_id": get(m, 1),
        "refund_id": text(m, 2),
        "order_id": text(m, 3),
        "refunded_at": signed(get(m, 4)),
        "currency": text(m, 5),
        "whole": whole,
        "fingerprint": get(m, 8).hex(),
    }
    if whole:
        yield head | {"line_number": 0, "line_id": None, "quantity": None, "amount": None}
        return
    for n, raw in enumerate(m[11]):
        l = message(raw)
        yield head | {"line_number": n, "line_id": text(l, 1), "quantity": get(l, 2), "amount": get(l, 3)}


# --- click ids ----------------------------------------------------------------

M64 = (1 << 64) - 1


def siphash24(k0, k1, data):
    v0, v1 = k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D
    v2, v3 = k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573

    def rounds(n):
        nonlocal v0, v1, v2, v3
        for _ in range(n):
            v0 = (v0 + v1) & M64
            v1 = ((v1 << 13) | (v1 >> 51)) & M64 ^ v0
            v0 = ((v0 << 32) | (v0 >> 32)) & M64
            v2 = (v2 + v3) & M64
            v3 = ((v3 << 16) | (v3 >> 48)) & M64 ^ v2
            v0 = (v0 + v3) & M64
            v3 = ((v3 << 21) | (v3 >> 43)) & M64 ^ v0
            v2 = (v2 + v1) & M64
            v1 = ((v1 << 17) | (v1 >> 47)) & M64 ^ v2
            v2 = ((v2 << 32) | (v2 >> 32)) & M64

    end = len(data) - len(data) % 8
    words = [int.from_bytes(data[i : i + 8], "little") for i in range(0, end, 8)]
    words.append(int.from_bytes(data[end:], "little") | (len(data) & 0xFF) << 56)
    for w in words:
        v3 ^= w
        rounds(2)
        v0 ^= w
    v2 ^= 0xFF
    rounds(4)
    return v0 ^ v1 ^ v2 ^ v3


def sbox():
    p, q, box = 1, 1, [0] * 256
    while True:
        p = p ^ (p << 1) & 0xFF ^ (0x1B if p & 0x80 else 0)
        q ^= q << 1
        q ^= q << 2
        q ^= q << 4
        q &= 0xFF
        if q & 0x80:
            q ^= 0x09
        x = q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4)
        box[p] = (x ^ 0x63) & 0xFF
        if p == 1:
            break
    box[0] = 0x63
    return box


SBOX = sbox()
DOUBLE = [(x << 1) ^ (0x1B if x & 0x80 else 0) for x in range(256)]
DOUBLE = [x & 0xFF for x in DOUBLE]


class AES128:
    def __init__(self, key):
        words = [list(key[i : i + 4]) for i in range(0, 16, 4)]
        rcon = 1
        for i in range(4, 44):
            w = list(words[i - 1])
            if i % 4 == 0:
                w = [SBOX[b] for b in w[1:] + w[:1]]
                w[0] ^= rcon
                rcon = DOUBLE[rcon]
            words.append([a ^ b for a, b in zip(words[i - 4], w)])
        self.rounds = [sum(words[i : i + 4], []) for i in range(0, 44, 4)]

    def encrypt(self, block):
        s = [a ^ b for a, b in zip(block, self.rounds[0])]
        for n in range(1, 11):
            s = [SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
            if n < 10:
                mixed = []
                for c in range(0, 16, 4):
                    a0, a1, a2, a3 = s[c : c + 4]
                    t = a0 ^ a1 ^ a2 ^ a3
                    mixed += [a0 ^ t ^ DOUBLE[a0 ^ a1], a1 ^ t ^ DOUBLE[a1 ^ a2], a2 ^ t ^ DOUBLE[a2 ^ a3], a3 ^ t ^ DOUBLE[a3 ^ a0]]
                s = mixed
            s = [a ^ b for a, b in zip(s, self.rounds[n])]
        return bytes(s)


class ClickIds:
    """docs/format/clickid.md."""

    def __init__(self, keys):
        self.keys = {}
        for number, k in keys.items():
            secret = base64.b64decode(k["secret"])
            self.keys[int(number)] = (secret, AES128(secret[16:32]), k["ends_ms"])
        self.seen = {}

    def read(self, given):
        if given not in self.seen:
            row = dict.fromkeys(CLICK)
            row["click_id"] = given
            if given is not None:
                row |= self.decode(given)
            self.seen[given] = row
        return self.seen[given]

    def decode(self, given):
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        if len(given) != 48 or any(c not in alphabet for c in given):
            return {"click_status": "malformed"}
        raw = base64.urlsafe_b64decode(given)
        if raw[0] not in self.keys:
            return {"click_status": "unknown_key"}
        secret, aes, ends_ms = self.keys[raw[0]]
        tag = raw[1:9]
        stream = aes.encrypt(tag + bytes(8)) + aes.encrypt(tag + (1).to_bytes(8, "little"))
        plain = bytes(a ^ b for a, b in zip(raw[9:], stream))
        k0, k1 = int.from_bytes(secret[:8], "little"), int.from_bytes(secret[8:16], "little")
        if siphash24(k0, k1, raw[:1] + plain).to_bytes(8, "little") != tag:
            return {"click_status": "forged"}
        bits = int.from_bytes(plain[14:], "little")
        at, event, code, state = bits & (1 << 42) - 1, bits >> 42 & 0xFFFFFF, bits >> 66 & 0xFFFFFFFF, bits >> 98 & 15
        if ends_ms and at >= ends_ms:
            return {"click_status": "expired_key"}
        return {
            "click_status": "valid",
            "click_epoch": f"{int.from_bytes(plain[:8], 'little'):016x}",
            "click_shard": plain[8],
            "click_sequence": int.from_bytes(plain[9:14], "little"),
            "click_event_id": event,
            "click_code_id": code or None,
            "click_code_state": CODE_STATES[state & 3],
            "click_ended": bool(state & 4),
            "click_test": bool(state & 8),
            "clicked_at": at,
        }
