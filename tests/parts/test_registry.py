"""Parts by name: registered, installed, unknown."""

from importlib.metadata import EntryPoint

import pytest

from udaln.errors import InputError
from udaln.parts import METRICS, Metric, Registry, own_figures, registry


@pytest.fixture
def parts():
    kinds = Registry("things", "thing")
    kinds.add("first", 1)
    return kinds


def test_a_part_is_found_by_its_name(parts):
    @parts.register("second")
    def second():
        return 2

    assert parts.names() == ["first", "second"] and parts.get("second") is second and "second" in parts
    assert [name for name, _ in parts.items()] == ["second", "first"]


def test_an_unknown_name_is_one_line_that_names_the_others(parts):
    with pytest.raises(InputError, match=r"^thing: expected one of first, got 'third'; .*plugins=\[…\]$"):
        parts.get("third")
    with pytest.raises(InputError, match=r"^model: x\.ckpt: expected"):
        parts.get("third", key="model: x.ckpt")


def test_two_parts_of_one_name_are_refused_and_the_same_again_is_not(parts):
    def part():
        pass

    for _ in range(2):
        parts.add("part", part)
    with pytest.raises(ValueError, match="there is another one of that name"):
        parts.add("first", part)


def test_an_installed_part_is_imported_when_its_name_is_asked_for(parts, monkeypatch, tmp_path):
    (tmp_path / "installed_thing.py").write_text("thing = 'installed'\n")
    (tmp_path / "broken_thing.py").write_text("raise OSError('no such\\ncamera')\n")
    monkeypatch.syspath_prepend(tmp_path)
    entries = [("thing", "installed_thing:thing"), ("broken", "broken_thing:thing"), ("two", "a:b"), ("two", "c:d")]
    found = tuple(EntryPoint(name, value, "udaln.things") for name, value in entries)
    monkeypatch.setattr(registry, "installed", lambda: (*found, EntryPoint("other", "a:b", "udaln.others")))
    assert parts.names() == ["broken", "first", "thing", "two"]
    assert parts.get("thing") == "installed"
    with pytest.raises(InputError, match=r"^thing: broken: cannot be imported from broken_thing:thing: no such camera"):
        parts.get("broken")
    with pytest.raises(InputError, match=r"^thing: two: expected one installed package with this name, got a:b, c:d$"):
        parts.get("two")


def test_a_metric_that_a_scene_does_not_allow_is_left_out(monkeypatch):
    class Brightness(Metric):
        def measure(self, scene, fused):
            return None if scene is None else fused

    monkeypatch.setattr(METRICS, "_parts", {"brightness": Brightness})
    assert own_figures(["brightness"], None, 3) == {} and own_figures(["brightness"], "scene", 3) == {"brightness": 3.0}
