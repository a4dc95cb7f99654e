"""What holds for the text of every rule."""

import re
import subprocess
import sys

import pytest
from project import ROOT

from scb.rebased.similarity import SIMILARITIES

FILES = sorted((ROOT / "workflow/rules").glob("*.smk"))
RULES = {
    match[1]: match[2]
    for path in FILES
    for match in re.finditer(r"^rule (\w+):\n((?:[ \n].*\n?)*)", path.read_text(), re.MULTILINE)
}


def test_rules_are_found():
    assert {"tasks", "boost", "optimizers", "attention", "simulation", "check"} < set(RULES)
    assert {"transfer_tasks", "pretrain", "one_step", "finetune", "scratch"} < set(RULES)
    assert {"claims", "stage1", "sweep", "variant"} < set(RULES)
    assert {"recall", "kernel_columns", "kernel_claims"} < set(RULES)
    assert len(RULES) == 33


@pytest.mark.parametrize("rule", RULES)
def test_rule_is_complete(rule):
    text = RULES[rule]
    directives = set(re.findall(r"^    (\w+):", text, re.MULTILINE))
    assert directives >= {
        "input", "output", "log", "benchmark", "conda", "threads", "resources", "shell"
    }  # fmt: skip
    for resource in ("mem_mb", "runtime"):
        assert f"{resource}=" in text


@pytest.mark.parametrize("rule", RULES)
def test_job_depends_on_the_module_it_runs(rule):
    (module,) = re.findall(r"python -m ([\w.]+)", RULES[rule])
    assert f'modules=module_files("{module}")' in RULES[rule]


@pytest.mark.parametrize("rule", [rule for rule in RULES if "scb.experiments" in RULES[rule]])
def test_job_that_makes_tables_tells_where_they_come_from(rule):
    (place,) = re.findall(r'"<benchmarks>/(.*)\.tsv"', RULES[rule])
    assert f'provenance=f"<results>/{place}.provenance.json",' in RULES[rule].replace(
        '="<results>', '=f"<results>'
    )
    assert '" --provenance {output.provenance:q} > {log:q} 2>&1"' in RULES[rule]
    # It differs from run to run: a job that read it would be run again for nothing.
    assert "provenance" not in RULES[rule].split("    output:\n")[0]
    assert not re.search(r"rules\.\w+\.output,", RULES[rule])


@pytest.mark.parametrize("rule", RULES)
def test_shell_quotes_what_it_is_given(rule):
    shell = RULES[rule].split("    shell:\n")[1]
    assert "> {log:q} 2>&1" in shell
    fields = set(re.findall(r"\{[^{}]*\}", shell)) - {"{threads}"}
    assert all(field.endswith(":q}") for field in fields)


@pytest.mark.parametrize("rule", RULES)
def test_inputs_and_outputs_have_names(rule):
    for directive in ("input", "output", "params", "resources"):
        block = re.search(rf"^    {directive}:\n((?:        .*\n)+)", RULES[rule], re.MULTILINE)
        if block:
            entries = re.findall(r"^        (\S+)", block[1], re.MULTILINE)
            named = [entry for entry in entries if entry[0] not in ")]"]
            assert all(re.match(r"\w+=", entry) for entry in named)


def test_what_trains_takes_device_and_gpu_from_one_place():
    training = "boost", "optimizers", "attention", "check", "stage1", "sweep", "variant"
    transfer, kernels = (
        ("pretrain", "one_step", "finetune", "scratch"),
        ("recall", "kernel_columns"),
    )
    for rule in (*training, *transfer, *kernels):
        assert "gpu=GPU," in RULES[rule]
        assert 'device=config["device"],' in RULES[rule]
        assert "--device {resources.device:q} --threads {threads}" in RULES[rule]


def test_kernels_are_all_there_are():
    text = (ROOT / "workflow/rules/kernels.smk").read_text()
    (named,) = re.findall(r"^KERNELS = \[(.*?)\]", text, re.DOTALL | re.MULTILINE)
    assert re.findall(r'"(\w+)"', named) == list(SIMILARITIES)


def test_format():
    run = subprocess.run(
        [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr


def test_no_file_is_unpickled_and_no_text_evaluated():
    unsafe = re.compile(
        r"\b(import|from) pickle|_pickle\b|\b(torch|yaml|marshal|pickle)\.loads?\(|\b(eval|exec)\("
    )
    sources = [path for name in ("scb", "workflow") for path in (ROOT / name).rglob("*.py")]
    sources += [ROOT / "Snakefile", *(ROOT / "workflow").rglob("*.smk")]
    assert len(sources) > 50
    assert [path for path in sources if unsafe.search(path.read_text())] == []
