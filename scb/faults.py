"""Faults of settings in words, one line each: ``key is value; what is allowed``."""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from scb.settings.model import DEFAULTS, Model
from scb.settings.training import Sampling

FILLED = {*DEFAULTS, *Sampling.model_fields}
"""Keys that a section may leave to the defaults."""

FILLED_SECTIONS = {"training", "simulation", "check", "attention", "transfer"} | {
    "stage1_samples",
    "softmax_samples",
    "regularization",
}
"""Where it may."""


LONGEST = 280
"""Characters of a line."""

MOST = 20
"""Faults that are shown at once."""


def one_line(text: str, longest: int = LONGEST) -> str:
    """The text without control characters, and without its middle where that is too much."""
    escaped = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    if len(escaped) <= longest:
        return escaped
    end = longest // 3
    return f"{escaped[: longest - end - 3]}...{escaped[-end:]}"


def listed(faults: Sequence[str]) -> list[str]:
    """The first faults, and how many more there are."""
    more = len(faults) - MOST
    return [*faults[:MOST], *([f"and {more} more"] if more > 0 else [])]


def find_faults(config: Mapping[str, Any], model: type[Model]) -> list[str]:
    """Faults of the settings, one line each; empty if there are none."""
    try:
        model.model_validate(config)
    except ValidationError as error:
        return _lines(error, config, model)
    return []


M = TypeVar("M", bound=Model)


def read_settings(model: type[M], text: str) -> M:
    """A job's or figure's settings, from JSON.

    Raises
    ------
    ValueError
        One line naming the keys at fault.
    """
    try:
        given = json.loads(text)
    except ValueError as error:
        raise ValueError(f"argument --settings: no JSON: {error}") from None
    if not isinstance(given, dict):
        raise ValueError(f"argument --settings: it is {show(given)}; it must be a mapping")
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        # What is missing last: of a long line the middle is cut, and what is wrong tells more.
        lines = sorted(_lines(error, given, model), key=lambda line: line.endswith(" is missing"))
        faults = "; ".join(listed(lines))
        raise ValueError(one_line(f"argument --settings: {faults}")) from None


def _lines(error: ValidationError, config: Any, model: type[Model]) -> list[str]:
    """All faults, each once, in the order of their keys."""
    lines = (line for one in error.errors() for line in _explain(one, config, model))
    return sorted(dict.fromkeys(map(one_line, lines)))


_TYPES = {
    "int_type": "an integer",
    "float_type": "a finite number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "string_type": "a string",
    "dict_type": "a mapping of settings",
    "model_type": "a mapping of settings",
    "model_attributes_type": "a mapping of settings",
    "tuple_type": "a list, as [1, 2]",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "greater than"),
    "less_than": ("lt", "less than"),
    "too_short": ("min_length", "of length at least"),
    "string_too_long": ("max_length", "of length at most"),
}


def _explain(error: ErrorDetails, config: Mapping[str, Any], model: type[Model]) -> Iterator[str]:
    """The lines of one error of pydantic's."""
    path, known, given = _place(error["loc"], config, model)
    key, value, rule = dotted(path), error["input"], error["type"]
    if len(path) > 1 and path[0] in FILLED_SECTIONS and path[-1] in FILLED and not given:
        return  # of a default, which is told once
    context = error.get("ctx", {})
    match rule:
        case "missing":
            yield f"{key} is missing"
        case "union_tag_not_found":
            yield f"{key}.kind is missing"
        case "extra_forbidden":
            yield f"{key} is no setting; {_instead(path[-1], known)}"
        case "relation":
            at = f"{key}." if key else ""
            for fault in context["faults"]:
                said = fault.message.replace("{at}", at)
                yield f"{at}{fault.key} is {show(fault.value)}; {said}"
        case "union_tag_invalid":
            allowed = ", ".join(re.findall(r"'(\w+)'", context["expected_tags"]))
            yield f"{key}.kind is {show(context['tag'])}; it must be one of {allowed}"
        case "literal_error":
            allowed = ", ".join(re.findall(r"'(\w+)'", context["expected"]))
            yield f"{key} is {show(value)}; it must be one of {allowed}"
        case bound if bound in _BOUNDS:
            name, said = _BOUNDS[bound]
            limit = context[name]
            if rule == "too_short" and len(value) >= limit:
                return  # pydantic counts those that are right by themselves
            limit = f"{limit:g}" if isinstance(limit, float) else limit
            yield f"{key} is {show(value)}; it must be {said} {limit}"
        case kind if kind in _TYPES:
            yield f"{key} is {show(value)}; it must be {_TYPES[kind]}{_hint(value, kind)}"
        case _:
            yield f"{key} is {show(value)}; {error['msg']}"


def _place(
    loc: tuple[int | str, ...], config: Any, model: type[Model]
) -> tuple[list[str], list[str], bool]:
    """A key as the file has it, the keys that its section knows, and whether the file has it.

    Pydantic names the kind of an optimizer too, between its name and its key.
    """
    path, known, annotation, node = [], list(model.model_fields), model, config
    given = True
    for part in loc:
        if part == "[key]":
            continue
        if isinstance(node, Mapping) and part not in node and part == node.get("kind"):
            continue
        path.append(str(part))
        given = isinstance(node, Mapping) and part in node
        node = node.get(part) if isinstance(node, Mapping) else None
        annotation = _inner(annotation, part, node)
        if isinstance(annotation, type) and issubclass(annotation, Model) and part != loc[-1]:
            known = list(annotation.model_fields)
    return path, known, given


def _inner(annotation: Any, part: int | str, node: Any) -> Any:
    """What a section's annotation says of one of its keys."""
    if isinstance(annotation, type) and issubclass(annotation, Model):
        field = annotation.model_fields.get(str(part))
        annotation = None if field is None else field.annotation
    elif get_origin(annotation) is dict:
        annotation = get_args(annotation)[1]
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) is UnionType and isinstance(node, Mapping):
        choices = [choice for choice in get_args(annotation) if choice is not NoneType]
        if len(choices) == 1:  # a section that may be left out
            return choices[0]
        for choice in choices:
            kinds = get_args(choice.model_fields["kind"].annotation) if _has_kind(choice) else ()
            if node.get("kind") in kinds:
                return choice
    return annotation


def _has_kind(choice: Any) -> bool:
    return isinstance(choice, type) and issubclass(choice, Model) and "kind" in choice.model_fields


def _instead(name: str, known: list[str]) -> str:
    """What may have been meant by a key that is none."""
    if close := difflib.get_close_matches(name, known, 1):
        return f"did you mean {close[0]}?"
    return (
        f"known: {', '.join(known)}" if len(known) <= 12 else "config.yaml has all that there are"
    )


def dotted(path: Iterable[object]) -> str:
    """A key as it is named in faults."""
    return one_line(".".join(map(str, path)), 100)


def show(value: Any) -> str:
    """The value on one line, short, with strings in quotes."""
    try:
        text = repr(value) if not isinstance(value, Mapping | Model) else "a mapping"
    except ValueError:  # an integer of more than 4,300 digits, or a list of one
        text = "out of range"
    return text if len(text) <= 60 else text[:57] + "..."


def _hint(value: Any, wanted: str) -> str:
    """What to do about a number that YAML takes for a string."""
    if wanted not in ("float_type", "int_type") or not isinstance(value, str):
        return ""
    try:
        float(value)
    except ValueError:
        return ""
    return " (YAML's numbers have no quotes, and a point and a sign in 1.0e-3 and 1.0e+3)"
