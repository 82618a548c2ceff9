"""A damaged database is set aside and made again; one that is not damaged is never touched."""

from __future__ import annotations

import random
from contextlib import closing

import duckdb
import pytest

from mpcs_bench.errors import StoreError
from mpcs_bench.store import Retry, Store, StoreBusy
from mpcs_bench.store.damage import keep_aside

HEADERS = 3 * 4096
BLOCK = 256 * 1024
READ_PREDICTIONS = "SELECT bit_xor(hash(p)) FROM prediction AS p"


@pytest.fixture
def filled(workspace):
    workspace.store.commit(
        plans=[workspace.plan(workspace.cell(0, 0), workspace.cell(1, 1))],
        results=[workspace.result(0), workspace.result(1), workspace.pretraining()],
    )
    return workspace


def log_of(path):
    return path.with_name(path.name + ".wal")


def unreadable_block(path):
    """Return where the damage lies that shows when predictions are read, and not on opening."""
    whole = path.read_bytes()
    other = path.with_name("tried.duckdb")
    for start in range(HEADERS + BLOCK // 64, len(whole), BLOCK):
        other.write_bytes(spoilt(whole, start))
        opened = False
        try:
            with closing(duckdb.connect(str(other), read_only=True)) as connection:
                connection.execute("SELECT schema_version FROM meta").fetchall()
                opened = True
                connection.execute(READ_PREDICTIONS).fetchall()
        except duckdb.Error:
            if opened:
                other.unlink()
                return start
    raise AssertionError("no damage in the middle shows")


def spoilt(whole, start, length=64):
    noise = random.Random(1).randbytes(length)
    return whole[:start] + noise + whole[start + length :]


def foreign_log(folder):
    """Return the bytes of another database's log."""
    other = folder / "other.duckdb"
    with closing(duckdb.connect(str(other))) as connection:
        connection.execute("CREATE TABLE a AS SELECT 1 AS x")
        connection.execute("CHECKPOINT")
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("CREATE TABLE b AS SELECT range FROM range(10000)")
    log = log_of(other).read_bytes()
    log_of(other).unlink()
    other.unlink()
    return log


def own_log(path, *, spoil):
    """Leave a log beside the database, as a killed process does, with some of it spoilt."""
    with closing(duckdb.connect(str(path))) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("INSERT INTO history_row SELECT 1, range, 'x', 1.0 FROM range(20000)")
    log = log_of(path).read_bytes()
    log_of(path).write_bytes(spoilt(log, len(log) // 3) if spoil else log)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "not a database": lambda path: path.write_bytes(b"x" * 9999),
    "truncated in the header": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: HEADERS + BLOCK // 2]),
    "header overwritten": lambda path: path.write_bytes(bytes(4096) + path.read_bytes()[4096:]),
    "second header overwritten": lambda path: path.write_bytes(
        spoilt(path.read_bytes(), 4096, 8192)
    ),
    "all but the headers": lambda path: path.write_bytes(
        spoilt(path.read_bytes(), HEADERS, 16 * BLOCK)
    ),
    "in the middle": lambda path: path.write_bytes(
        spoilt(path.read_bytes(), unreadable_block(path))
    ),
    "a log of another database": lambda path: log_of(path).write_bytes(foreign_log(path.parent)),
    "its own log, spoilt": lambda path: own_log(path, spoil=True),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_database_is_kept_aside_and_made_again_with_one_note(filled, damage):
    digest = filled.store.digest()
    path = filled.store.path
    DAMAGES[damage](path)
    bytes_then = path.read_bytes()
    log_then = log_of(path).read_bytes() if log_of(path).exists() else None
    notes = []

    assert Store(filled.path, note=notes.append).digest() == digest

    (aside,) = filled.path.glob("bench.duckdb.damaged-*Z")
    assert aside.read_bytes() == bytes_then
    assert log_of(aside).exists() == (log_then is not None)
    assert log_then is None or log_of(aside).read_bytes() == log_then
    assert len(notes) == 1
    assert aside.name in notes[0]
    assert "3 results" in notes[0]
    # What was made again is whole: nothing more is said or set aside.
    assert Store(filled.path, note=notes.append).digest() == digest
    assert len(notes) == 1
    assert len(list(filled.path.glob("bench.duckdb.damaged-*Z"))) == 1


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "no hard links"])
def test_what_is_set_aside_within_a_second_is_all_kept(tmp_path, monkeypatch, links):
    if not links:

        def none(*_):
            raise OSError("not supported")

        monkeypatch.setattr("pathlib.Path.hardlink_to", none)
    path = tmp_path / "bench.duckdb"
    kept = []
    for content in (b"first", b"second", b"third"):
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        log_of(path).write_bytes(b"log of " + content)
        kept.append(keep_aside(path))

    assert [aside.read_bytes() for aside in kept] == [b"first", b"second", b"third"]
    assert log_of(kept[0]).read_bytes() == b"log of first"


@pytest.mark.parametrize("damage", ["truncated in the header", "a log of another database"])
def test_a_commit_into_a_damaged_database_loses_nothing(filled, damage):
    DAMAGES[damage](filled.store.path)
    notes = []
    new = filled.result(2)

    report = Store(filled.path, note=notes.append).commit(results=[new])

    assert report.damaged == {}
    assert filled.store.query("SELECT count(*) FROM stages WHERE state = 'done'")[1] == [(4,)]
    assert len(notes) == 1


def test_a_log_that_was_torn_at_its_end_is_no_damage(filled):
    own_log(filled.store.path, spoil=False)
    log = log_of(filled.store.path)
    log.write_bytes(log.read_bytes()[:-100])
    notes = []

    Store(filled.path, note=notes.append).digest()

    assert notes == []
    assert not list(filled.path.glob("*damaged*"))


def test_damage_that_shows_while_a_connection_is_lent_is_mended_for_the_next(filled):
    digest = filled.store.digest()
    DAMAGES["in the middle"](filled.store.path)
    notes = []
    store = Store(filled.path, note=notes.append)

    with pytest.raises(StoreError, match="has been made again") as caught, store.reader() as lent:
        lent.execute(READ_PREDICTIONS).fetchall()

    assert "once more" in caught.value.hint
    assert len(notes) == 1
    assert store.digest() == digest


READER = """
    import sys
    from pathlib import Path
    from mpcs_bench.store import Retry, Store

    store = Store(Path(sys.argv[1]), Retry(wait=30))
    print("ready", flush=True)
    sys.stdin.readline()
    print(store.digest(), flush=True)
"""


def test_of_several_processes_that_find_the_damage_one_sets_it_aside(filled, start):
    digest = filled.store.digest()
    filled.store.path.write_bytes(b"rot")
    readers = [start(READER, filled.path) for _ in range(4)]
    assert [reader.stdout.readline() for reader in readers] == ["ready\n"] * 4
    for reader in readers:
        reader.stdin.write("go\n")
        reader.stdin.flush()

    said = [reader.communicate(timeout=60)[0].strip() for reader in readers]

    assert said == [digest] * 4
    (aside,) = filled.path.glob("*damaged*")
    assert aside.read_bytes() == b"rot"
    assert not list(filled.path.glob(".tmp-*"))


def test_a_database_that_another_process_holds_is_not_touched(filled, held_open):
    before = filled.store.path.read_bytes()
    store = Store(filled.path, Retry(wait=0.2))

    with held_open(filled.store.path, "write"):
        with pytest.raises(StoreBusy):
            store.digest()
        # Damaged meanwhile or not: it is theirs as long as they hold it.
        filled.store.path.write_bytes(bytes(4096) + before[4096:])
        with pytest.raises(StoreError):
            store.digest()
        assert not list(filled.path.glob("*damaged*"))
    filled.store.path.write_bytes(before)


def test_a_database_that_is_not_ours_is_not_touched(filled):
    path = filled.store.path
    path.unlink()
    with closing(duckdb.connect(str(path))) as other:
        other.execute("CREATE TABLE mine AS SELECT 1 AS a")
    before = path.read_bytes()

    for use in (filled.store.digest, filled.store.commit):
        with pytest.raises(StoreError, match="not a database of mpcs-bench") as caught:
            use()
        assert "Move it away" in caught.value.hint
    assert path.read_bytes() == before
    assert not list(filled.path.glob("*damaged*"))


@pytest.mark.parametrize("version", [99, 0])
def test_a_database_of_another_schema_is_not_touched(filled, version):
    with closing(duckdb.connect(str(filled.store.path))) as connection:
        connection.execute("UPDATE meta SET schema_version = ?", [version])
    before = filled.store.path.read_bytes()

    with pytest.raises(StoreError, match=f"schema version {version}"):
        filled.store.digest()
    assert filled.store.path.read_bytes() == before
    assert not list(filled.path.glob("*damaged*"))


def test_results_that_are_damaged_too_are_named_in_the_note(filled):
    bad = filled.results / filled.key(1)
    (bad / "metrics.parquet").write_bytes(b"rot")
    filled.store.path.write_bytes(b"rot")
    notes = []

    Store(filled.path, note=notes.append).digest()

    (note,) = notes
    assert "2 results" in note
    assert f"{bad.name}: metrics.parquet has 3 bytes" in note


def test_results_that_are_damaged_are_named_where_a_missing_database_is_made(filled):
    bad = filled.results / filled.key(1)
    (bad / "manifest.json").unlink()
    filled.store.path.unlink()
    notes = []

    Store(filled.path, note=notes.append).digest()

    assert len(notes) == 1
    assert bad.name in notes[0]
