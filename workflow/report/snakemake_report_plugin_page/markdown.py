"""Markdown as a part of the page: formulas typeset, sections folded, links within the page.

HTML in it is text like any other.
"""

import os
import re
from collections.abc import Iterator, Sequence, Set
from html import escape
from pathlib import Path
from typing import Any

from docutils.utils.math.latex2mathml import tex2mathml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup
from mdit_py_plugins.dollarmath import dollarmath_plugin

SUBSCRIPT = re.compile(r"(?:(?<=‖)|(?<=\b[^\W\d_]))_(\w)\b")
"""Of a norm or of one letter, where a text has its formulas in Unicode: ``‖A−Q‖_μ``, ``K_Q``."""

FORMULA = re.compile(
    r"\(?(<span class=\"math inline\">)?<math\b.*?</math>(?(1)</span>)[).,;:]*", re.DOTALL
)
"""In HTML, with the punctuation around it."""


def render(text: str, at: Path, anchors: Set[str]) -> Markup:
    """A text below the page's own headings.

    A title is left out, as the page has one. What follows another heading is folded behind it; of
    a section within another, the first paragraph stays in sight.

    Parameters
    ----------
    text : str
    at : Path
        Of the file that links are seen from. Anchors begin with its name.
    anchors : set of str
        Names of the files that are on the page.
    """
    tokens = PARSER.parse(text)
    if tokens and tokens[0].tag == "h1":
        tokens = tokens[3:]
    for token in tokens:
        if token.children:
            token.children = [one for child in token.children for one in _subscripts(child)]
            for child in token.children:
                if child.type == "link_open":
                    child.attrs["href"] = _target(str(child.attrs["href"]), at, anchors)
    return together(PARSER.renderer.render(list(_folded(tokens, at)), PARSER.options, {}))


def together(html: str) -> Markup:
    """HTML with formulas as they should be: norms in one size, no line ending at punctuation."""
    even = re.sub(r"<mo( class=\"\w+\")?>‖", r'<mo\1 stretchy="false">‖', html)
    return Markup(FORMULA.sub(r'<span class="together">\g<0></span>', even))


def anchor(path: Path, heading: str | None = None) -> str:
    """Of a file on the page, or of a heading in it."""
    words = () if heading is None else (re.sub(r"\W+", "-", heading.lower()).strip("-"),)
    return ":".join((normal(path), *words))


def normal(path: Path) -> str:
    """The path as seen from the project's folder: its name in the archive."""
    return Path(os.path.relpath(path)).as_posix()


def _typeset(formula: str, _: dict[str, Any]) -> str:
    """A formula as MathML, which browsers typeset; its source, if it is none."""
    try:
        return str(tex2mathml(formula))
    except Exception:  # of many kinds: most are no MathError
        return f"<code>{escape(formula)}</code>"


PARSER = MarkdownIt("commonmark", {"html": False}).enable("table")
PARSER.use(dollarmath_plugin, allow_labels=False, allow_digits=False, renderer=_typeset)


def _subscripts(token: Token) -> Iterator[Token]:
    """A text in pieces, with what follows an underscore lowered."""
    if token.type != "text":
        yield token
        return
    for place, piece in enumerate(SUBSCRIPT.split(token.content)):
        lowered = place % 2
        if lowered:
            yield Token("sub_open", "sub", 1)
        yield Token("text", "", 0, content=piece)
        if lowered:
            yield Token("sub_close", "sub", -1)


def _target(href: str, at: Path, anchors: Set[str]) -> str:
    """Where a link goes: to its place on the page, if the file that it names is there."""
    file, _, heading = href.partition("#")
    path = at.parent / file
    return f"#{anchor(path, heading or None)}" if file and normal(path) in anchors else href


def _folded(tokens: Sequence[Token], at: Path) -> Iterator[Token]:
    """Each section behind its heading, and each table in a box that scrolls."""
    levels: list[int] = []
    begins: dict[int, str] = {}  # after the token of that place: what is folded
    for place, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            level = int(token.tag[1])
            while levels and levels[-1] >= level:
                levels.pop()
                yield _html("</div></details>")
            last = place + 2  # after it: its text and its end
            if levels and [one.type for one in tokens[last + 1 : last + 2]] == ["paragraph_open"]:
                last += 3
                tokens[last - 2].hidden = tokens[last].hidden = True
            name = escape(anchor(at, tokens[place + 1].content))
            begins[last] = f'</summary><div id="{name}">'
            levels.append(level)
            yield _html("<details><summary>")
        if token.type.startswith("heading_"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 6)}"
        if token.type == "table_open":
            yield _html('<div class="wide">')
        yield token
        if token.type == "table_close":
            yield _html("</div>")
        if place in begins:
            yield _html(begins[place])
    yield from (_html("</div></details>") for _ in levels)


def _html(text: str) -> Token:
    return Token("html_block", "", 0, content=text)
