"""Opens exports as people do and compares every cell with what was written.

usage: readback.py FOLDER, with expected.json, raw.csv, guarded.csv, rows.xlsx,
rows.parquet and libreoffice/*.csv, which LibreOffice made of rows.xlsx.
"""
import csv
import datetime
import decimal
import json
import pathlib
import sys

import duckdb
import openpyxl
import pandas
import polars
from openpyxl.utils.escape import unescape

folder = pathlib.Path(sys.argv[1])
expected = json.loads((folder / "expected.json").read_text())
columns, rows, guarded = expected["columns"], expected["rows"], expected["guarded"]
names = [c["name"] for c in columns]
kinds = [c["kind"] for c in columns]
failures = []


def same(where, at, got, want):
    if got != want:
        failures.append(f"{where} {at}: {got!r}, want {want!r}")


def plain(cell):
    """A cell as CSV has it; one without a value and an empty text look the same."""
    return "" if cell is None else cell


# pandas, CSV: every cell as text, then numbers by themselves.
for name, table in (("raw.csv", rows), ("guarded.csv", guarded)):
    frame = pandas.read_csv(folder / name, dtype=str, keep_default_na=False)
    same(name, "columns", list(frame.columns), names)
    same(name, "rows", len(frame), len(table))
    for i, (got, want) in enumerate(zip(frame.itertuples(index=False, name=None), table)):
        for at, (g, w) in enumerate(zip(got, want)):
            same(f"pandas {name}", (i, names[at]), g, plain(w))
    typed = pandas.read_csv(folder / name)
    for at, kind in enumerate(kinds):
        if kind in ("id", "count", "rate", "money", "float", "decimal"):
            same(f"pandas {name}", names[at], pandas.api.types.is_numeric_dtype(typed[names[at]]), True)


def serial(text):
    return datetime.datetime.fromisoformat(text.replace("Z", ""))


def cell_of(kind, cell, where, at):
    """What openpyxl gives for a cell, written as CSV has it."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "f":
        failures.append(f"{where} {at}: a formula")
    if kind == "text":
        if cell.data_type not in ("s", "inlineStr"):
            failures.append(f"{where} {at}: {value!r} is {cell.data_type}, not text")
        return unescape(value) if "_x" in value else value
    return value


def compare(where, at, kind, got, want):
    if want is None or want == "":
        return same(where, at, got, "")
    if kind == "text":
        return same(where, at, got, want)
    if kind in ("day", "date"):
        return same(where, at, got, datetime.datetime.fromisoformat(want))
    if kind == "time":
        # openpyxl rounds to milliseconds, as Excel shows them
        if not isinstance(got, datetime.datetime) or abs(got - serial(want)) > datetime.timedelta(milliseconds=1):
            same(where, at, got, serial(want))
        return None
    if kind == "bool":
        return same(where, at, got, want == "true")
    if isinstance(got, str):  # more digits than Excel keeps
        if len(want.replace("-", "").replace(".", "")) <= 14:
            failures.append(f"{where} {at}: {got!r} is text")
        return same(where, at, got, want)
    if float(got) != float(decimal.Decimal(want)):
        failures.append(f"{where} {at}: {got!r}, want {want}")
    return None


# openpyxl, XLSX.
book = openpyxl.load_workbook(folder / "rows.xlsx")
same("openpyxl", "sheets", book.sheetnames, ["About", "By affiliate", "Totals"])
sheet = book["By affiliate"]
same("openpyxl", "header", [c.value for c in sheet[1]], names)
same("openpyxl", "frozen", sheet.freeze_panes, "A2")
same("openpyxl", "filter", sheet.auto_filter.ref, f"A1:{sheet.cell(1, len(names)).column_letter}{len(rows) + 1}")
same("openpyxl", "rows", sheet.max_row, len(rows) + 1)
for i, (got, want) in enumerate(zip(sheet.iter_rows(min_row=2, max_col=len(names)), rows)):
    for at, (g, w) in enumerate(zip(got, want)):
        compare("openpyxl", (i, names[at]), kinds[at], cell_of(kinds[at], g, "openpyxl", (i, names[at])), w)
        if kinds[at] == "money" and isinstance(g.value, (int, float)):
            decimals = len(w.partition(".")[2])
            same("openpyxl format", (i, names[at]), g.number_format, "#,##0" + ("." + "0" * decimals if decimals else ""))
        if kinds[at] == "rate" and g.value is not None:
            same("openpyxl format", (i, names[at]), g.number_format, "0.00%")
about = {row[0].value: row[1].value for row in book["About"].iter_rows()}
for name in ("Report by", "Organizer", "Basis", "Range", "Zone", "As of", "Settled", "Catalog", "Attribution policy", "Bot rules", "Note"):
    if not about.get(name):
        failures.append(f"the first sheet lacks {name}: {about}")
frame = pandas.read_excel(folder / "rows.xlsx", sheet_name=1)
same("pandas xlsx", "shape", frame.shape, (len(rows), len(names)))

# LibreOffice, XLSX as CSV with the cells as they are, not as they are shown.
with open(folder / "libreoffice" / "rows-By affiliate.csv", newline="", encoding="utf-8") as f:
    lines = list(csv.reader(f))
same("LibreOffice", "header", lines[0], names)
same("LibreOffice", "rows", len(lines) - 1, len(rows))
for i, (got, want) in enumerate(zip(lines[1:], rows)):
    for at, (g, w) in enumerate(zip(got, want)):
        where, place, kind, w = "LibreOffice", (i, names[at]), kinds[at], plain(w)
        if kind == "text":
            # It keeps a line's end as one character, and no control characters.
            tidy = lambda s: "".join(c for c in s.replace("\r\n", "\n").replace("\r", "\n") if c >= " " or c in "\t\n")
            same(where, place, tidy(g), tidy(w))
        elif kind in ("rate", "money", "count", "id", "float", "decimal") and w != "":
            number = decimal.Decimal(g[:-1]) / 100 if g.endswith("%") else decimal.Decimal(g)
            if abs(float(number) - float(w)) > max(abs(float(w)) * 1e-14, 1e-20):  # it writes 20 decimals
                failures.append(f"{where} {place}: {g!r}, want {w!r}")
        elif kind == "bool":
            same(where, place, g.lower(), w)
        elif kind == "time":
            same(where, place, g[:19], w.replace("T", " ")[:19]) if w else same(where, place, g, "")
        else:
            same(where, place, g, w)

# Parquet in three readers: the same values, of the types that are documented.
types = {"text": "VARCHAR", "id": "BIGINT", "day": "DATE", "count": "BIGINT", "rate": "DOUBLE", "money": "BIGINT", "bool": "BOOLEAN",
         "time": "TIMESTAMP WITH TIME ZONE", "date": "DATE", "float": "DOUBLE", "decimal": "VARCHAR"}
path = str(folder / "rows.parquet")
described = [(r[0], r[1]) for r in duckdb.sql(f"DESCRIBE SELECT * FROM '{path}'").fetchall()]
same("duckdb", "columns", described, [(n, types[k]) for n, k in zip(names, kinds)] + [("decimals", "INTEGER")])
frame, lazy = pandas.read_parquet(path), polars.read_parquet(path)
same("pandas parquet", "columns", list(frame.columns), names + ["decimals"])
same("polars", "columns", lazy.columns, names + ["decimals"])
selected = ", ".join(f'"{n}"::VARCHAR' if k != "time" else f'epoch_us("{n}")' for n, k in zip(names, kinds))
table = duckdb.sql(f"SELECT {selected}, decimals FROM '{path}'").fetchall()
same("duckdb", "rows", len(table), len(rows))
for i, (got, polar, want) in enumerate(zip(table, lazy.iter_rows(), rows)):
    decimals = got[-1]
    for at, (g, p, w) in enumerate(zip(got, polar, want)):
        kind, place = kinds[at], (i, names[at])
        if w is None:
            same("duckdb", place, g, None)
            same("polars", place, p, None)
            continue
        if kind == "money":
            w = str(int(decimal.Decimal(w).scaleb(decimals)))
        if kind == "time":
            w = int((serial(w) - datetime.datetime(1970, 1, 1)) / datetime.timedelta(microseconds=1))
        if kind in ("rate", "float"):
            g, w = float(g), float(w)
            same("polars", place, p, w)
        if kind in ("text", "decimal"):
            same("polars", place, p, w)
        same("duckdb", place, g, w)

if failures:
    sys.exit(f"{len(failures)} cells differ:\n" + "\n".join(failures[:40]))
print(len(rows), "rows the same")
