"""Settings: checked before any job, and turned into command lines.

Faults are told one line each, as ``key is value; what is allowed``.
"""

import difflib
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import jsonschema
import yaml

CLAIMED = (
    "seed",
    "replicates",
    "log_interval",
    "tasks",
    "convergence",
    "vocabulary_3",
    "vocabulary_10",
    "vocabulary_20",
    "attention",
    "simulation_100",
    "simulation_500",
    "population",
    "transfer",
)
"""Sections whose results the claims are judged by."""

TEMPLATED = "__use_yte__"
"""At this key Snakemake would run text of the file as Python, and leave the key out."""

SCHEMA = Path(__file__).parent / "schemas" / "config.schema.yaml"

ROOM = 2**20
"""Bytes to be free on a disk: even a log needs some, and without one no job says what it lacks."""

LARGEST = 2 * 10**8
"""Numbers in a model or a batch of all replicates: 800 MB, of the 2 to 4 GB that a job asks for."""

LARGEST_OF_GPU = 10 * LARGEST
"""Of recall, whose published sizes are for a GPU."""

LEAKS = 1.0e-3
"""Held-out sequences of recall that may be in another split, in the mean: one ends the run."""


def require_yaml(path: Path) -> None:
    """Stop, naming file and line, unless ``path`` holds a YAML mapping.

    Snakemake reads the file itself, but says of a broken one neither its name nor the line.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        _stop([f"{path} cannot be read: {error}"])
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        _stop([f"{where}: not valid YAML: {getattr(error, 'problem', None) or error}"])
    if not isinstance(content, dict):
        _stop([f"{path} must hold settings as `key: value`"])
    if TEMPLATED in content:
        _stop([f"{TEMPLATED} is {_show(content[TEMPLATED])}; it is no setting"])


def require_valid(config: Mapping[str, Any]) -> None:
    """Stop with one line for each fault of the settings."""
    if faults := find_faults(config):
        _stop(faults)


def require_device(config: Mapping[str, Any]) -> None:
    """Stop with one line if the settings name a GPU and this machine has none."""
    device = config["device"]
    drivers = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")  # to ask torch would take seconds
    if device.startswith("cuda") and not any(map(os.path.exists, drivers)):
        _stop([f"device is {_show(device)}; no GPU is here, so it must be auto or cpu"])


def _stop(faults: list[str]) -> NoReturn:
    # Not an exception of Snakemake's: it would print a traceback around the line.
    raise SystemExit("\n".join(f"Bad setting: {fault}" for fault in faults))


def find_faults(config: Mapping[str, Any]) -> list[str]:
    """Faults of the settings, one line each; empty if there are none."""
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    errors = _Validator(schema).iter_errors(config)
    faults = [line for error in errors for line in _explain(error)]
    # The relations between settings make sense only of settings that are right by themselves.
    if faults:
        return sorted(faults)
    return [*_relations(config), *_kernel_relations(config), *folder_faults(config)]


def _is_number(checker: Any, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(checker: Any, value: Any) -> bool:
    # JSON Schema takes 8.0 for an integer; the command line of a job does not.
    return isinstance(value, int) and not isinstance(value, bool)


_Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"number": _is_number, "integer": _is_integer}
    ),
)

_TYPES = {
    "number": "a finite number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "a string",
    "object": "a mapping of settings",
    "array": "a list, as [1, 2]",
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "greater than",
    "exclusiveMaximum": "less than",
    "minItems": "of length at least",
    "maxLength": "of length at most",
}


def _explain(error: jsonschema.ValidationError) -> Iterator[str]:
    """The lines of one error of the schema."""
    path = [str(part) for part in error.absolute_path]
    key, value, rule = ".".join(path), error.instance, error.validator_value
    match error.validator:
        case "required":
            # jsonschema yields an error for each missing key, and names it in the message only.
            missing = next(name for name in rule if error.message.startswith(repr(name)))
            yield f"{'.'.join([*path, missing])} is missing"
        case "additionalProperties":
            known = error.schema["properties"]
            for name in value:
                if name not in known:
                    yield f"{'.'.join([*path, str(name)])} is no setting; {_instead(name, known)}"
        case "type":
            yield f"{key} is {_show(value)}; it must be {_TYPES[rule]}{_hint(value, rule)}"
        case "enum":
            yield f"{key} is {_show(value)}; it must be one of {', '.join(map(str, rule))}"
        case "uniqueItems":
            yield f"{key} is {_show(value)}; its entries must differ"
        case "pattern":
            # The schema says in words what the pattern allows.
            yield f"{key} is {_show(value)}; it must be {error.schema['description']}"
        case bound:
            yield f"{key} is {_show(value)}; it must be {_BOUNDS[bound]} {rule}"


def _instead(name: Any, known: Mapping[str, Any]) -> str:
    """What may have been meant by a key that is none."""
    if close := difflib.get_close_matches(str(name), list(known), 1):
        return f"did you mean {close[0]}?"
    return (
        f"known: {', '.join(known)}" if len(known) <= 12 else "config.yaml has all that there are"
    )


def _show(value: Any) -> str:
    """The value on one line, short, with strings in quotes."""
    text = repr(value) if not isinstance(value, dict) else "a mapping"
    return text if len(text) <= 60 else text[:57] + "..."


def _hint(value: Any, wanted: str) -> str:
    """What to do about a number that YAML takes for a string."""
    if wanted not in ("number", "integer") or not isinstance(value, str):
        return ""
    try:
        float(value)
    except ValueError:
        return ""
    return " (YAML's numbers have no quotes, and a point before the exponent: 1.0e-3)"


def _relations(config: Mapping[str, Any]) -> Iterator[str]:
    """Faults between two settings of one experiment."""
    for name, setting in config.items():
        if not isinstance(setting, dict):
            continue
        sparsity, length = setting.get("sparsity", 1), setting.get("length", math.inf)
        # A pattern of all positions may be uniform attention, of energy K_Q = 0.
        if sparsity >= length:
            yield f"{name}.sparsity is {sparsity}; it must be less than {name}.length, {length}"
        particles = setting.get("particles", 0)
        if particles > length - sparsity and sparsity < length:
            yield (
                f"{name}.particles is {particles}; it must be at most {name}.length less "
                f"{name}.sparsity, {length - sparsity}"
            )
        least, most = setting.get("least", 0), setting.get("most", math.inf)
        if least >= most:
            yield f"{name}.least is {least}; it must be less than {name}.most, {most}"
        for part, lengths in setting.items():
            if not isinstance(lengths, dict) or "shortest" not in lengths:
                continue
            short, long = lengths["shortest"], lengths["longest"]
            if sparsity >= short:
                yield (
                    f"{name}.sparsity is {sparsity}; it must be less than "
                    f"{name}.{part}.shortest, {short}"
                )
            if 2 * short > long:
                yield (
                    f"{name}.{part}.longest is {long}; it must be at least twice "
                    f"{name}.{part}.shortest, {short}"
                )
        steps = setting.get("steps", math.inf)
        boost = setting.get("boost", {}).get("steps", 0)
        if boost > steps:
            yield f"{name}.boost.steps is {boost}; it must be at most {name}.steps, {steps}"
        yield from _sizes(name, setting, config["replicates"])
    if "sgd_small" not in config["convergence"]["optimizers"]:
        yield "convergence.optimizers.sgd_small is missing: figure 1 draws it"
    stage1 = config["stage1_samples"]
    if stage1["larger_rate"] == stage1["rate"]:
        yield (
            f"stage1_samples.larger_rate is {stage1['larger_rate']}; it must differ from "
            "stage1_samples.rate"
        )
    yield from _transfer_relations(config["transfer"])


def _transfer_relations(setting: Mapping[str, Any]) -> Iterator[str]:
    lengths, sparsity = setting["lengths"], setting["sparsity"]
    if len(setting["replicates"]) != len(lengths):
        yield (
            f"transfer.replicates is {setting['replicates']}; it must have an entry for each of "
            f"transfer.lengths, {lengths}"
        )
    if setting["curve_length"] not in lengths:
        yield (
            f"transfer.curve_length is {setting['curve_length']}; it must be one of "
            f"transfer.lengths, {lengths}"
        )
    shortest = min(*lengths, setting["pretrain"]["length"])
    if sparsity >= shortest:
        yield (
            f"transfer.sparsity is {sparsity}; it must be less than all of transfer.lengths and "
            f"transfer.pretrain.length, {shortest}"
        )


def _kernel_relations(config: Mapping[str, Any]) -> Iterator[str]:
    """Faults between settings of kernelised attention."""
    kernels = config["kernels"]
    if kernels["features"] % 2:
        yield f"kernels.features is {kernels['features']}; it must be even"
    for name in kernels["settings"]:
        if name not in config:
            yield f"kernels.settings names {name}, which is missing"
    for name in kernels["limited"]:
        if name not in kernels["settings"]:
            yield f"kernels.limited names {name}, which is not in kernels.settings"
    for name, setting in config.items():
        if name.startswith("recall"):
            yield from _recall_relations(name, setting)


def _recall_relations(name: str, setting: Mapping[str, Any]) -> Iterator[str]:
    pairs, length, vocabulary = (setting[key] for key in ("pairs", "length", "vocabulary"))
    if length < 4 * pairs:
        yield f"{name}.length is {length}; it must be at least 4 {name}.pairs, {4 * pairs}"
    elif length % 2:
        yield f"{name}.length is {length}; it must be even"
    elif vocabulary <= length:
        yield f"{name}.vocabulary is {vocabulary}; it must be greater than {name}.length, {length}"
    elif (leaks := _expected_leaks(setting)) > LEAKS:
        yield (
            f"{name}.vocabulary is {vocabulary}; with {name}.pairs {pairs} there are so few "
            f"sequences that about {leaks:.1g} of those held out would be in another split"
        )


def _expected_leaks(setting: Mapping[str, Any]) -> float:
    """How many held-out sequences are in another split, about and in the mean."""
    pairs, half = setting["pairs"], setting["vocabulary"] // 2
    trained, held_out = (
        setting["steps"] * setting["batch"],
        setting["validation"] + setting["test"],
    )
    choices = (half - 1, setting["vocabulary"] - half, setting["length"] // 2 - pairs)
    sequences = sum(math.lgamma(n + 1) - math.lgamma(n - pairs + 1) for n in choices)  # log
    return (trained + setting["validation"]) * held_out * math.exp(-sequences)


def _sizes(name: str, setting: Mapping[str, Any], replicates: int) -> Iterator[str]:
    """What of an experiment does not fit the memory of a job."""
    if name.startswith("recall"):
        sizes, most = _recall_sizes(setting), LARGEST_OF_GPU
    else:
        sizes, most = _bigram_sizes(setting, replicates), LARGEST
    for keys, size in sizes:
        if size > most:
            held = (key for key in keys if key.split(".")[0] in setting)
            key = max(held, key=lambda key: look_up(setting, key))
            yield (
                f"{name}.{key} is {_show(look_up(setting, key))}; with the other sizes and "
                f"replicates it makes {size:.1e} numbers, which must be at most {most:.0e}"
            )
            return  # the others may be right without it


Sizes = Iterator[tuple[tuple[str, ...], int]]
"""Keys, and how many numbers a job holds for them."""


def _bigram_sizes(setting: Mapping[str, Any], replicates: int) -> Sizes:
    """Of all matrices and of a batch."""
    states, own = setting.get("states", 1), setting.get("replicates", replicates)
    counts = own if isinstance(own, list) else []  # transfer has one for each T
    most = max(counts) if counts else own
    yield ("states",), most * states**2
    if "particles" in setting:  # a simulation follows particles, and no tokens
        yield ("states", "particles"), most * states * setting["particles"]
        return
    for key in ("batch", "larger_batch", "length"):
        if key in setting:
            yield ("states", key), most * states * setting[key]
    for length, count in zip(setting.get("lengths", []), counts, strict=False):
        yield ("lengths",), count * states * length
    for part, values in setting.items():
        for key in ("batch", "length", "longest"):
            if isinstance(values, dict) and key in values:
                yield (f"{part}.{key}",), most * states * values[key]


def _recall_sizes(setting: Mapping[str, Any]) -> Sizes:
    """Of weights, logits, scores and draws."""
    vocabulary, length, width, batch = (
        setting[key] for key in ("vocabulary", "length", "width", "batch")
    )
    yield ("width", "vocabulary"), width * (width + vocabulary)
    yield ("vocabulary", "batch", "pairs"), vocabulary * batch * setting["pairs"]
    yield ("batch", "length", "width"), batch * length * max(length, width)
    for key in ("validation", "test"):
        yield (key, "vocabulary"), setting[key] * (vocabulary + length)
    # Those of the linear kernels are f (f + 1) / 2.
    yield ("features", "batch", "length"), setting["features"] ** 2 * (width + batch * length)


def folder_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Output folders in which no file can be made, one line each."""
    for key in ("results", "figures"):
        folder = Path(config[key])
        while not os.path.lexists(folder):
            folder = folder.parent
        if not folder.is_dir():
            yield f"{key} is '{config[key]}'; it must be a folder, and {folder} is none"
        elif not os.access(folder, os.W_OK | os.X_OK):
            yield f"{key} is '{config[key]}'; it must be a folder that can be written to"
        elif shutil.disk_usage(folder).free < ROOM:
            yield f"{key} is '{config[key]}'; it must be on a disk that is not full"


def look_up(config: Mapping[str, Any], key: str) -> Any:
    """The setting at a dotted key: ``look_up(config, "convergence.boost.rate")``."""
    value: Any = config
    for part in key.split("."):
        value = value[part]
    return value


def options(values: Mapping[str, Any]) -> list[str]:
    """Words of a command line: ``{"log_interval": 10}`` gives ``--log-interval 10``.

    A list gives a word for each of its entries.
    """
    return [
        word
        for name, value in values.items()
        for word in (
            f"--{name.replace('_', '-')}",
            *map(str, value if isinstance(value, list) else [value]),
        )
    ]


def optimizer_options(optimizers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """``--optimizer NAME RATE PENALTY THRESHOLD`` of each, in alphabetical order.

    So the order of keys in the YAML file changes nothing.
    """
    return [
        word
        for name, optimizer in sorted(optimizers.items())
        for word in (
            "--optimizer",
            name,
            str(optimizer["rate"]),
            str(optimizer["penalty"]),
            str(int(optimizer["threshold"])),
        )
    ]


def digest(config: Mapping[str, Any], keys: Sequence[str] = CLAIMED) -> str:
    """Fingerprint of some sections, the same for any order of their keys."""
    text = json.dumps({key: config[key] for key in keys}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def penalty_grid(least: float, most: float, per_decade: int) -> list[float]:
    """0, then penalties from ``least`` to ``most``, evenly spaced in the logarithm."""
    gaps = max(1, round(math.log10(most / least) * per_decade))
    grid = [least * (most / least) ** (place / gaps) for place in range(gaps)]
    rounded = (float(f"{penalty:.3g}") for penalty in [*grid, most])
    return [0.0, *dict.fromkeys(rounded)]  # of equal ones, as where the ends nearly meet, one


def doublings(shortest: int, longest: int) -> list[int]:
    """``shortest``, twice that and so on, up to ``longest`` at most."""
    return [shortest << place for place in range((longest // shortest).bit_length())]
