"""Judge the second paper's claims by the tables of recall, and summarise those."""

import argparse
from pathlib import Path

from scb.claims.markdown import render
from scb.claims.tables import CLAIMS
from scb.claims.verdict import judge
from scb.experiments.common import Arguments, add_outputs, run
from scb.rebased.claims import NOTE, claims
from scb.rebased.results import Recalled, summarise
from scb.store import tables
from scb.store.files import replacing


def main(options: Arguments) -> None:
    """Read, judge and write."""
    recalled = Recalled.read(options.tables)
    frame = judge(claims(recalled, options.limited))
    setting = {"limited": options.limited, "settings": list(recalled), "digest": options.digest}
    tables.write(frame, options.output, CLAIMS, setting)
    # As read again, so that the text follows from the table alone.
    text = render(tables.read(options.output, CLAIMS), options.figures, NOTE)
    for path, content in ((options.markdown, text), (options.summary, summarise(recalled))):
        with replacing(path) as temporary:
            temporary.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--tables", type=Path, nargs="+", required=True, help="SETTING/KERNEL.parquet"
    )
    parser.add_argument("--limited", nargs="+", required=True, help="settings with a small state")
    parser.add_argument("--digest", required=True, help="of the settings of these results")
    parser.add_argument("--figures", required=True, help="folder of figures, seen from --markdown")
    add_outputs(parser, "output", "markdown", "summary")
    run(main, parser)
