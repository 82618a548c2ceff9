"""Plugins are found in installed packages and in files; a broken one hinders nobody."""

from __future__ import annotations

import hashlib
import sys

import pytest

from mpcs_bench.errors import PluginError
from mpcs_bench.registry import PairStrategy, Registry, entry_for

GOOD = """
from mpcs_bench.registry import PairStrategy

class Good(PairStrategy):
    name, version, human_prior, degrees_of_freedom = "good", "4", 1, 1

    def draw(self, sets, available, generator):
        raise NotImplementedError
"""
STRATEGIES = "mpcs_bench.strategies"


def test_an_installed_plugin_is_listed_without_being_imported(install):
    install("stranger_lazy", GOOD, {STRATEGIES: {"good": "stranger_lazy:Good"}})

    registry = Registry.discover()

    assert "stranger_lazy/good" in [entry.full_name for entry in registry.entries("strategy")]
    assert "stranger_lazy" not in sys.modules
    assert registry.get("strategy", "stranger_lazy/good").version == "4"
    assert "stranger_lazy" in sys.modules


def test_an_installed_plugin_keeps_where_it_comes_from(install):
    install("stranger_origin", GOOD, {STRATEGIES: {"good": "stranger_origin:Good"}}, "9.8.7")

    entry = Registry.discover().get("strategy", "stranger_origin/good")

    assert entry.origin == "stranger_origin:Good (stranger-origin 9.8.7)"
    assert (entry.package, entry.name, entry.kind) == ("stranger_origin", "good", "strategy")
    assert entry.source_sha256 is None


def test_a_plugin_that_cannot_be_imported_stays_listed_with_its_traceback(install):
    install("stranger_sound", GOOD, {STRATEGIES: {"good": "stranger_sound:Good"}})
    install(
        "stranger_sick",
        "def deep():\n    raise RuntimeError('no licence found')\n\ndeep()\n",
        {STRATEGIES: {"ill": "stranger_sick:Ill"}},
    )

    registry = Registry.discover()
    (sick,) = registry.lookup("stranger_sick/ill")

    assert registry.get("strategy", "stranger_sound/good").cls.name == "good"
    assert sick.version is None
    assert sick.reason == "RuntimeError: no licence found"
    assert "in deep" in sick.traceback
    with pytest.raises(PluginError, match="no licence found") as caught:
        registry.get("strategy", "ill")
    assert "mpcs-bench plugins show stranger_sick/ill" in caught.value.hint


@pytest.mark.parametrize(
    ("group", "name", "target", "complaint"),
    [
        (STRATEGIES, "better", "Good", "loads a strategy named 'good'"),
        ("mpcs_bench.losses", "good", "Good", "is not a loss"),
        (STRATEGIES, "good", "Goood", "Goood"),
    ],
    ids=["another name", "another kind", "no such class"],
)
def test_an_entry_point_must_load_what_it_says(install, group, name, target, complaint):
    install("stranger_wrong", GOOD, {group: {name: f"stranger_wrong:{target}"}})

    (entry,) = Registry.discover().lookup(f"stranger_wrong/{name}")

    assert complaint in entry.reason


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (('"good", "4"', '"Good One", "4"'), "has the name 'Good One'"),
        (('"good", "4"', '"good", 4'), "has the version 4"),
        (("human_prior, degrees", "_human, degrees"), "`human_prior`"),
        (("name, version", "views, version"), "defines no plugin"),
        (("def draw", "def drew"), "does not define draw"),
        (("    def draw", "    Params = dict\n    def draw"), "PluginParams"),
    ],
    ids=["name", "version", "constant", "no name", "abstract", "params"],
)
def test_a_class_must_declare_what_its_kind_asks(plugin_file, change, complaint):
    source = GOOD.replace(*change)
    assert source != GOOD

    registry = Registry.discover([plugin_file("mine.py", source)])

    (entry,) = [entry for entry in registry.entries() if entry.package == "mine"]
    assert complaint in entry.reason


def test_a_data_set_must_declare_classes_and_groups(plugin_file):
    path = plugin_file(
        "mine.py",
        "from mpcs_bench.registry import Dataset\n"
        "class D(Dataset):\n"
        "    name, classes, group_columns, default_group = 'd', ('a', 'b'), ('patient',), 'slide'\n"
        "    def scan(self, root): ...\n",
    )

    (entry,) = Registry.discover([path]).lookup("mine/d")

    assert "`default_group` that is not among" in entry.reason


def test_a_file_registers_the_plugins_it_defines_and_no_others(plugin_file):
    path = plugin_file(
        "mine.py",
        GOOD
        + "from mpcs_paper.pairs import RandomPair\n"
        + "class Base(PairStrategy):\n    human_prior = degrees_of_freedom = 1\n"
        + "class Other(Base):\n    name = 'other'\n    draw = Good.draw\n"
        + "Alias = Other\n",
    )

    found = [e for e in Registry.discover([path]).entries() if e.package == "mine"]

    assert [(e.full_name, e.reason) for e in found] == [("mine/good", None), ("mine/other", None)]
    assert {e.source_sha256 for e in found} == {hashlib.sha256(path.read_bytes()).hexdigest()}
    assert {e.origin for e in found} == {str(path)}


def test_a_file_edited_within_the_same_second_is_read_anew(plugin_file):
    before = Registry.discover([plugin_file("mine.py", GOOD)]).get("strategy", "mine/good")
    after = Registry.discover([plugin_file("mine.py", GOOD.replace('"4"', '"5"'))]).get(
        "strategy", "mine/good"
    )

    assert (before.version, after.version) == ("4", "5")
    assert before.source_sha256 != after.source_sha256


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import no_such_module_here", "ModuleNotFoundError: No module named"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("class Nothing: pass", "defines no plugin"),
        ("def (", "SyntaxError"),
    ],
    ids=["missing import", "exit", "no plugin", "syntax"],
)
def test_a_broken_file_stays_listed_and_does_not_hinder_another(plugin_file, source, reason):
    broken, sound = plugin_file("broken.py", source), plugin_file("sound.py", GOOD)

    registry = Registry.discover([broken, sound])
    (entry,) = registry.lookup("broken")

    assert reason in entry.reason
    assert entry.traceback
    assert (entry.kind, entry.full_name, entry.origin) == (None, "broken", str(broken))
    assert registry.get("strategy", "sound/good").cls.name == "good"
    with pytest.raises(PluginError, match="No strategy is called 'broken/good'") as caught:
        registry.get("strategy", "broken/good")
    assert reason in caught.value.hint


def test_a_plugin_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(PluginError, match=r"nowhere\.py"):
        Registry.discover([tmp_path / "nowhere.py"])


def test_a_file_named_twice_is_one_plugin(plugin_file, monkeypatch, tmp_path):
    path = plugin_file("mine.py", GOOD)
    monkeypatch.chdir(tmp_path)

    found = Registry.discover([path, path.relative_to(tmp_path)]).lookup("mine/good")

    assert len(found) == 1


def test_a_class_at_hand_becomes_an_entry_for_the_suite():
    class Mine(PairStrategy):
        name = "mine"

    entry = entry_for(Mine)

    assert (entry.kind, entry.name) == ("strategy", "mine")
    assert "does not define draw" in entry.reason
    with pytest.raises(PluginError, match="is not a plugin"):
        entry_for(dict)


def test_what_a_plugin_prints_on_import_goes_to_stderr(install, plugin_file, capsys):
    noisy = "print('loading kernels')\n" + GOOD
    install("stranger_noisy", noisy, {STRATEGIES: {"good": "stranger_noisy:Good"}})

    registry = Registry.discover([plugin_file("loud.py", noisy)])
    assert registry.get("strategy", "stranger_noisy/good").version == "4"
    assert registry.get("strategy", "loud/good").version == "4"

    assert capsys.readouterr() == ("", "loading kernels\n" * 2)
