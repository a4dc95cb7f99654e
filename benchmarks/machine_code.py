"""The CUDA kernels as machine code, compiled here for GPUs that are not here.

The launch code of `scb.kernels.cuda` runs on CPU tensors. Each launch is compiled for the types,
alignments and constants that it would have on a GPU, and is not executed. Of the machine code are
read registers, spills and instructions; and what may not be in it is found by `faults`.

    python -m benchmarks.machine_code           prints the tables of docs/kernels.md
    python -m benchmarks.machine_code --write   puts them there

It needs Triton and no GPU. TRITON_INTERPRET must not be set.
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch
import triton
from triton.backends.compiler import GPUTarget
from triton.runtime.driver import driver
from triton.runtime.jit import JITFunction

from scb.data.seeds import derive
from scb.data.stream import Stream
from scb.data.task import Task

DOCUMENT = Path(__file__).parents[1] / "docs/kernels.md"
BEGIN, END = "<!-- machine code: begin -->\n", "<!-- machine code: end -->\n"
WARP = 32
NAMES = "head", "tokens", "attend", "adjoint", "proximal_step"


class Card(NamedTuple):
    """A GPU that kernels are compiled for; numbers of NVIDIA's data sheets."""

    name: str
    capability: int
    """Compute capability, times ten."""
    processors: int
    """Streaming multiprocessors."""
    clock: float
    """Boost clock, in Hz."""

    @property
    def rate(self) -> float:
        """Instructions of threads issued in a second: 4 warps a cycle and multiprocessor."""
        return self.processors * 4 * WARP * self.clock


CARDS = (Card("A100 SXM", 80, 108, 1.41e9), Card("H100 SXM", 90, 132, 1.98e9))


class Case(NamedTuple):
    """Sizes that the kernels are launched at; launches of one type are compiled once."""

    states: int = 3
    length: int = 5000
    conditions: int = 1
    dtype: torch.dtype = torch.float32
    searched: bool = False
    """Whether a state has so little probability that there is no guide table."""


CASES = (
    *(Case(conditions=conditions) for conditions in (1, 2, 3, 5)),
    *(Case(conditions=conditions, dtype=torch.float64) for conditions in (1, 5)),
    Case(length=5001),
    Case(searched=True),
)
"""1, 2, 4 and 8 accumulators, as up to 8 conditions take; more take 8 of them again and again."""


@dataclass(frozen=True)
class Loop:
    """Instructions from the target of a backward branch to the branch, bounds included."""

    first: int
    last: int


@dataclass
class Launch:
    """A kernel as it was launched, compiled.

    Attributes
    ----------
    name : str
        Of the kernel.
    card : Card
    case : Case
        The first that launched it so.
    grid : tuple of int
    constants : dict
        Its constant arguments, by name.
    kernel : the compiled kernel of Triton
    """

    name: str
    card: Card
    case: Case
    grid: tuple[int, ...]
    constants: dict[str, Any]
    kernel: Any

    def _dump(self, option: str) -> str:
        """What ``cuobjdump`` says of the machine code."""
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(self.kernel.asm["cubin"])
            file.flush()
            command = [triton.knobs.nvidia.cuobjdump.path, option, file.name]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    @cached_property
    def resources(self) -> dict[str, int]:
        """``REG``: registers of a thread; ``STACK``, ``LOCAL``: bytes of memory of its own."""
        return {
            key: int(size)
            for key, size in re.findall(r"\b([A-Z]+):(\d+)", self._dump("-res-usage"))
        }

    @property
    def registers(self) -> int:
        """Of a thread."""
        return self.resources["REG"]

    @property
    def spilled(self) -> int:
        """Bytes of a thread's registers that are kept in memory: the kernels ask for no other."""
        return self.resources["STACK"] + self.resources["LOCAL"]

    @cached_property
    def instructions(self) -> list[str]:
        """Of a thread, in order; padding after the last branch to itself is left out."""
        found = re.findall(r"^\s*/\*[0-9a-f]{4,}\*/\s+(.*?)\s*;", self._dump("-sass"), re.MULTILINE)
        while found and found[-1].startswith(("NOP", "BRA")):
            found.pop()
        return found

    @cached_property
    def loops(self) -> list[Loop]:
        """Loops, innermost first where they are nested."""
        found = []
        for place, text in enumerate(self.instructions):
            branch = re.search(r"\bBRA\b.*?0x([0-9a-f]+)", text)
            if branch and (first := int(branch[1], 16) // 16) <= place:
                found.append(Loop(first, place))
        return sorted(found, key=lambda loop: loop.last - loop.first)

    def count(self, loop: Loop, opcode: str) -> int:
        """Instructions in a loop whose opcode begins so."""
        some = self.instructions[loop.first : loop.last + 1]
        return sum(bool(re.match(rf"(@!?\w+ )?{opcode}", text)) for text in some)


def faults(launch: Launch) -> list[str]:
    """What may not be in a kernel, one line each.

    - A spill.
    - A float of another type than that of the columns: sums would lose digits, or time.
    - A 32-bit product of two numbers that are known at run time only. With a constant, as in
      ``program_id * SIZE``, the limits of the grid bound it; others may exceed 2^31.
    - A grid beyond the limits of CUDA.
    """
    found, intermediate = [], launch.kernel.asm["ttir"]
    if launch.spilled:
        found.append(f"{launch.spilled} bytes spilled")
    wanted = {torch.float32: "f32", torch.float64: "f64"}[launch.case.dtype]
    others = set(re.findall(r"\b(?:bf16|f8\w+|f16|f32|f64)\b", intermediate)) - {wanted}
    found += [f"{other} among {wanted}" for other in sorted(others)]
    constants = set(re.findall(r"(%\S+) = arith\.constant", intermediate))
    products = re.findall(r"arith\.muli (%[^\s,]+), (%[^\s,]+)[^:\n]*: (\S+)", intermediate)
    for *factors, kind in products:
        if re.search(r"\bi32\b|xi32>", kind) and not constants & set(factors):
            found.append(f"32-bit product of {' and '.join(factors)}")
    limits = 2**31 - 1, 2**16 - 1, 2**16 - 1
    if any(extent > most for extent, most in zip(launch.grid, limits, strict=False)):
        found.append(f"a grid of {launch.grid}")
    return found


class _Driver:
    """What Triton asks of a GPU before it launches."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", self._card.capability, WARP)

    def get_current_device(self) -> int:
        return self._card.capability  # compiled kernels are kept by device

    def get_current_stream(self, device: int) -> int:
        return 0


@contextmanager
def recorded(
    keep: Callable[[str, JITFunction[Any], tuple[int, ...], Any], None], wanted: Sequence[str]
) -> Iterator[None]:
    """Compile what is launched inside, for the card of the `_Driver`, and give it away."""
    run = JITFunction.run

    def record(self: JITFunction[Any], *args: Any, grid: Any, warmup: bool, **kwargs: Any) -> None:
        name = self.__name__.strip("_").removesuffix("_kernel")
        if name in wanted:
            keep(name, self, grid, run(self, *args, grid=grid, warmup=True, **kwargs))

    JITFunction.run = record
    try:
        yield
    finally:
        JITFunction.run = run


def launches(
    kernels: ModuleType,
    cards: Sequence[Card] = CARDS,
    cases: Sequence[Case] = CASES,
    names: Sequence[str] = NAMES,
) -> list[Launch]:
    """All that the launch code asks for, each specialisation once.

    Parameters
    ----------
    kernels : module
        `scb.kernels.cuda`, or a copy.
    cards, cases : sequences
    names : sequence of str
        Of kernels.
    """
    found: dict[int, Launch] = {}
    for card in cards:
        driver.set_active(_Driver(card))
        for case in cases:

            def keep(
                name: str,
                function: JITFunction[Any],
                grid: tuple[int, ...],
                kernel: Any,
                card: Card = card,
                case: Case = case,
            ) -> None:
                constants = {
                    function.arg_names[path[0]]: value
                    for path, value in kernel.src.constants.items()
                }
                launch = Launch(name, card, case, grid, constants, kernel)
                found.setdefault(id(kernel), launch)

            with recorded(keep, names):
                launch_all(kernels, case)
    return list(found.values())


def launch_all(kernels: ModuleType, case: Case, batch: int = 64, replicates: int = 2) -> None:
    """Launch every kernel of the module once."""
    seeds = tuple(derive(0, "machine code", replicate) for replicate in range(replicates))
    tasks = Task.stack([Task.sample(case.states, case.length, 2, seed) for seed in seeds])
    if case.searched:
        rare = torch.full((case.states,), 1e-9, dtype=torch.float64)
        rare[0] = 1 - rare[1:].sum()
        rare = rare.expand(replicates, -1)
        # A chain that stays, or draws its next state anew, keeps what it draws from.
        mixed = (torch.eye(case.states, dtype=rare.dtype) + rare[..., None]) / 2
        tasks = Task(mixed, rare, tasks.positions, tasks.weights, case.length, seeds)
    stream = Stream(tasks, seeds)
    few = stream.batch(0, batch)
    shape = case.conditions, replicates, case.states
    columns = torch.zeros(*shape, case.length, dtype=case.dtype)
    weights = torch.zeros(case.conditions, replicates, batch, case.states, dtype=case.dtype)
    kernels.heads(stream, 0, 0, batch)
    kernels.tokens(stream, 0, 0, batch)
    kernels.attend(columns, few)
    kernels.adjoint(weights, few)
    rate = torch.zeros(shape, dtype=case.dtype)
    kernels.proximal_step(columns, columns, rate, rate)


def attend_cost(launch: Launch) -> tuple[float, float]:
    """Instructions of a thread per token, and per token and state, of attend at one condition.

    A loop over states stores one sum for each, so its stores tell how often it was unrolled.
    """
    tokens = launch.constants["SIZE"] / WARP
    over_states = [loop for loop in launch.loops if launch.count(loop, "STG")]
    main = max(over_states, key=lambda loop: launch.count(loop, "STG"))
    inside = set()
    for loop in over_states:
        inside |= set(range(loop.first, loop.last + 1))
    per_state = (main.last - main.first + 1) / launch.count(main, "STG")
    return (len(launch.instructions) - len(inside)) / tokens, per_state / tokens


def adjoint_cost(launch: Launch) -> float:
    """Instructions of a thread per token of the adjoint.

    A sample is one load of its index, one of the table for each token, and one of a weight for
    each token and condition: so its loads tell how often the loop over samples was unrolled.

    Raises
    ------
    ValueError
        If the loads are not those.
    """
    tokens = launch.constants["SIZE"] // WARP
    loop = max(launch.loops, key=lambda loop: launch.count(loop, "SHF"))
    loads = 1 + tokens * (1 + launch.constants["CONDITIONS"])
    samples, rest = divmod(launch.count(loop, "LDG"), loads)
    if not samples or rest:
        raise ValueError(f"{launch.count(loop, 'LDG')} loads in the adjoint's loop, not {loads}")
    return (loop.last - loop.first + 1) / (tokens * samples)


def tables(found: Sequence[Launch]) -> str:
    """Registers, spills, instructions per token and what bound follows, in Markdown."""
    lines = [
        f"Triton {triton.__version__}, T = 5000, single precision, a guide table:",
        "",
        "| kernel | conditions, up to | GPU | registers | bytes spilled | instructions per token |",
        "|---|---|---|---|---|---|",
    ]
    bounds = ["", "| GPU | N = 3 | N = 20 | N = 100 |", "|---|---|---|---|"]
    usual = [
        launch
        for launch in found
        if launch.case.dtype == torch.float32
        and launch.constants.get("TABLE")
        and launch.case.length == 5000
    ]
    for card in CARDS:
        costs: dict[str, Any] = {}
        for launch in usual:
            if launch.card != card or launch.name not in ("attend", "adjoint"):
                continue
            count = launch.constants.get("CONDITIONS")
            if launch.name == "adjoint":
                cost = adjoint_cost(launch)
                costs.setdefault("adjoint", cost)
                said = f"{cost:.1f}"
            elif launch.case.conditions == 1:
                costs["attend"] = token, state = attend_cost(launch)
                said, count = f"{token:.1f} + {state:.2f} N", 1
            else:
                continue
            lines.append(
                f"| {launch.name} | {count} | {card.name} | {launch.registers} "
                f"| {launch.spilled} | {said} |"
            )
        token, state = costs["attend"]
        rates = (card.rate / (token + state * states + costs["adjoint"]) for states in (3, 20, 100))
        bounds.append(f"| {card.name} | " + " | ".join(f"{rate:.1e}" for rate in rates) + " |")
    return "\n".join([*lines, *bounds]) + "\n"


def main(argv: Sequence[str] | None = None) -> None:
    """Print the tables, or put them into docs/kernels.md."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--write", action="store_true", help="into docs/kernels.md")
    options = parser.parse_args(argv)
    from scb.kernels import cuda

    text = tables(launches(cuda))
    if not options.write:
        print(text, end="")
        return
    before, rest = DOCUMENT.read_text().split(BEGIN)
    _, after = rest.split(END)
    DOCUMENT.write_text(f"{before}{BEGIN}{text}{END}{after}")


if __name__ == "__main__":
    main()
