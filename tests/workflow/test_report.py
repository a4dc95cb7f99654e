"""The report: one archive, opened without a network, with all that the rules mark for it."""

import base64
import importlib
import json
import platform
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from html import escape, unescape
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from types import SimpleNamespace
from zipfile import ZipFile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from docutils.core import publish_parts
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, StrictUndefined
from project import CONFIG, ROOT, SETTINGS, Project

from scb.experiments.job import describe, resolve_device
from scb.store import provenance

CAPTIONS = ROOT / "workflow/report"
REPORTER = ("--reporter", "page", "--report-page-path")


class Page(HTMLParser):
    """Pictures, links, anchors, headings and the text of a page, in order."""

    def __init__(self, text: str):
        super().__init__()
        self.images: dict[str, str] = {}
        self.links: list[str] = []
        self.anchors: list[str] = []
        self.folds: list[str] = []
        """Summaries of what is folded."""
        self.unfolded: list[int] = []
        """Rows of each table that is not."""
        self.formulas: list[str] = []
        self.text = ""
        self.within: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        assert tag not in ("script", "link", "iframe"), tag  # nothing to load, nothing to run
        if tag == "img":
            self.images[found["alt"]] = found["src"]
        if "href" in found:
            self.links.append(found["href"])
        if "id" in found:
            self.anchors.append(found["id"])
        if tag in ("details", "summary", "math"):
            self.within.append(tag)
        if tag == "summary":
            self.folds.append("")
        if tag == "math":
            self.formulas.append("")
        if tag in ("table", "tr") and "details" not in self.within:
            self.unfolded = (
                [*self.unfolded, 0]
                if tag == "table"
                else [
                    *self.unfolded[:-1],
                    self.unfolded[-1] + 1,
                ]
            )

    def handle_endtag(self, tag):
        if tag in ("details", "summary", "math"):
            assert self.within.pop() == tag

    def handle_data(self, data):
        if "math" in self.within:
            data = data.strip()
            self.formulas[-1] += data
        if "summary" in self.within:
            self.folds[-1] += data
        self.text += data


class Report:
    def __init__(self, project: Project, path: Path):
        run = project.run(*REPORTER, str(path), pythonpath="workflow/report")
        assert run.returncode == 0, run.stdout
        with ZipFile(path) as archive:
            names = archive.namelist()
            self.files = {name.removeprefix("report/"): archive.read(name) for name in names}
        self.html = self.files["index.html"].decode()
        self.page = Page(self.html)

    def section(self, anchor: str) -> str:
        """The part of the page from an anchor to the next figure or section."""
        start = self.html.index(f'id="{anchor}"')
        return re.split(r"<figure |<section ", self.html[start:])[0]


@pytest.fixture(scope="module")
def report(smoke, tmp_path_factory):
    return Report(smoke, tmp_path_factory.mktemp("report") / "report.zip")


@pytest.fixture(scope="module")
def figures(smoke):
    return sorted((smoke.root / "smoke/figures").glob("*.png"))


@pytest.fixture(scope="module")
def summary(smoke):
    """What Snakemake says of each file, a line each."""
    run = smoke.snakemake("--detailed-summary")
    assert run.returncode == 0, run.stdout
    return run.stdout


def test_every_figure_is_on_the_page_itself(report, figures):
    assert len(figures) >= 6
    for path in figures:
        kind, data = report.page.images[path.stem].split(",")
        assert kind == "data:image/png;base64"
        assert base64.b64decode(data) == path.read_bytes()


def test_every_figure_has_its_caption_setting_and_tables(report, summary, figures):
    for path in figures:
        part = report.section(f"smoke/figures/{path.name}")
        caption = part.split("<figcaption>")[1].split("</figcaption>")[0]
        assert len(re.sub("<[^>]*>", "", caption).split()) > 20, path.stem
        (row,) = re.findall(rf"^smoke/figures/{path.name}\t.*", summary, re.MULTILINE)
        drawn_from = set(re.findall(r"[\w/]+\.parquet", row))
        assert drawn_from
        named = re.findall(r"<code>([\w/]+\.parquet)</code>", part.split("<details")[1])
        assert len(named) == len(set(named))
        assert set(named) == drawn_from
        settings = re.findall(r"<td>(.*?)</td></tr>", part.split("<details")[1])
        assert len(settings) == len(named)
        assert all(re.search(r"length \[?\d+", setting) for setting in settings), settings
        assert re.search(r"files? behind it, [\d.]+ (s|min) of jobs", " ".join(part.split()))


def test_captions_tell_the_settings_of_this_run(report):
    assert report.page.formulas.count("T=40") >= 4
    assert "with 2 replicates" in " ".join(report.page.text.split())
    assert "snakemake.config" not in report.html


def test_links_stay_within_the_archive(report):
    assert len(set(report.page.anchors)) == len(report.page.anchors)
    for link in report.page.links:
        if link.startswith("#"):
            assert link[1:] in report.page.anchors
        else:
            assert link in report.files, link
    for name in report.files:
        assert not PurePosixPath(name).is_absolute()
        assert ".." not in PurePosixPath(name).parts


def test_a_summary_comes_first_and_counts_the_claims(report, smoke):
    headings = re.findall("<h2>(.*?)</h2>", report.html)
    assert headings == ["Does the paper hold?", "Figures", "Claims", "Run times", "Provenance"]
    claims = pq.read_table(smoke.root / "smoke/results/claims.parquet").to_pandas()
    of_paper = claims[claims["paper"]]
    counts = of_paper["printed"].value_counts()
    told = Page(report.section("summary"))
    said = " ".join(told.text.split())
    assert (
        f"As printed, {counts.get('reproduced', 0)} of the paper's {len(of_paper)} claims" in said
    )
    assert f"{counts.get('not reproduced', 0)} not reproduced and" in said
    assert f"and {counts.get('undecided', 0)} undecided." in said
    named = [link.rpartition(":")[2] for link in told.links if link.startswith("#smoke/results")]
    assert sorted(named) == sorted(claims["id"].str.lower())


def test_every_claim_has_a_row(report, smoke):
    claims = pq.read_table(smoke.root / "smoke/results/claims.parquet")["id"].unique().to_pylist()
    assert set(claims) >= {f"C{number}" for number in range(1, 12)}
    rows = re.findall(r"<tr>\s*<td>(\w+)</td>", report.section("smoke/results/claims.md"))
    assert rows[: len(claims)] == claims


def test_statistics_and_long_tables_are_folded(report, smoke):
    claims = pq.read_table(smoke.root / "smoke/results/claims.parquet").to_pandas()
    assert report.page.unfolded == [1 + len(claims)]  # the verdicts alone
    folds = [" ".join(fold.split()) for fold in report.page.folds]
    assert {"How they are judged", "Every statistic"} <= {*folds}
    for _, row in claims.iterrows():
        (fold,) = (fold for fold in folds if fold.startswith(f"{row['id']} "))
        assert len(fold) > len(row["id"]) + 20  # with the claim's sentence
    assert re.search("<details[^>]*open", report.html) is None


def test_formulas_are_typeset(report):
    assert "$" not in report.page.text
    assert "`" not in report.page.text
    assert "\\" not in report.page.text
    assert {"‖A−Q‖μ", "αV,αA>0", "λ"} <= {*report.page.formulas}
    assert "problematic" not in report.html
    assert "system-message" not in report.html
    # Written in Unicode: subscripts are lowered, nothing else.
    assert not re.search(r"[‖∣KαΔ]_", report.page.text)
    assert "‖V−P‖<sub>μ</sub>" in report.html


@pytest.mark.parametrize("path", sorted(CAPTIONS.glob("*.rst")), ids=lambda path: path.stem)
def test_symbols_in_captions_are_formulas(path):
    """What the figures' legends have as a formula is one in the caption too."""
    text = re.sub(r"\{%.*?%\}|\{\{.*?\}\}|`[^`]*`", "", path.read_text(), flags=re.DOTALL)
    found = re.findall(r"\b(?:eta|lambda|mu|theta|(?:alpha|Delta|K)_\w)\b|\b[PQVTNB] = |\|", text)
    assert found == []
    snakemake = SimpleNamespace(config=CONFIG, params={"name": path.stem})
    environment = Environment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    caption = environment.from_string(path.read_text())
    options = {"math_output": "MathML", "halt_level": 2, "_disable_config": True}  # warnings raise
    text = caption.render(snakemake=snakemake)
    page = Page(publish_parts(text, writer_name="html", settings_overrides=options)["body"])
    assert not re.search(r"[`$\\\\]|\d[eE]-\d", page.text)  # 1e-05 is no number of a text


def test_tables_in_the_archive_are_those_of_the_run(report, smoke, summary, figures):
    # All that figures and claims are made from, and the claims.
    marked = ["smoke/results/claims.md", *(f"smoke/figures/{path.name}" for path in figures)]
    judged = json.loads((smoke.root / "smoke/results/claims.provenance.json").read_text())
    used = {name for name in judged["outputs"] if name.endswith(".parquet")}
    assert used
    for name in marked:
        (row,) = re.findall(rf"^{name}\t.*", summary, re.MULTILINE)
        inputs = row.split("\t")[4].split(",")
        used |= {name for name in inputs if name.endswith(".parquet")}
    assert used == set(re.findall(r"<code>([\w/]+\.parquet)</code>", report.html))
    found = {name for name in report.files if name.endswith(".parquet")}
    assert found == used
    for name in found:
        assert report.files[name] == (smoke.root / name).read_bytes()


def test_every_job_has_a_run_time(report, smoke):
    benchmarks = list((smoke.root / "smoke/results/benchmarks").rglob("*.tsv"))
    rows = report.section("times").split("<tbody>")[1].split("</tbody>")[0]
    assert rows.count("<tr>") == len(benchmarks)
    assert "<td>optimizers vocabulary_20</td>" in rows


def test_every_table_has_provenance(report, smoke):
    results = smoke.root / "smoke/results"
    told = {}
    for path in results.rglob("*.provenance.json"):
        record = json.loads(path.read_text())
        told |= record["outputs"]
        assert record["seed"] in (SETTINGS.seed, None)
        assert record["command"].startswith("python -m scb.")
        assert str(path.relative_to(smoke.root)) in report.files
    tables = {str(path.relative_to(smoke.root)) for path in results.rglob("*.parquet")}
    assert tables == {name for name in told if name.endswith(".parquet")}
    part = report.section("provenance")
    assert part.count(">as recorded<") == len(list(results.rglob("*.provenance.json")))
    assert 'class="differs"' not in part
    assert "All tables are as recorded" in part
    assert f"torch {record['versions']['torch']}" in part


def test_provenance_says_what_ran_where_and_when(report, smoke):
    command = ["git", "-C", str(smoke.root), "rev-parse", "HEAD"]
    commit = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    device = describe(resolve_device("auto"))
    part = unescape(report.section("provenance"))
    paths = list((smoke.root / "smoke/results").rglob("*.provenance.json"))
    for path in paths:
        record = json.loads(path.read_text())
        assert record["git"] == {"commit": commit, "dirty": False}
        assert record["settings_sha256"] == provenance.digest(record["settings"])
        assert record["device"] == (device if "--device" in record["command"] else "cpu")
        assert record["versions"] == provenance.versions()
        started, ended = (datetime.fromisoformat(record[name]) for name in ("started", "ended"))
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        assert started <= ended <= written < ended + timedelta(minutes=1)  # of a busy machine

        (row,) = re.findall(
            rf'^<tr><td><a href="{path.relative_to(smoke.root)}">.*?</tr>$',
            part,
            re.MULTILINE | re.DOTALL,
        )
        cells = re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL)
        assert cells[3:] == [
            f"<code>{record['settings_sha256'][:12]}</code>",
            record["device"],
            "1",
            f"<code>{commit[:12]}</code>",
            f"{started:%Y-%m-%d %H:%M:%S}",
            f"{ended:%H:%M:%S}",
        ]
    assert all(f"{name} {number}" in part for name, number in provenance.versions().items())
    assert platform.platform() in part


def test_settings_are_those_in_force(report, smoke, tmp_path):
    (again := tmp_path / "again.yaml").write_bytes(report.files["settings.yaml"])
    run = smoke.snakemake("--dry-run", settings=(str(again),))
    assert "Nothing to be done" in run.stdout, run.stdout


CLAIMS = """
rule verdicts:
    input:
        curves=rules.boost.output.curves.format(section="convergence"),
    output:
        table="<results>/verdicts.parquet",
        text=report(
            "<results>/verdicts.md",
            category="Claims",
            caption="hostile.rst",
            labels={"table": "Verdicts", "settings": "<script>"},
        ),
        short=report("<results>/short.parquet", category="Appendix"),
    shell:
        "cp verdicts.md {output.text:q}; cp short.parquet {output.short:q}; touch {output.table:q}"


use rule all as everything with:
    default_target: True
    input:
        rules.all.input,
        rules.verdicts.output,
"""


def test_what_a_new_rule_marks_is_shown_and_claims_come_first(done):
    snakefile = done.root / "Snakefile"
    marked = snakefile.read_text().replace("    default_target: True\n", "")
    snakefile.write_text(marked + CLAIMS)
    (done.root / "verdicts.md").write_text(
        "# Judged\n\n## Verdicts\n\n| id | figure |\n|---|---|\n"
        "| C1 | [figure 1](../figures/fig1_convergence.png) |\n"
        "| C2 | <script>alert(2)</script> |\n\n<script>alert(3)</script>\n"
    )
    (done.root / "hostile.rst").write_text("A caption. <script>alert(4)</script>\n")
    pq.write_table(pa.table({"a<b": [0.123456, None]}), done.root / "short.parquet")
    run = done.snakemake()
    assert run.returncode == 0, run.stdout
    tampered = done.root / "smoke/results/convergence/tasks.parquet"
    pq.write_table(pq.read_table(tampered), tampered, compression="none")
    distrusted = done.root / "smoke/results/convergence/boost.provenance.json"
    record = json.loads(distrusted.read_text())
    distrusted.write_text(json.dumps(record | {"git": {"fault": "fatal: <dubious>"}}))
    html = (report := Report(done, done.root / "report.zip")).html
    headings = re.findall("<h2>(.*?)</h2>", html)
    assert headings[0] == "Does the paper hold?"
    assert headings[-2:] == ["Run times", "Provenance"]
    assert {"Appendix", "Claims"} <= {*headings}
    assert "Judged" not in html  # the label is the title
    assert "<details><summary><h4>Verdicts</h4>" in html
    assert '<td><a href="#smoke/figures/fig1_convergence.png">figure 1</a></td>' in html
    assert "<th>a&lt;b</th>" in html
    assert "<tr><td>0.1235</td></tr><tr><td></td></tr>" in html
    assert "smoke/results/verdicts.parquet" in report.files
    assert report.section("provenance").count('<td class="differs"') == 1
    assert "Not as recorded: the tables of tasks convergence." in report.section("provenance")
    assert "<td>fatal: &lt;dubious&gt;</td>" in report.section("provenance")
    for number in (2, 3, 4):
        assert html.count(f"&lt;script&gt;alert({number})&lt;/script&gt;") == 1


def test_path_must_be_an_archive(smoke, tmp_path):
    path = tmp_path / "report.html"
    run = smoke.run(*REPORTER, str(path), pythonpath="workflow/report")
    assert run.returncode != 0
    assert f"--report-page-path is {path}: it must end in .zip" in run.stdout
    assert not path.exists()


@pytest.fixture(scope="module")
def plugin():
    """The module that writes the page."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "workflow/report")
        # Docutils is told of the page's formulas by a variable, for this process alone.
        patch.setenv("DOCUTILSCONFIG", "")
        yield importlib.import_module("snakemake_report_plugin_page")


@pytest.fixture(scope="module")
def render(plugin):
    """Markdown, as on the page: ``render(text, anchors=())``, of a file in ``results``."""
    return lambda text, anchors=(): str(plugin.render(text, Path("results/x.md"), {*anchors}))


class Tags(HTMLParser):
    """Tags and attributes of a text, which must hold no comment."""

    def __init__(self, text: str):
        super().__init__()
        self.found: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found |= {tag, *(name for name, _ in attrs)}

    def handle_comment(self, data):
        raise AssertionError(data)


WRITTEN = st.sampled_from(
    [
        *(
            "<script>",
            "</script>",
            "<b onclick=x>",
            "<!--",
            "-->",
            "<!-- claims: begin -->",
            "&lt;",
        ),
        *(
            "<img src=x onerror=y>",
            "<?php",
            "<![CDATA[",
            "<a\nhref=x>",
            "[x](javascript:y)",
            "<x@y>",
        ),
        *(
            "| a | b |\n|---|---|\n| ",
            " | ",
            "\n",
            "\n\n",
            "# ",
            "- ",
            "> ",
            "1. ",
            "    ",
            "`",
            "```",
        ),
        *("*", "**", "word", "[x](y)", "---", "\\", "\0"),
        *("$", "$$", "$x$", "{", "}", "^", "_", "\\frac", "\\text{<b>}", "\\\\", "&", "‖_μ", "K_Q"),
        *("## x\n", "\n=\n", "> ## y\n\n"),
    ]
)
MARKDOWN = {
    *("h1", "h2", "h3", "h4", "h5", "h6", "p", "a", "href", "code", "class", "pre", "em", "strong"),
    *("ul", "ol", "li", "start", "hr", "br", "blockquote", "table", "thead", "tbody"),
    *("tr", "th", "td", "div", "span", "sub", "details", "summary", "id"),
    *("math", "mrow", "mi", "mn", "mo", "mtext", "msub", "msup", "msubsup", "mfrac", "mover"),
    *("mtable", "mtr", "mtd", "xmlns", "display", "stretchy", "form", "movablelimits"),
}


@given(st.lists(WRITTEN, max_size=12).map("".join))
def test_nothing_written_in_markdown_becomes_html(render, text):
    html = render(text)
    assert Tags(html).found <= MARKDOWN
    assert not re.search(r'(href|src)="\s*javascript:', html)


def test_a_formula_in_markdown_is_mathml(render):
    html = render(r"At $\lambda = 10^{-4}$ the norm $\|A - Q\|_\mu$ is 2 \$ of 3 \$.")
    assert Page(html).formulas == ["λ=10−4", "‖A−Q‖μ"]
    assert re.sub(r"\s", "", "<msup><mn>10</mn><mrow><mo>−</mo><mn>4</mn></mrow></msup>") in re.sub(
        r"\s", "", html
    )
    assert "is 2 $ of 3 $." in html


@pytest.mark.parametrize("formula", [r"\frac{a}", "^", r"\nosuch", "&", r"\begin{x}", "a<b^"])
def test_a_formula_that_is_none_stays_as_it_is(render, formula):
    assert f"<code>{escape(formula)}</code>" in render(f"${formula}$")


def test_subscripts_of_norms_and_letters_are_lowered(render):
    html = render("‖A−Q‖_μ < 0.1 √K_Q, (α_V+α_A)/2, ‖Δ_A‖; not a_name, name_a, `K_Q` or my_x_y")
    assert re.findall("(.)<sub>(.*?)</sub>", html) == [*zip("‖KααΔ", "μQVAA", strict=True)]
    assert "not a_name, name_a, <code>K_Q</code> or my_x_y" in html


def test_sections_fold_and_links_go_to_them(render):
    html = render(
        "# Title\n\nseen\n\n## Part\n\nfolded\n\n### One\n\nits sentence\n\n| a |\n|---|\n\n"
        "## Next\n\n[One](y.md#one) [whole](y.md) [else](z.md#one)\n",
        {"results/y.md"},
    )
    text = re.sub(r"\n", "", html)
    assert text.startswith(
        '<p>seen</p><details><summary><h4>Part</h4></summary><div id="results/x.md:'
    )
    assert "<h5>One</h5>its sentence</summary>" in text
    assert text.count("<details>") == text.count("</div></details>") == 3
    assert 'href="#results/y.md:one"' in text
    assert 'href="#results/y.md"' in text
    assert 'href="z.md#one"' in text


def test_the_published_claims_have_no_formula_left(render):
    for path in sorted((ROOT / "docs/gallery").glob("*claims.md")):
        text = path.read_text()
        page = Page(render(text))
        assert "$" not in page.text
        assert len(page.formulas) == len(re.findall(r"\$[^$]+\$", text))
        assert "<code>\\" not in render(text)


PROBE = """<script>
const loaded = [...document.images].filter(image => image.naturalWidth > 100).map(i => i.alt);
const boxes = [...document.images].map(i => i.closest("figure").getBoundingClientRect());
const page = [document.documentElement.scrollWidth, boxes[0].top, ...boxes.map(box => box.height)];
document.title = loaded.join(" ") + " | " + page.map(Math.round).join(" ");
</script>"""
SCREEN = (1200, 900)


def test_a_browser_shows_every_figure(report, figures, tmp_path):
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no chromium: the page was not opened in a browser")
    page = tmp_path / "index.html"
    page.write_text(report.html.replace("</body>", f"{PROBE}</body>"))
    size = ",".join(map(str, SCREEN))
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--window-size={size}"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=120)
    (title,) = re.findall("<title>(.*?)</title>", run.stdout)
    loaded, sizes = title.split(" | ")
    assert {path.stem for path in figures} <= set(loaded.split())
    width, first, *heights = map(int, sizes.split())
    assert width <= SCREEN[0]  # wide tables scroll by themselves
    assert first < 2 * SCREEN[1]  # screens down from the top
    assert max(heights) < 2 * SCREEN[1]  # each with its caption


def test_the_smallest_tables_go_into_the_archive_while_there_is_room(tmp_path, monkeypatch, plugin):
    monkeypatch.setattr(plugin, "ROOM", 18)
    paths = [tmp_path / name for name in "abcd"]
    for path, size in zip(paths, (10, 7, 4, 6), strict=True):
        path.write_bytes(b"x" * size)
    assert [path.name for path in plugin._fit(paths)] == ["c", "d", "b"]
