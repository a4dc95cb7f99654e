"""What a single value may be, where more than one section has such a value."""

import re
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError


def _distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("wrong", "its entries must differ")
    return values


def pattern(pattern: str, said: str) -> AfterValidator:
    """A check that the whole text is of a pattern, which is ``said`` in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise PydanticCustomError("wrong", f"it must be {said}")
        return text

    return AfterValidator(check)


Count = Annotated[int, Field(ge=1, le=2**31 - 1)]  # the tables hold 32 bits
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Replicates = Annotated[int, Field(ge=1, le=10**6)]
States = Annotated[int, Field(ge=2, le=65536)]
# In single precision far less is 0, and far more infinite.
Rate = Annotated[float, Field(ge=1e-30, le=1e30)]
Penalty = Annotated[float, Field(ge=0, le=1e30)]
Signal = Annotated[float, Field(ge=1e-30, le=1)]
# Below, mu is too rarely within a factor 4 of uniform to be drawn; above, P is uniform.
Concentration = Annotated[float, Field(ge=0.1, le=1000)]
Growth = Annotated[float, Field(ge=1e-30, le=100)]  # eta times steps: these are in proportion
Rounding = Annotated[float, Field(gt=0, le=1)]  # above 1 not even Q itself is kept
Share = Annotated[float, Field(gt=0, le=1)]
Name = Annotated[str, pattern("[a-z][a-z0-9_]{0,59}", "a name of a-z, 0-9 and '_'")]
Commit = Annotated[str, pattern("[0-9a-f]{7,40}", "a commit")]
# No dot at the start of a part, so neither `..` nor a hidden folder.
_PART = "[A-Za-z0-9_][A-Za-z0-9._-]*"
Folder = Annotated[
    str,
    Field(max_length=200),  # file systems allow 255 bytes a name
    pattern(f"/?{_PART}(/{_PART})*", "a path of letters, digits, '_', '-', '.' and '/'"),
]

T = TypeVar("T")
Listed = Annotated[tuple[T, ...], Field(strict=False, min_length=1)]  # YAML has no tuples
Distinct = AfterValidator(_distinct)
Several = Annotated[Listed[T], Distinct]
Rates = Several[Rate]
Names = Several[str]
NoNames = Annotated[tuple[str, ...], Field(strict=False), Distinct]  # or none
Lengths = Annotated[tuple[Count, ...], Field(strict=False, min_length=2), Distinct]
