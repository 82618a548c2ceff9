"""A user's SQL sees everything here and changes nothing anywhere."""

from __future__ import annotations

import pytest

from mpcs_bench.errors import StoreError

REFUSED = {
    "COPY TO": "COPY (SELECT 1) TO '{folder}/out.csv'",
    "COPY a view": "COPY cells TO '{folder}/out.parquet' (FORMAT parquet)",
    "EXPORT": "EXPORT DATABASE '{folder}/out'",
    "IMPORT": "IMPORT DATABASE '{folder}'",
    "ATTACH a file": "ATTACH '{folder}/other.duckdb' AS other",
    "ATTACH memory": "ATTACH ':memory:' AS other",
    "INSTALL": "INSTALL httpfs",
    "LOAD": "LOAD httpfs",
    "LOAD a built-in": "LOAD json",
    "CREATE TABLE": "CREATE TABLE mine (a INTEGER)",
    "CREATE TEMP TABLE": "CREATE TEMP TABLE mine (a INTEGER)",
    "CREATE VIEW": "CREATE VIEW mine AS SELECT 1",
    "CREATE MACRO": "CREATE MACRO mine() AS 1",
    "CREATE SECRET": "CREATE SECRET mine (TYPE s3)",
    "INSERT": "INSERT INTO membership SELECT * FROM membership",
    "INSERT RETURNING": "INSERT INTO meta VALUES (2, now()) RETURNING *",
    "UPDATE": "UPDATE metric SET value = 1",
    "DELETE": "DELETE FROM metric",
    "TRUNCATE": "TRUNCATE metric",
    "DROP": "DROP VIEW cells",
    "ALTER": "ALTER TABLE metric ADD COLUMN mine INTEGER",
    "SET external access": "SET enable_external_access = true",
    "SET threads": "SET threads = 8",
    "RESET": "RESET threads",
    "PRAGMA": "PRAGMA enable_profiling = 'json'",
    "SET VARIABLE": "SET VARIABLE mine = 1",
    "CHECKPOINT": "CHECKPOINT",
    "BEGIN": "BEGIN",
    "two statements": "SELECT 1; DROP VIEW cells",
    "a hidden second": "SELECT 1; COPY (SELECT 1) TO '{folder}/out.csv'",
    "read_csv": "SELECT * FROM read_csv('{secret}')",
    "read_text": "SELECT * FROM read_text('{secret}')",
    "read_blob": "SELECT * FROM read_blob('{secret}')",
    "read_parquet": "SELECT * FROM read_parquet('{folder}/*.parquet')",
    "glob": "SELECT * FROM glob('{folder}/*')",
    "sniff_csv": "SELECT * FROM sniff_csv('{secret}')",
    "a file as table": "SELECT * FROM '{secret}'",
    "a web page": "SELECT * FROM 'https://example.org/a.csv'",
    "getenv": "SELECT getenv('HOME')",
    "a Python variable": "SELECT * FROM sql",
    "nothing": "  ",
    "a comment": "-- nothing",
    "a syntax error": "SELEC 1",
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_look_at_the_database_is_refused(unchanged, tmp_path, what):
    outside = tmp_path / "outside"
    outside.mkdir()
    secret = outside / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    before = unchanged.store.digest(), unchanged.store.path.read_bytes()

    with pytest.raises(StoreError, match="SQL here is read-only"):
        unchanged.store.query(REFUSED[what].format(folder=outside, secret=secret))

    assert [path.name for path in outside.iterdir()] == ["secret.csv"]
    assert (unchanged.store.digest(), unchanged.store.path.read_bytes()) == before


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM cells",
        "FROM metrics",
        "WITH a AS (FROM predictions) SELECT avg(score) FROM a;",
        "DESCRIBE cells",
        "SUMMARIZE metrics",
        "SHOW TABLES",
        "EXPLAIN SELECT * FROM cells",
        "PIVOT metrics ON metric IN ('image_accuracy') USING avg(value) GROUP BY fold",
        "SELECT conditions->>'epochs' FROM cells",
        "VALUES (1)",
    ],
)
def test_a_look_at_the_database_is_allowed(unchanged, sql):
    names, rows = unchanged.store.query(sql)

    assert names
    assert len(rows) > 0
    assert len(names) == len(rows[0])


def test_a_wrong_name_is_explained(unchanged):
    with pytest.raises(StoreError, match="cels") as caught:
        unchanged.store.query("SELECT * FROM cels")
    assert "cells, metrics, predictions" in caught.value.hint


def test_the_answer_comes_as_an_arrow_table_too(unchanged):
    table = unchanged.store.query_arrow("SELECT metric, count(*) AS n FROM metrics GROUP BY ALL")

    assert table.column_names == ["metric", "n"]
    assert table["n"].to_pylist() == [2, 2]


def test_a_reader_cannot_write(unchanged):
    with (
        pytest.raises(StoreError, match="Reading the database failed"),
        unchanged.store.reader() as connection,
    ):
        connection.execute("DELETE FROM metric")


def test_readers_may_be_nested(unchanged):
    with unchanged.store.reader() as outer:
        inside = unchanged.store.query("SELECT count(*) FROM cells")[1]
        assert outer.execute("SELECT count(*) FROM cells").fetchall() == inside
