"""YAML as config.yaml is read: what is doubtful is an error, with its line.

YAML takes the last of two equal keys, 010 for 8, 1:30 for 90 and 2024-01-31 for a date, and lets a
mapping hold itself. In settings all of these are mistakes.
"""

import re
from collections.abc import Hashable
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from scb.faults import one_line

DEEPEST = 20
"""Levels of a file of settings; config.yaml has five."""

DOUBTFUL = {
    "tag:yaml.org,2002:int": r"[-+]?(0[0-7_]+|0o.*|[0-9_]+(:[0-9_.]+)+)",
    "tag:yaml.org,2002:float": r"[-+]?[0-9_]+(:[0-9_.]+)+",
}
"""Numbers that mean something else than they look like: of base 8, and of base 60."""

_short = partial(one_line, longest=80)


class YamlError(ValueError):
    """One line naming file, line and fault."""


class _Loader(yaml.SafeLoader):
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, yaml.Node] = {}
        for key, _ in node.value:  # before keys are merged: those may be set again
            if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                if key.value in seen:
                    fault = f"{_short(key.value)} is there twice"
                    raise yaml.constructor.ConstructorError(None, None, fault, key.start_mark)
                seen[key.value] = key
        return super().construct_mapping(node, deep)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        pattern = DOUBTFUL.get(node.tag)
        if pattern and isinstance(node, yaml.ScalarNode) and re.fullmatch(pattern, node.value):
            fault = f"{_short(node.value)} would be another number to YAML: write it in base 10"
            raise yaml.constructor.ConstructorError(None, None, fault, node.start_mark)
        if node.tag == "tag:yaml.org,2002:timestamp":
            fault = f"{_short(str(node.value))} is a date to YAML: put it in quotes"
            raise yaml.constructor.ConstructorError(None, None, fault, node.start_mark)
        try:
            return super().construct_object(node, deep)
        except (ValueError, OverflowError, TypeError) as error:
            fault = _short(str(error))
            raise yaml.constructor.ConstructorError(None, None, fault, node.start_mark) from None


def load(path: Path) -> dict[str, Any]:
    """The mapping that a file holds.

    Raises
    ------
    YamlError
        If there is none, or something in it is doubtful.
    """
    try:
        text = path.read_text(encoding="utf-8")
        _require_shallow(text, path)
        content = _Loader(text).get_single_data()
    except (OSError, UnicodeDecodeError) as error:
        raise YamlError(f"{path} cannot be read: {_short(str(error))}") from None
    except RecursionError:
        raise YamlError(f"{path}: it is nested too deeply") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        fault = _short(str(getattr(error, "problem", None) or error))
        raise YamlError(f"{where}: not valid YAML: {fault}") from None
    if not isinstance(content, dict):
        raise YamlError(f"{path} must hold settings as `key: value`")
    return content


def _require_shallow(text: str, path: Path) -> None:
    """Refuse deep nesting and what holds itself, from the events, which nothing is built of."""
    depth, open_anchors = 0, []
    for event in yaml.parse(text, _Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            open_anchors.append(event.anchor)
            if depth > DEEPEST:
                line = event.start_mark.line + 1
                raise YamlError(f"{path}:{line}: it is nested deeper than {DEEPEST} levels")
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
            open_anchors.pop()
        elif isinstance(event, yaml.AliasEvent) and event.anchor in open_anchors:
            line = event.start_mark.line + 1
            raise YamlError(f"{path}:{line}: *{event.anchor} stands within itself")
