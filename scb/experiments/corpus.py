"""Read the corpus, split it by documents, learn its tokens on the training split and encode it.

Without a text of the user's own it is the source of the standard library of the Python that runs,
so another Python has another corpus: the digest says which one it was.
"""

import platform

import pandas as pd

from scb.experiments.job import IfThere, Output, job
from scb.rebased.bpe import BYTES, Vocabulary
from scb.rebased.corpus import SPLITS, assemble, parts_of, standard_library
from scb.rebased.tables import CORPUS, VOCABULARY
from scb.settings.language import Tokenizing
from scb.store import provenance, tables


@job
def read_corpus(
    settings: Tokenizing, corpus: Output, vocabulary: Output, text: IfThere = None
) -> None:
    """Read, split, learn and write."""
    found = assemble(standard_library() if text is None else parts_of(text))
    tokens = Vocabulary.learn(found.texts("train"), settings.vocabulary)
    encoded = [tokens.encode(document.text) for document in found.documents]
    sizes = [len(document.text) for document in found.documents]

    source = f"standard library of Python {platform.python_version()}"
    told = {
        "corpus": source if text is None else text.name,
        "corpus_sha256": found.digest,
        "documents": {split: len(found.texts(split)) for split in SPLITS},
        "bytes": {split: sum(map(len, found.texts(split))) for split in SPLITS},
        "duplicates": found.duplicates,
        "leaks": found.leaks,
    }
    provenance.note(**told)
    setting = told | {"vocabulary": len(tokens.pieces)}
    documents = pd.DataFrame(
        {
            "document": [document.name for document in found.documents],
            "split": [document.split for document in found.documents],
            "size": sizes,
            "tokens": encoded,
        }
    )
    tables.write(documents, corpus, CORPUS, setting)
    merges = [(-1, -1)] * BYTES + tokens.merges
    pieces = pd.DataFrame(merges, columns=["left", "right"], dtype="int32")
    pieces.insert(0, "token", pieces.index.astype("int32"))
    pieces["piece"] = [piece.decode("latin-1") for piece in tokens.pieces]
    tables.write(pieces, vocabulary, VOCABULARY, setting)


if __name__ == "__main__":
    read_corpus.main()
