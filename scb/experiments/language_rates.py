"""Of the learning rates that were tried on the tuning seed, the best of each kernel."""

from scb.experiments.job import Inputs, Output, job
from scb.rebased.language_results import Modelled
from scb.rebased.language_results import markdown as markdown_of
from scb.rebased.tables import RATES
from scb.settings.model import Seeded
from scb.store.files import replacing
from scb.store.tables import write


@job
def select_rates(settings: Seeded, tables: Inputs, rates: Output, markdown: Output) -> None:
    """Read, select and write."""
    found = Modelled.read(tables)
    selected = found.rates()
    write(selected, rates, RATES, {"seed": settings.seed, "steps": found.setting["steps"]})
    with replacing(markdown) as temporary:
        temporary.write_text(markdown_of(selected), encoding="utf-8")


if __name__ == "__main__":
    select_rates.main()
