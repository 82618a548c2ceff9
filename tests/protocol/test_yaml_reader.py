"""YAML 1.2, and where everything stands."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mpcs_bench.errors import ProtocolError
from mpcs_bench.protocol.document import parse_document
from mpcs_bench.protocol.yaml_reader import parse_yaml


def value(text: str):
    return parse_yaml(f"x: {text}", "f")[0]["x"]


def refused(text: str) -> ProtocolError:
    with pytest.raises(ProtocolError) as caught:
        parse_document(text, "f.yaml")
    return caught.value


@pytest.mark.parametrize("word", ["no", "NO", "yes", "on", "off", "y", "n"])
def test_country_codes_and_switches_are_texts(word):
    assert value(word) == word


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-5", 1e-5),
        ("1.0e-3", 1e-3),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1.5", -1.5),
        ("+3", 3),
        ("-7", -7),
        ("010", 10),
        ("0o17", 15),
        ("0x1F", 31),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
    ],
)
def test_plain_scalars_have_the_type_of_the_core_schema(text, expected):
    assert value(text) == expected
    assert type(value(text)) is type(expected)


@pytest.mark.parametrize(
    "text", ["0o8", "0b1", "1_000", "12:30:45", "2020-01-01", "1e", "e5", "--1", "tRue", "nUll"]
)
def test_what_only_looks_like_a_number_or_a_date_is_a_text(text):
    assert value(text) == text


@pytest.mark.parametrize(("text", "expected"), [("'1'", "1"), ('"no"', "no"), ("!!str 1", "1")])
def test_quotes_and_the_tag_str_make_texts(text, expected):
    assert value(text) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_number_comes_back_as_it_was_written(number):
    read = value(repr(number))
    assert read == number
    assert math.copysign(1, read) == math.copysign(1, number)


@pytest.mark.parametrize("text", [".inf", "-.Inf", ".nan", "1e999", "9" * 5000])
def test_numbers_that_are_not_finite_or_never_end_are_refused_where_they_stand(text):
    error = refused(f"a: 1\nb:\n  c: {text}\n")
    assert (error.location.line, error.location.column) == (3, 6)


def test_keys_are_texts_as_written():
    assert parse_document("{40: a, 1.0: b, true: c, '7': d}", "f").values == {
        "40": "a",
        "1.0": "b",
        "true": "c",
        "7": "d",
    }


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("a: 1\na: 2\n", 2, 1, "'a' stands twice"),
        ("x:\n  y:\n    - {a: 1, a: 2}\n", 3, 14, "'a' stands twice"),
        ("40: a\n'40': b\n", 2, 1, "'40' stands twice"),
        ("? [1, 2]\n: 3\n", 1, 3, "a key must be a word or a number"),
        (": 3\n", 1, 1, "a key is missing"),
        ("a: 1\n---\nb: 2\n", 2, 1, "a second begins here"),
        ("a: !!python/object:os.system x\n", 1, 4, "'!!python/object:os.system' mean nothing"),
        ("a: !mine {b: 1}\n", 1, 4, "'!mine' mean nothing"),
        ("a: [1, 2\n", 2, 1, "not valid YAML"),
        ("a:\n\tb: 1\n", 2, 1, "not valid YAML"),
        ("a: b: c\n", 1, 5, "not valid YAML"),
        ("a: \x01\n", 1, 4, "U+0001"),
        ('a: "\\ud800"\n', 1, 4, "half a character"),
        ("- 1\n", 1, 1, "a protocol is a mapping"),
        ("a: *nowhere\n", 1, 4, "no anchor '&nowhere'"),
        ("base: &base {a: 1}\nb: *bse\n", 2, 4, "Did you mean 'base'?"),
        ("a: &a [1, *a]\n", 1, 11, "within its own anchor"),
        ("a: &a {b: {<<: *a}}\n", 1, 16, "within its own anchor"),
        ("a:\n  <<: 3\n", 2, 7, "'<<' takes a mapping"),
        ("a: &a {x: 1}\nb:\n  <<: *a\n  <<: *a\n", 4, 3, "'<<' stands twice"),
    ],
)
def test_what_a_protocol_has_no_use_for_is_refused_at_its_place(text, line, column, words):
    error = refused(text)
    assert words in str(error)
    assert (error.location.file, error.location.line, error.location.column) == (
        "f.yaml",
        line,
        column,
    )


def test_a_tab_and_an_unquoted_colon_come_with_their_cure():
    assert "never with tabs" in refused("a:\n\tb: 1\n").hint
    assert "needs quotes" in refused("title: A study: part two\n").hint


def test_an_alias_is_the_value_and_the_places_of_its_anchor():
    document = parse_document("a: &a\n  x: 1\n  y: [2, 3]\nb: *a\n", "f")

    assert document.values["b"] == {"x": 1, "y": [2, 3]}
    assert str(document.locate(["b"])) == "f:4:1"
    assert str(document.locate(["b", "y", 1])) == "f:3:10"


def test_a_merge_key_gives_what_is_not_written_and_keeps_its_place():
    text = "a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  z: 3\n  <<: [*a, *b]\n"

    document = parse_document(text, "f")

    assert document.values["c"] == {"z": 3, "x": 1, "y": 1}
    assert str(document.locate(["c", "x"])) == "f:1:8"
    assert str(document.locate(["c", "z"])) == "f:4:3"


def test_a_quoted_merge_sign_is_a_key_like_others():
    assert parse_document("'<<': 3", "f").values == {"<<": 3}


@pytest.mark.parametrize("text", ["[" * 100_000, "a: " + "{b: " * 10_000, "- " * 100_000])
def test_endless_nesting_is_refused(text):
    assert "nested more than" in str(refused(text))


def test_aliases_that_unfold_without_end_are_refused():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]

    error = refused("\n".join(lines))

    assert "unfolds to more than" in str(error)
    assert error.location.line < 8


def test_an_empty_file_is_an_empty_mapping():
    assert parse_document("# nothing yet\n", "f").values == {}


@given(st.text(st.one_of(st.sampled_from("-:[]{}?,&*!|>'\"%@#\n\t <~a1."), st.characters())))
@example("a: \ud800")
@example("%YAML 1.1\n---\na: no\n")
def test_any_text_is_either_read_or_refused_with_its_file(text):
    try:
        document = parse_document(text, "f.yaml")
    except ProtocolError as error:
        assert error.location.file == "f.yaml"
    else:
        assert isinstance(document.values, dict)
