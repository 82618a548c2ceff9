"""The same value, the same bytes: in every order, spelling of a number, and process."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpcs_bench.protocol.canonical import SharedParts, canonical_json, digest

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner)
    ),
    max_leaves=20,
)


def test_bytes_are_pinned():
    value = {"b": (1, 2.0, 0.1, None, True), "a": "é", "c": {"y": -0.0, "x": 1e-5}}
    assert canonical_json(value) == '{"a":"é","b":[1,2,0.1,null,true],"c":{"x":1e-05,"y":0}}'
    assert digest(value) == "3e1e5e2958316a0716f4c23436aa2af5a0ef73879514e5cb75127460a3fde614"
    assert digest({}) == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


@given(json_values)
def test_reading_and_writing_again_gives_the_same_bytes(value):
    text = canonical_json(value)
    assert canonical_json(json.loads(text)) == text


@given(st.dictionaries(st.text(max_size=3), st.integers()), st.randoms())
def test_the_order_of_keys_does_not_count(value, random):
    items = list(value.items())
    random.shuffle(items)
    assert canonical_json(dict(items)) == canonical_json(value)


@given(st.integers(-(2**53), 2**53))
def test_a_whole_number_with_a_point_is_that_number(number):
    assert canonical_json(float(number)) == canonical_json(number)


def test_true_is_not_one():
    assert len({canonical_json(value) for value in (True, 1, "1", "true")}) == 4


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_survive_to_the_last_bit(number):
    assert float(json.loads(canonical_json(number))) == number


@pytest.mark.parametrize("value", [math.nan, math.inf, [-math.inf], {"a": math.nan}])
def test_numbers_that_are_not_finite_have_no_digest(value):
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest(value)


def test_keys_that_are_one_text_are_refused():
    with pytest.raises(ValueError, match="one text"):
        canonical_json({1: "a", "1": "b"})


@pytest.mark.parametrize("value", [{1, 2}, b"x", object()])
def test_what_is_not_json_is_refused(value):
    with pytest.raises(TypeError):
        canonical_json(value)


def test_digests_do_not_depend_on_the_process():
    code = "from mpcs_bench.protocol.canonical import digest; print(digest({'b': 1, 'a': [2]}))"
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
        ).stdout
        for seed in ("1", "2")
    }
    assert seen == {digest({"a": [2], "b": 1}) + "\n"}


@given(
    st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), json_values),
    json_values,
)
def test_what_is_written_from_shared_parts_is_what_is_written_at_once(value, shared):
    parts = SharedParts()
    for _ in range(2):  # made of what is not known yet, and of what is
        whole = parts.whole({**value, "part": shared, "inner": parts.whole(value)})
        plain = {**value, "part": shared, "inner": value}
        assert whole.text == canonical_json(plain)
        assert whole.digest == digest(plain)
        assert whole.value == json.loads(canonical_json(plain))
        assert whole.value == plain
        assert type(whole.value["part"]) is type(json.loads(canonical_json(shared)))


def test_a_part_is_written_once_however_many_hold_it(monkeypatch):
    written = []
    dumps = json.dumps
    monkeypatch.setattr(json, "dumps", lambda value, **how: written.append(value) or dumps(value))
    parts, shared = SharedParts(), {"a": [1, 2.0], "b": (3,)}

    wholes = [parts.whole({"number": number, "shared": shared}) for number in range(100)]

    assert len(written) == 1
    assert len({id(whole.value["shared"]) for whole in wholes}) == 1
    assert wholes[7].value == {"number": 7, "shared": {"a": [1, 2], "b": [3]}}


def test_equal_numbers_of_other_types_are_told_apart_in_shared_parts():
    parts = SharedParts()
    texts = [parts.whole({"x": value}).text for value in (1, True, 1.0, "1", None)]
    assert texts == ['{"x":1}', '{"x":true}', '{"x":1}', '{"x":"1"}', '{"x":null}']


@pytest.mark.parametrize("value", [math.nan, {1, 2}, b"x"])
def test_shared_parts_refuse_what_is_refused_at_once(value):
    with pytest.raises((ValueError, TypeError)):
        SharedParts().whole({"x": value})
