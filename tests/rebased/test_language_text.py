"""The corpus, its tokens and its slices, against naive references."""

import random
from collections import Counter
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scb.experiments.corpus import read_corpus
from scb.rebased import corpus
from scb.rebased.bpe import BYTES, WORD, Vocabulary
from scb.rebased.corpus import RUN, SPLITS, assemble, parts_of, split_of, standard_library
from scb.rebased.slices import repeated
from scb.rebased.tables import CORPUS, VOCABULARY
from scb.rebased.text import Text
from scb.settings.language import Tokenizing
from scb.store import tables

SOURCE = b"def twice(x):\n    return x + x\n\n\ndef thrice(x):\n    return x + x + x\n" * 3


# --- Byte pairs ---


@settings(max_examples=100, deadline=None)
@given(text=st.binary(max_size=200), learnt=st.binary(max_size=200), size=st.integers(256, 300))
def test_every_text_comes_back(text, learnt, size):
    vocabulary = Vocabulary.learn([learnt, SOURCE], size)
    assert b"".join(WORD.findall(text)) == text
    assert vocabulary.decode(vocabulary.encode(text)) == text
    assert len(vocabulary.pieces) <= size


def naive_merges(texts, size):
    """Count all pairs anew before each merge."""
    words = Counter(word for text in texts for word in WORD.findall(text))
    split = {word: tuple(word) for word in words}
    merges = []
    for token in range(BYTES, size):
        pairs = Counter()
        for word, count in words.items():
            for pair in pairwise(split[word]):
                pairs[pair] += count
        if not pairs or max(pairs.values()) < 2:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word, tokens in split.items():
            merged, at = [], 0
            while at < len(tokens):
                found = tokens[at : at + 2] == best
                merged.append(token if found else tokens[at])
                at += 2 if found else 1
            split[word] = tuple(merged)
    return merges, split


@settings(max_examples=40, deadline=None)
@given(text=st.text("abA_ \n1", max_size=120))
def test_merges_are_those_of_counting_anew(text):
    texts = [text.encode(), SOURCE]
    merges, split = naive_merges(texts, 280)
    vocabulary = Vocabulary.learn(texts, 280)
    assert vocabulary.merges == merges
    # And a text is encoded as it was split while learning.
    assert all(vocabulary.encode(word) == list(tokens) for word, tokens in split.items())


def test_commonest_pair_comes_first():
    vocabulary = Vocabulary.learn([b"abab abab ab cd"], 258)
    # Then ' ab' and 'abab' are there twice each: that of the earlier tokens comes first.
    assert vocabulary.pieces[256:] == [b"ab", b" ab"]
    assert vocabulary.encode(b"abab ab") == [256, 256, 257]
    with pytest.raises(ValueError, match="size is 255: it must be at least 256"):
        Vocabulary.learn([b"ab"], 255)


# --- Documents ---


def test_library_is_read_without_its_tests(tmp_path):
    for name in ("os.py", "json/tool.py", "json/tests/test_a.py", "site-packages/x.py", "a.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert standard_library(tmp_path) == [("json/tool.py", b"json/tool.py"), ("os.py", b"os.py")]
    names = [name for name, _ in standard_library()]
    assert {"os.py", "json/decoder.py"} <= set(names)
    assert names == sorted(names)


def lines(*numbers):
    return "".join(f"line {number}\n" for number in numbers).encode()


def documents(count, seed=0):
    """Of lines of their own, but for a few with a stretch of a common text."""
    draw = random.Random(seed)
    found = []
    for place in range(count):
        own = [1000 * (place + 1) + line for line in range(draw.randrange(1, 25))]
        if draw.random() < 0.4:
            start = draw.randrange(30)
            own[len(own) // 2 : len(own) // 2] = range(start, start + draw.randrange(5, 20))
        found.append((f"document {place}", lines(*own)))
    return found


def test_split_is_by_name_and_disjoint():
    found = documents(300)
    whole = assemble(found)
    assert assemble(found) == whole
    names = [{document.name for document in whole.documents if document.split == s} for s in SPLITS]
    assert sum(map(len, names)) == len(set.union(*names)) == len(whole.documents)
    assert all(document.split == split_of(document.name) for document in whole.documents)
    # Whatever else is there: about a tenth each is held out. False alarm 1e-4.
    counts = Counter(split_of(f"name {place}") for place in range(4000))
    assert all(abs(counts[split] - 400) < 4 * (4000 * 0.09) ** 0.5 for split in SPLITS[1:])


def test_no_held_out_document_shares_a_run_of_lines():
    """By comparing all runs of lines as text."""
    found = documents(300)
    whole = assemble(found)

    def runs(text):
        stripped = [line.strip() for line in text.decode().splitlines() if line.strip()]
        return {tuple(stripped[at : at + RUN]) for at in range(max(1, len(stripped) - RUN + 1))}

    kept = {document.name for document in whole.documents}
    earlier, leaks = set(), 0
    for split in SPLITS:
        mine = [(name, runs(text)) for name, text in found if split_of(name) == split]
        clean = [(name, some) for name, some in mine if split == "train" or not some & earlier]
        assert {name for name, _ in clean} == {name for name, _ in mine if name in kept}
        leaks += len(mine) - len(clean)
        earlier |= set().union(*(some for _, some in clean))
    assert whole.leaks == leaks > 3


def test_what_is_there_twice_counts_once():
    found = [("b", b"same\n"), ("a", b"same\n"), ("c", b"other\n")]
    whole = assemble(found)
    assert whole.duplicates == 1
    assert "a" not in {document.name for document in whole.documents}


def test_digest_is_of_names_and_texts():
    one = assemble([("a", b"x"), ("b", b"y")])
    assert one.digest == assemble([("a", b"x"), ("b", b"y")]).digest
    others = ([("a", b"x"), ("c", b"y")], [("a", b"x"), ("b", b"z")], [("ab", b"x"), ("b", b"y")])
    assert len({one.digest, *(assemble(other).digest for other in others)}) == 4


def test_parts_of_a_file_are_all_of_it(tmp_path):
    path = tmp_path / "text"
    for count in (0, 1, 99, 100, 101, 1234):
        path.write_bytes(lines(*range(count)))
        parts = parts_of(path)
        assert len(parts) <= corpus.PARTS
        assert b"".join(text for _, text in parts) == path.read_bytes()
    assert parts[1][0] == "line 14"


# --- Tables ---


@pytest.fixture(scope="module")
def made(tmp_path_factory, call):
    """A corpus of a text of random words, and its tables."""
    folder = tmp_path_factory.mktemp("corpus")
    draw = random.Random(1)
    words = ["".join(draw.choices("abcde", k=draw.randrange(1, 5))) for _ in range(40)]
    rows = (" ".join(draw.choices(words, k=8)) + "\n" for _ in range(1500))
    (folder / "text").write_text("".join(rows))
    files = {"corpus": "corpus", "vocabulary": "vocabulary"}
    call(read_corpus, Tokenizing(vocabulary=300), folder, f"--text={folder / 'text'}", **files)
    return folder


@pytest.fixture(scope="module")
def text(made):
    return Text.read(made / "corpus.parquet", made / "vocabulary.parquet")


def test_tables_hold_the_text(made, text):
    frame = tables.read(made / "corpus.parquet", CORPUS)
    pieces = tables.read(made / "vocabulary.parquet", VOCABULARY)["piece"]
    parts = dict(parts_of(made / "text"))
    for _, row in frame.iterrows():
        found = b"".join(pieces[token].encode("latin-1") for token in row["tokens"])
        assert found == parts[row["document"]]
        assert len(found) == row["size"]
    assert len(pieces) == len(text.sizes) == text.setting["vocabulary"]
    for split in SPLITS:
        assert int(text.sizes[text.tokens[split]].sum()) == text.setting["bytes"][split]
    whole = assemble(parts_of(made / "text"))
    assert text.setting["corpus_sha256"] == whole.digest


def test_held_out_sequences_are_of_their_split(text):
    held_out = text.held_out("test", 8, 10**6, 4)
    stream = text.tokens["test"]
    assert torch.equal(held_out.tokens.flatten(), stream[: held_out.tokens.numel()])
    assert held_out.tokens.shape[1] == 9
    assert torch.equal(held_out.sizes, text.sizes[held_out.tokens[:, 1:]])
    few = text.held_out("test", 8, 3, 4)
    whole = len(stream) // 9
    assert torch.equal(few.tokens, held_out.tokens[[0, whole // 3, 2 * whole // 3]])
    drawn = text.draw(50, 8, torch.Generator().manual_seed(0))
    windows = text.tokens["train"].unfold(0, 9, 1)
    assert all((windows == row).all(1).any() for row in drawn)


def test_short_text_is_refused_in_one_line(text):
    longest = min(len(tokens) for tokens in text.tokens.values())
    text.require_length(longest - 1)
    with pytest.raises(ValueError, match=f"has {longest} tokens: it must have more than the cont"):
        text.require_length(longest)


# --- Repeated bigrams ---


@settings(max_examples=60, deadline=None)
@given(
    sequence=st.lists(st.integers(0, 4), min_size=2, max_size=20),
    training=st.lists(st.integers(0, 4), min_size=2, max_size=40),
    rare=st.integers(0, 3),
)
def test_slice_by_definition(sequence, training, rare):
    counts = Counter(pairwise(training))
    expected = [
        (before, token) in pairwise(sequence[:at]) and counts[before, token] <= rare
        for at, (before, token) in enumerate(pairwise(sequence), start=1)
    ]
    found = repeated(torch.tensor([sequence, sequence]), torch.tensor(training), 5, rare)
    assert found.tolist() == [expected, expected]
