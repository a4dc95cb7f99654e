"""What YAML would take for something else than it looks like is an error, with its line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from project import ROOT, SMOKE

from workflow.strict_yaml import DEEPEST, YamlError, load


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 2024-02-30", "1:4: not valid YAML: 2024-02-30 is a date to YAML: put it in quotes"),
        ("a: 2024-02-03", "1:4: not valid YAML: 2024-02-03 is a date to YAML: put it in quotes"),
        ("a: 1\nb: " + "9" * 5000, "2:4: not valid YAML: Exceeds the limit"),
        ('a: !!int "abc"', "1:4: not valid YAML: invalid literal for int()"),
        ("a: !!float x", "1:4: not valid YAML: could not convert string to float: 'x'"),
        ("a: &x [*x]", "1: *x stands within itself"),
        ("a: &x {b: *x}", "1: *x stands within itself"),
        ("[" * 3000, f"1: it is nested deeper than {DEEPEST} levels"),
        ("a: 1\na: 2", "2:1: not valid YAML: a is there twice"),
        ("a: {b: 1, b: 1}", "1:11: not valid YAML: b is there twice"),
        ("a: 010", "1:4: not valid YAML: 010 would be another number to YAML"),
        ("a: 1:30", "1:4: not valid YAML: 1:30 would be another number to YAML"),
        ("a: 10:20.5", "1:4: not valid YAML: 10:20.5 would be another number to YAML"),
        ("? [a]\n: 1", "1:3: not valid YAML: found unhashable key"),
        ("- 1", " must hold settings as `key: value`"),
        ("", " must hold settings as `key: value`"),
        ("a: [", "1:5: not valid YAML: "),
        ("a: !!python/object:os.system x", "1:4: not valid YAML: could not determine"),
    ],
)
@pytest.mark.hostile("broken settings")
def test_doubtful_yaml_ends_in_one_line(tmp_path, text, told):
    path = tmp_path / "my.yaml"
    path.write_text(text)
    with pytest.raises(YamlError) as refused:
        load(path)
    line = str(refused.value)
    assert line.startswith(f"{path}:{told}" if told[0].isdigit() else f"{path}{told}")
    assert "\n" not in line
    assert len(line) < len(str(path)) + 140


@pytest.mark.parametrize("name", ["config.yaml", f"tests/workflow/{SMOKE}"])
def test_our_own_settings_are_plain(name):
    assert load(ROOT / name)


def test_merged_keys_may_be_set_again(tmp_path):
    path = tmp_path / "my.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}\n")
    assert load(path)["b"] == {"x": 3, "y": 2}


@given(st.text(max_size=40))
def test_any_text_is_read_or_told(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "my.yaml"
    path.write_text(text, encoding="utf-8")
    try:
        found: object = load(path)
    except YamlError as fault:
        found = str(fault)
    assert isinstance(found, dict) or "\n" not in str(found)
