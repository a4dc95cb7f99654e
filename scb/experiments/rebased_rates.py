"""Choose the learning rate of each kernel on recall, by runs on the tuning seed.

What is chosen is written as YAML, for people to read; config.yaml has what is judged. The claims'
statistics of these runs say what a number of runs can decide (`scb.claims.operating`).
"""

import yaml

from scb.claims.tables import PRINTED, STATISTICS, tabulate
from scb.claims.verdict import judge
from scb.experiments.job import Inputs, Output, job
from scb.rebased.claims import claims
from scb.rebased.results import Recalled
from scb.rebased.tuning import tell
from scb.settings.rebased import ChoosingRates
from scb.store.files import replacing
from scb.store.tables import write


@job
def choose_rates(
    settings: ChoosingRates, tables: Inputs, rates: Output, statistics: Output
) -> None:
    """Read, choose and write."""
    recalled = Recalled.read(tables)
    found = {name: recalled[name] for name in settings.settings}
    readings = {name: one for name, one in recalled.items() if name not in found}
    told = tell(settings.seed, found, readings)
    chosen = {name: one.at(told["rates"]) for name, one in found.items()}
    judged = {PRINTED: judge(claims(chosen, settings.limited))}
    write(tabulate(judged), statistics, STATISTICS, {"settings": list(found)})
    with replacing(rates) as temporary:
        temporary.write_text(yaml.safe_dump(told, sort_keys=False), encoding="utf-8")


if __name__ == "__main__":
    choose_rates.main()
