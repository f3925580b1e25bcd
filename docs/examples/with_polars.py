"""Affiliate by affiliate: visits, orders, tickets, conversion, sales. With polars.

    python with_polars.py /var/lib/footfall/lake
"""

import sys

import polars as pl
from footfall_lake import Catalog, Orders, credited, live_files


def read(files, table):
    """A table, known_at and other times as integers: µs, and ms."""
    frame = pl.scan_parquet(files[table], missing_columns="insert", hive_partitioning=False)
    times = [c for c, t in frame.collect_schema().items() if isinstance(t, pl.Datetime)]
    return frame.with_columns(pl.col(times).to_physical())


def affiliate_table(root):
    files = live_files(root)
    catalog = Catalog(read(files, "catalog").collect().to_dicts())

    # Visits, counted by code and time's owner. An unknown code may be claimed since.
    texts = pl.LazyFrame(
        [(o, e, text, code, since) for (o, e, text), (code, since) in catalog.texts.items()],
        schema={"organizer_id": pl.Int64, "event_id": pl.Int64, "folded": pl.String, "claimed": pl.Int64, "since": pl.Int64}, orient="row",
    )
    owners = pl.LazyFrame(
        sorted(catalog.spans(), key=lambda s: (s[0], s[2])),
        schema={"code_id": pl.Int64, "affiliate_id": pl.Int64, "since": pl.Int64, "until": pl.Int64}, orient="row",
    )
    visits = read(files, "visits").with_columns(
        folded=pl.when(pl.col("code_state") == "unknown").then(pl.col("code_text").str.strip_chars().str.to_lowercase())
    )
    for scope in (texts.filter(pl.col("event_id").is_not_null()), texts.filter(pl.col("event_id").is_null()).drop("event_id")):
        on = [c for c in ("organizer_id", "event_id", "folded") if c in scope.collect_schema()]
        mine = pl.col("code_id").is_null() & (pl.col("visited_at") >= pl.col("since"))
        visits = visits.join(scope, on=on, how="left").with_columns(
            code_id=pl.when(mine).then("claimed").otherwise("code_id"),
            code_state=pl.when(mine).then(pl.lit("resolved")).otherwise("code_state"),
        ).drop("claimed", "since")
    valid = ~pl.any_horizontal("test", "ended", "head", "prefetch", "bot") & (pl.col("code_state") == "resolved")
    counted = (
        visits.filter(valid).join(owners, on="code_id").filter(pl.col("visited_at").is_between("since", "until", closed="left"))
        .group_by("organizer_id", "affiliate_id", "event_id").len("visits").collect()
    )
    claimed = visits.filter(pl.col("folded").is_not_null() & pl.col("code_id").is_not_null())
    claimed = {r[:3]: r[3] for r in claimed.select("epoch", "shard", "sequence", "code_id").collect().rows()}

    orders = Orders(read(files, "orders").collect().to_dicts())
    who = {key: credited(order, catalog, claimed) for key, order in orders.heads.items()}
    rows = [(o, a, catalog.events[e]["currency"], n, 0, 0, 0, 0) for o, a, e, n in counted.rows()]
    for key, order in orders.heads.items():
        rows.append((key[0], who[key], order["currency"], 0, 1, *orders.figures(key), 0))
    for key, tickets, amount in orders.refunds(read(files, "refunds").collect().to_dicts()):
        rows.append((key[0], who[key], orders.heads[key]["currency"], 0, 0, -tickets, 0, amount))

    names = ["organizer_id", "affiliate_id", "currency", "visits", "orders", "tickets", "sales", "refunds"]
    schema = {n: pl.String if n == "currency" else pl.Int64 for n in names}
    table = pl.DataFrame(rows, schema=schema, orient="row").group_by(names[:3]).sum()
    return table.with_columns(
        organizer=pl.col("organizer_id").replace_strict(catalog.organizers, return_dtype=pl.String),
        conversion_rate=pl.when(pl.col("visits") > 0).then(pl.col("orders") / pl.col("visits")),
    ).sort("organizer", "affiliate_id", "currency", nulls_last=True)


if __name__ == "__main__":
    with pl.Config(tbl_rows=-1, tbl_cols=-1):
        print(affiliate_table(sys.argv[1]).drop("organizer_id"))
