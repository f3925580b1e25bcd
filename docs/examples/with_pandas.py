"""Affiliate by affiliate: visits, orders, tickets, conversion, sales. With pandas.

    python with_pandas.py /var/lib/footfall/lake
"""

import sys

import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from footfall_lake import Catalog, Orders, credited, folded, live_files


def read(files, table, columns=None):
    """A table as Arrow, known_at and other times as integers: µs, and ms."""
    schema = pq.read_schema(files[table][0])  # of all columns; older files lack some
    rows = ds.dataset(files[table], schema=schema, format="parquet", partitioning=None).to_table(columns=columns)
    for i, field in enumerate(rows.schema):
        if pa.types.is_timestamp(field.type):
            rows = rows.set_column(i, field.name, rows.column(i).cast(pa.int64()))
    return rows


def affiliate_table(root):
    files = live_files(root)
    catalog = Catalog(read(files, "catalog").to_pylist())

    facts = ["test", "ended", "head", "prefetch", "bot"]
    columns = ["organizer_id", "event_id", "code_id", "code_text", "code_state", "visited_at", "epoch", "shard", "sequence", *facts]
    visits = read(files, "visits", columns).to_pandas(types_mapper=pd.ArrowDtype)

    # An unknown code may have been claimed since.
    unknown = visits[visits.code_state == "unknown"]
    codes = pd.Series(
        [catalog.code(o, e, folded(t), at) for o, e, t, at in zip(unknown.organizer_id, unknown.event_id, unknown.code_text, unknown.visited_at)],
        index=unknown.index, dtype=visits.code_id.dtype,
    ).dropna()
    visits.loc[codes.index, "code_id"] = codes
    visits.loc[codes.index, "code_state"] = "resolved"
    found = visits.loc[codes.index]
    claimed = dict(zip(zip(found.epoch, found.shard, found.sequence), found.code_id))

    # Visits that count, by the owner of their code at their time.
    valid = visits[~visits[facts].any(axis=1) & (visits.code_state == "resolved")]
    owners = pd.DataFrame(catalog.spans(), columns=["code_id", "affiliate_id", "since", "until"])
    owned = valid[["organizer_id", "event_id", "code_id", "visited_at"]].astype("int64").merge(owners, on="code_id")
    owned = owned[(owned.visited_at >= owned.since) & (owned.visited_at < owned.until)]
    counted = owned.groupby(["organizer_id", "affiliate_id", "event_id"]).size()

    orders = Orders(read(files, "orders").to_pylist())
    who = {key: credited(order, catalog, claimed) for key, order in orders.heads.items()}
    rows = [(o, a, catalog.events[e]["currency"], n, 0, 0, 0, 0) for (o, a, e), n in counted.items()]
    for key, order in orders.heads.items():
        rows.append((key[0], who[key], order["currency"], 0, 1, *orders.figures(key), 0))
    for key, tickets, amount in orders.refunds(read(files, "refunds").to_pylist()):
        rows.append((key[0], who[key], orders.heads[key]["currency"], 0, 0, -tickets, 0, amount))

    names = ["organizer_id", "affiliate_id", "currency", "visits", "orders", "tickets", "sales", "refunds"]
    table = pd.DataFrame(rows, columns=names).astype({"affiliate_id": "Int64"})
    table = table.groupby(names[:3], dropna=False).sum().reset_index()
    table["organizer"] = table.organizer_id.map(catalog.organizers)
    table["conversion_rate"] = (table.orders / table.visits).where(table.visits > 0)
    return table.sort_values(["organizer", "affiliate_id", "currency"], na_position="last")


if __name__ == "__main__":
    print(affiliate_table(sys.argv[1]).drop(columns="organizer_id").to_string(index=False))
