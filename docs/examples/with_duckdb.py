"""Affiliate by affiliate: visits, orders, tickets, conversion, sales. With DuckDB.

    python with_duckdb.py /var/lib/footfall/lake

lake.sql stands in the lake and works in DuckDB's shell too.
"""

import pathlib
import sys

import duckdb


def affiliate_table(root):
    """The rows of the view affiliate_report, as dicts."""
    with duckdb.connect() as connection:
        connection.execute("SET VARIABLE lake = '" + str(root).replace("'", "''") + "'")
        connection.execute(pathlib.Path(root, "lake.sql").read_text())
        rows = connection.execute("FROM affiliate_report")
        names = [column[0] for column in rows.description]
        return [dict(zip(names, row)) for row in rows.fetchall()]


if __name__ == "__main__":
    for row in affiliate_table(sys.argv[1]):
        print(*(f"{name} {value}" for name, value in row.items()), sep="  ")
