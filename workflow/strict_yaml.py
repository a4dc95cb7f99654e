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


class _Loader(yaml.SafeLoader):  # not libyaml's, which takes texts that Snakemake does not
    def __init__(self, text: str, path: Path) -> None:
        super().__init__(text)
        self._path = path
        self._open: list[str | None] = []
        """Anchors of the collections that the next node is in."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Refuse deep nesting and what holds itself."""
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) and event.anchor in self._open:
            line = event.start_mark.line + 1
            raise YamlError(f"{self._path}:{line}: *{event.anchor} stands within itself")
        if not isinstance(event, yaml.CollectionStartEvent):
            return super().compose_node(parent, index)
        if len(self._open) == DEEPEST:
            line = event.start_mark.line + 1
            raise YamlError(f"{self._path}:{line}: it is nested deeper than {DEEPEST} levels")
        self._open.append(event.anchor)
        node = super().compose_node(parent, index)
        self._open.pop()
        return node

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
        content = _Loader(path.read_text(encoding="utf-8"), path).get_single_data()
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
