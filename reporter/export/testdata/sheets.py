"""Prints how many rows each sheet of a workbook has, header included."""
import json
import sys

import openpyxl

book = openpyxl.load_workbook(sys.argv[1], read_only=True)
print(json.dumps({s.title: sum(1 for _ in s.iter_rows(max_col=1)) for s in book}))
