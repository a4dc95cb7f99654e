"""Byte-pair encoding: text as tokens of a few bytes each, learnt on the training split.

Sennrich, Haddow and Birch, *Neural Machine Translation of Rare Words with Subword Units*, 2016,
on bytes. Every text can be encoded, and decoding gives the same bytes back.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise

from scb.store.progress import progress

BYTES = 256
"""Tokens that are one byte; every text has an encoding by them."""

Pair = tuple[int, int]

WORD = re.compile(rb" ?[A-Za-z]+|[0-9]| ?[^\sA-Za-z0-9]+|\n *|\s")
"""No token crosses the end of a word: letters, a digit, signs, or a new line's indentation."""


class Vocabulary:
    """Tokens 0 to 255 are bytes; token ``256 + i`` is the i-th pair of earlier tokens.

    Parameters
    ----------
    merges : list of pairs of int
        In the order in which they were learnt.

    Attributes
    ----------
    merges : list of pairs of int
    pieces : list of bytes
        What each token stands for.
    """

    def __init__(self, merges: Sequence[Pair]) -> None:
        self.merges = list(merges)
        self.pieces = [bytes([byte]) for byte in range(BYTES)]
        for left, right in merges:
            self.pieces.append(self.pieces[left] + self.pieces[right])
        self._tokens = {pair: BYTES + place for place, pair in enumerate(merges)}
        self._words: dict[bytes, list[int]] = {}  # encoded so far

    @classmethod
    def learn(cls, texts: Iterable[bytes], size: int) -> "Vocabulary":
        """Merge the commonest pair of neighbours again and again, until there are ``size`` tokens.

        Of equally common pairs the one of the earlier tokens comes first. It stops before
        ``size`` where no pair occurs twice.

        Parameters
        ----------
        texts : iterable of bytes
        size : int
            At least 256.

        Raises
        ------
        ValueError
            If ``size`` is less than the number of bytes.
        """
        if size < BYTES:
            raise ValueError(f"size is {size}: it must be at least {BYTES}")
        counted: Counter[bytes] = Counter()
        for text in texts:
            counted.update(WORD.findall(text))
        words, counts = [list(word) for word in counted], list(counted.values())
        pairs: Counter[Pair] = Counter()
        places: defaultdict[Pair, set[int]] = defaultdict(set)  # words that have the pair
        for place, (word, count) in enumerate(zip(words, counts, strict=True)):
            for pair in pairwise(word):
                pairs[pair] += count
                places[pair].add(place)
        merges: list[Pair] = []
        for token in progress(range(BYTES, size), "vocabulary"):
            most = max(pairs.values(), default=0)
            if most < 2:
                break
            best = min(pair for pair, count in pairs.items() if count == most)
            merges.append(best)
            for place in places.pop(best):
                word, count = words[place], counts[place]
                merged = _merged(word, best, token)
                for pair in pairwise(word):
                    pairs[pair] -= count
                for pair in pairwise(merged):
                    pairs[pair] += count
                    places[pair].add(place)
                words[place] = merged
            del pairs[best]
        return cls(merges)

    def encode(self, text: bytes) -> list[int]:
        """The tokens of a text: in each word, pairs are merged in the order of learning."""
        tokens: list[int] = []
        for word in WORD.findall(text):
            if word not in self._words:
                self._words[word] = self._encode(word)
            tokens += self._words[word]
        return tokens

    def decode(self, tokens: Iterable[int]) -> bytes:
        """The text of some tokens."""
        return b"".join(self.pieces[token] for token in tokens)

    def _encode(self, word: bytes) -> list[int]:
        tokens, none = list(word), len(self.pieces)
        while len(tokens) > 1:
            pair = min(pairwise(tokens), key=lambda pair: self._tokens.get(pair, none))
            if pair not in self._tokens:
                break
            tokens = _merged(tokens, pair, self._tokens[pair])
        return tokens


def _merged(tokens: Sequence[int], pair: Pair, token: int) -> list[int]:
    """``token`` in the place of each ``pair``, from left to right."""
    merged: list[int] = []
    for each in tokens:
        if merged and (merged[-1], each) == pair:
            merged[-1] = token
        else:
            merged.append(each)
    return merged
