"""From a name in a protocol to a plugin with validated parameters."""

from __future__ import annotations

import json

import pytest

from mpcs_bench.errors import PluginError
from mpcs_bench.protocol.canonical import canonical_json
from mpcs_bench.registry import Encoder, PairStrategy, ParamsError, Registry

STRATEGY = """
from pydantic import Field, field_validator
from mpcs_bench.registry import PairStrategy, PluginParams

class Params_(PluginParams):
    power: float = Field(1.0, ge=0)
    table: dict[int, int] = {40: 100}
    order: tuple[int, ...] = (1, 2)

    @field_validator("order")
    @classmethod
    def _rising(cls, value):
        if list(value) != sorted(value):
            raise ValueError(f"{value} does not rise")
        return value

class Weighted(PairStrategy):
    name, version, human_prior, degrees_of_freedom = "weighted", "2", 1, 1
    Params = Params_

    def draw(self, sets, available, generator):
        raise NotImplementedError
"""
ENCODER = """
from mpcs_bench.registry import Encoder, PluginParams

class Params_(PluginParams):
    name: str
    depth: int = 3

class Zoo(Encoder):
    name, family, Params = "animals", "zoo", Params_
    preprocessing = None

    def build(self): ...
    def projection_head(self, features): ...
"""


@pytest.fixture
def registry(plugin_file):
    """One strategy and one family of encoders, from two files."""
    files = plugin_file("mine.py", STRATEGY), plugin_file("park.py", ENCODER)
    return Registry.discover(files)


@pytest.mark.parametrize("name", ["mine/weighted", "weighted"])
def test_a_plugin_answers_to_its_full_name_and_to_its_short_one(registry, name):
    assert registry.get("strategy", name).full_name == "mine/weighted"


@pytest.mark.parametrize(
    ("kind", "name", "suggestion"),
    [
        ("strategy", "wieghted", "weighted"),
        ("strategy", "mine/weihted", "mine/weighted"),
        ("encoder", "zo/lion", "zoo/lion"),
    ],
)
def test_a_misspelt_name_gets_a_suggestion(registry, kind, name, suggestion):
    with pytest.raises(PluginError, match=f"Did you mean '{suggestion}'") as caught:
        registry.get(kind, name)
    assert "Known: " in caught.value.hint


def test_an_unknown_name_lists_what_is_known(registry):
    with pytest.raises(PluginError) as caught:
        registry.get("strategy", "zzz")
    assert "mine/weighted" in caught.value.hint


def test_a_short_name_of_two_plugins_is_refused_with_both_full_names(plugin_file):
    registry = Registry.discover(
        [plugin_file("mine.py", STRATEGY), plugin_file("yours.py", STRATEGY)]
    )

    with pytest.raises(PluginError, match="ambiguous: mine/weighted, yours/weighted"):
        registry.get("strategy", "weighted")
    assert registry.get("strategy", "yours/weighted").package == "yours"


def test_two_plugins_of_one_full_name_are_refused_with_both_origins(plugin_file):
    one, two = plugin_file("a/mine.py", STRATEGY), plugin_file("b/mine.py", STRATEGY)

    with pytest.raises(PluginError, match="called 'mine/weighted'") as caught:
        Registry.discover([one, two])
    assert str(one) in caught.value.message
    assert str(two) in caught.value.message


def test_plugins_of_two_kinds_may_share_a_name(plugin_file):
    encoder = ENCODER.replace('"animals"', '"weighted"')

    registry = Registry.discover(
        [plugin_file("mine.py", STRATEGY), plugin_file("yours.py", encoder)]
    )

    assert [e.full_name for e in registry.lookup("weighted")] == [
        "yours/weighted",
        "mine/weighted",
    ]


def test_resolving_completes_the_parameters(registry):
    resolved = registry.resolve("strategy", "weighted", {"power": 2})

    assert resolved.params.model_dump() == {"power": 2.0, "table": {40: 100}, "order": (1, 2)}
    assert (resolved.full_name, resolved.version) == ("mine/weighted", "2")


def test_refused_parameters_say_where_and_why(registry):
    with pytest.raises(ParamsError) as caught:
        registry.resolve(
            "strategy", "weighted", {"powr": 1, "power": -1, "order": [2, 1], "table": {"x": 1}}
        )

    errors = dict(caught.value.errors)
    assert "Did you mean 'power'?" in errors[("powr",)]
    assert errors[("order",)] == "(2, 1) does not rise"
    assert "greater than or equal to 0" in errors[("power",)]
    assert any(place[:2] == ("table", "x") for place in errors)
    assert "mine/weighted" in caught.value.message


def test_identity_is_json_holds_all_defaults_and_leads_back_to_the_plugin(registry):
    resolved = registry.resolve("strategy", "weighted", {"power": 2})

    identity = json.loads(canonical_json(resolved.identity()))

    assert identity["plugin"] == "mine/weighted"
    assert identity["version"] == "2"
    assert identity["source"] == registry.get("strategy", "weighted").source_sha256
    assert identity["params"] == {"order": [1, 2], "power": 2, "table": {"40": 100}}
    assert registry.resolve("strategy", identity["plugin"], identity["params"]) == resolved


def test_an_installed_plugin_has_no_source_in_its_identity(install):
    install(
        "stranger_pairs",
        STRATEGY,
        {"mpcs_bench.strategies": {"weighted": "stranger_pairs:Weighted"}},
    )

    identity = Registry.discover().resolve("strategy", "stranger_pairs/weighted").identity()

    assert sorted(identity) == ["params", "plugin", "version"]


@pytest.mark.parametrize("reference", ["zoo/lion", "park/zoo/lion"])
def test_a_family_answers_to_each_of_its_members(registry, reference):
    resolved = registry.resolve("encoder", reference, {"depth": 5})

    assert resolved.full_name == "park/animals"
    assert resolved.params.model_dump() == {"name": "lion", "depth": 5}


def test_a_member_of_a_family_may_hold_a_slash(registry):
    assert registry.resolve("encoder", "zoo/big/lion").params.name == "big/lion"


def test_a_family_member_cannot_be_renamed_by_a_parameter(registry):
    with pytest.raises(ParamsError) as caught:
        registry.resolve("encoder", "zoo/lion", {"name": "tiger"})
    assert caught.value.errors == [(("name",), "'zoo/lion' already says name: lion")]


def test_a_family_of_two_plugins_is_ambiguous_until_the_package_is_named(plugin_file):
    registry = Registry.discover([plugin_file("park.py", ENCODER), plugin_file("farm.py", ENCODER)])

    with pytest.raises(PluginError, match="ambiguous: farm/zoo/lion, park/zoo/lion"):
        registry.resolve("encoder", "zoo/lion")
    assert registry.resolve("encoder", "farm/zoo/lion").full_name == "farm/animals"


def test_a_family_without_a_member_misses_its_name(registry):
    with pytest.raises(ParamsError) as caught:
        registry.resolve("encoder", "animals")
    assert caught.value.errors == [(("name",), "Field required")]


def test_creating_gives_the_plugin_with_its_parameters(registry):
    resolved = registry.resolve("strategy", "weighted", {"power": 3})

    plugin = registry.create(resolved, PairStrategy)

    assert plugin.name == "weighted"
    assert plugin.params.power == 3.0
    with pytest.raises(PluginError, match="is a strategy, not Encoder"):
        registry.create(resolved, Encoder)


def test_a_plugin_file_changed_since_the_plan_is_not_run(registry, plugin_file):
    resolved = registry.resolve("strategy", "weighted")
    later = Registry.discover([plugin_file("mine.py", STRATEGY + "\n# a changed line\n")])

    with pytest.raises(PluginError, match="has changed since the plan"):
        later.create(resolved)
