"""How many samples the first stage of softmax needs, beside linear attention's."""

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from scb.footprint import STAGE1_BATCH, Part, entries, matrices
from scb.settings.model import Fault, Section
from scb.settings.stage1_samples import BoostingRate, Laddered
from scb.settings.values import Count, Lengths, Rate


class Paced(Laddered):
    """Linear and softmax attention from the start, both at the same samples."""

    rate: BoostingRate  # eta
    factor: Annotated[float, Field(ge=1e-4, lt=1)]  # share of the matched logit rate, once more
    logit_rate: Rate  # Adam's


class SoftmaxAlone(Paced):
    """What it reads, for one T."""

    length: Count


class SoftmaxSamples(Section, Paced):
    """What is run, at several T."""

    lengths: Lengths  # T

    def relations(self) -> Iterator[Fault]:
        """A pattern that fits every T."""
        yield from super().relations()
        if self.sparsity >= (least := min(self.lengths)):
            yield self.fault("sparsity", f"it must be less than {{at}}lengths, {least}")

    def jobs(self) -> Iterator[list[Part]]:
        """Two models at the longest T."""
        yield [
            matrices(self, 2),
            Part(("lengths",), 80 * entries(self, max(self.lengths))),
            Part(("states",), STAGE1_BATCH),
        ]
