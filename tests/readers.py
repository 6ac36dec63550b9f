"""The rows of a sweep as pandas, polars and DuckDB read them.

tests/readers.py PAGE DIR STATUS: all three find as many rows in DIR/rows as STATUS, one JSON object of `roundlaw status`,
and agree on every column; the examples of PAGE run on it.
"""

import json
import os
import re
import sys
import tempfile

import duckdb
import pandas
import polars

page, directory, status = sys.argv[1], os.path.abspath(sys.argv[2]), json.loads(sys.argv[3])
folder = os.path.join(directory, "rows")

by_pandas = pandas.read_parquet(folder)
by_polars = polars.read_parquet(folder)
by_duckdb = duckdb.sql(f"SELECT * FROM '{folder}/*.parquet'").pl()
for name, count in [("pandas", len(by_pandas)), ("polars", by_polars.height), ("duckdb", by_duckdb.height)]:
    assert count == status["rows"] > 0, f"{name} finds {count} rows, not {status['rows']}"

sites = [name.removesuffix("_rounding") for name in by_pandas.columns if name.endswith("_rounding")]
derived = [f"{site}_{what}" for site in sites for what in ("eps", "bits")]
assert "data" in sites and set(derived) <= set(by_pandas.columns), derived
assert by_pandas["data_bits"].notna().all() and "recipe_bits" in by_pandas.columns
keys = ["run_id", "seen", "output"]
by_pandas = polars.from_pandas(by_pandas.sort_values(keys, ignore_index=True))
for other in [by_polars.sort(keys), by_duckdb.sort(keys)]:
    assert by_pandas.columns == other.columns
    for name in other.columns:
        same = by_pandas[name].cast(other[name].dtype).eq_missing(other[name])
        assert same.all(), f"{name} is read otherwise"

with open(page, encoding="utf-8") as file:
    examples = re.findall(r"```python\n(.*?)```", file.read(), re.DOTALL)
assert len(examples) == 4, f"{len(examples)} examples in {page}"
with tempfile.TemporaryDirectory() as place:
    os.mkdir(os.path.join(place, "out"))
    os.symlink(directory, os.path.join(place, "out", "quickstart"))
    os.chdir(place)
    for example in examples:
        exec(example, {})  # pylint: disable=exec-used
