"""One document over another: what merges, what is replaced, and where errors then point."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.document import Document, assignment, load_document, parse_document
from mpcs_bench.protocol.layering import layered


def over(lower: str, upper: str) -> dict:
    return layered(parse_document(lower, "low"), parse_document(upper, "up")).values


def test_mappings_merge_and_everything_else_is_replaced():
    merged = over("a: {x: 1, y: [1, 2]}\nb: 1", "a: {y: [3], z: null}\nb: {c: 2}")
    assert merged == {"a": {"x": 1, "y": [3], "z": None}, "b": {"c": 2}}


@pytest.mark.parametrize(
    ("lower", "upper", "expected"),
    [
        # another plugin: its parameters would mean nothing
        (
            "{plugin: fixed, params: {a: 1}}",
            "{plugin: ordered}",
            {"plugin": "ordered"},
        ),
        # the same plugin: its parameters add up
        (
            "{plugin: fixed, params: {a: 1, b: 1}}",
            "{plugin: fixed, params: {b: 2}}",
            {"plugin": "fixed", "params": {"a": 1, "b": 2}},
        ),
        # a mapping that names no plugin adds to the one below
        (
            "{plugin: fixed, params: {a: 1}}",
            "{params: {b: 2}}",
            {"plugin": "fixed", "params": {"a": 1, "b": 2}},
        ),
        # a name alone is that plugin with its defaults
        ("{plugin: fixed, params: {a: 1}}", "ordered", "ordered"),
        ("{plugin: fixed, params: {a: 1}}", "fixed", "fixed"),
        # a mapping over a name alone
        ("fixed", "{plugin: ordered}", {"plugin": "ordered"}),
        ("fixed", "{params: {b: 2}}", {"plugin": "fixed", "params": {"b": 2}}),
        (
            "fixed",
            "{plugin: fixed, params: {b: 2}}",
            {"plugin": "fixed", "params": {"b": 2}},
        ),
    ],
)
def test_a_plugin_over_a_plugin(lower, upper, expected):
    merged = over(f"pretraining: {{strategy: {lower}}}", f"pretraining: {{strategy: {upper}}}")
    assert merged == {"pretraining": {"strategy": expected}}


def test_weights_over_weights():
    assert over("weights: imagenet", "weights: {file: w.pt}") == {
        "weights": {"source": "imagenet", "file": "w.pt"}
    }
    assert over("weights: {source: file, file: w.pt}", "weights: {source: none}") == {
        "weights": {"source": "none"}
    }


def test_places_follow_the_values_that_stand_in_the_end():
    lower = parse_document("a:\n  x: {p: 1}\n  y: 1\n", "low")
    upper = parse_document("a:\n\n\n  x: 2\n  z: 3\n", "up")

    merged = lower.overlaid(upper)

    assert str(merged.locate(["a", "x"])) == "up:4:3"
    assert str(merged.locate(["a", "x", "p"])) == "up:4:3", "nothing below what was replaced"
    assert str(merged.locate(["a", "y"])) == "low:3:3"
    assert str(merged.locate(["a", "z"])) == "up:5:3"
    assert str(merged.locate(["a"])) == "low:1:1", "a mapping that merges stays where it was"


def test_laying_over_changes_neither_document():
    lower, upper = parse_document("a: {x: 1}", "low"), parse_document("a: {x: {y: 2}}", "up")
    before = copy.deepcopy((lower.values, lower.places, upper.values, upper.places))

    layered(lower, upper)

    assert (lower.values, lower.places, upper.values, upper.places) == before


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=8,
)
mappings = st.dictionaries(st.sampled_from("abc"), plain, max_size=3)


def leaves(values, path=()):
    """Yield the path and value of all that is no mapping, and of empty mappings."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from leaves(value, (*path, key))
        else:
            yield (*path, key), value


def at(values, path):
    for key in path:
        values = values[key]
    return values


@given(mappings, mappings)
def test_what_the_upper_document_says_stands_and_the_rest_is_kept(lower, upper):
    merged = Document(lower).overlaid(Document(upper)).values

    for path, value in leaves(upper):
        assert value == {} or at(merged, path) == value
    for key in lower.keys() - upper.keys():
        assert merged[key] == lower[key]
    assert merged.keys() == lower.keys() | upper.keys()


@given(mappings)
def test_an_overlay_over_itself_changes_nothing(values):
    assert Document(values).overlaid(Document(values)).values == values


def test_an_assignment_is_an_overlay_of_one_value():
    document = parse_document("a: {b: {c: 1, d: 1}}", "low")
    place = document.locate([])

    merged = document.overlaid(assignment(("a", "b", "c"), 2, place))

    assert merged.values == {"a": {"b": {"c": 2, "d": 1}}}


def test_files_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "latin.yaml").write_bytes("title: caf\xe9".encode("latin-1"))

    with pytest.raises(ProtocolError, match=r"latin.yaml: is not UTF-8 text: byte 11 is 0xe9"):
        load_document(tmp_path / "latin.yaml")
    with pytest.raises(ProtocolError, match=r"none.yaml: cannot be read: No such file"):
        load_document(tmp_path / "none.yaml")
    with pytest.raises(ProtocolError, match="cannot be read: Is a directory"):
        load_document(tmp_path)
