"""The picture of the rules."""

from project import FIGURES, GATHERING

from workflow.jobs import BEST
from workflow.rulegraph import arrows, flowchart, picture, shortest

GRAPH = """\
---
title: DAG
---
flowchart TB
\tid0[all]
\tid1[draw_fig6]
\tid2[draw_fig6_best]
\tid3[tasks]
\tid4[claims]
\tstyle id0 fill:#D95757,stroke-width:2px,color:#333333
\tid1 --> id0
\tid2 --> id0
\tid4 --> id0
\tid3 --> id2
\tid3 --> id1
\tid3 --> id4
"""


def test_figures_drawn_at_two_settings_are_one_node_and_targets_none():
    drawn = flowchart(arrows(GRAPH))
    assert drawn.splitlines() == [
        "```mermaid",
        "flowchart LR",
        "    tasks --> claims",
        "    tasks --> fig6([fig6])",
        "```",
    ]


def test_order_of_snakemake_does_not_show():
    head, *lines = GRAPH.split("\tid", 1)
    shuffled = "\n".join([head, *reversed(("\tid" + lines[0]).splitlines())])
    assert flowchart(arrows(shuffled)) == flowchart(arrows(GRAPH))


def test_arrows_that_follow_from_others_are_left_out():
    chain = {("a", "b"), ("b", "c"), ("c", "d")}
    assert shortest(chain | {("a", "c"), ("a", "d"), ("b", "d")}) == chain
    diamond = {("a", "b"), ("a", "c"), ("b", "d"), ("c", "d")}
    assert shortest(diamond) == diamond


def test_every_rule_of_all_is_in_the_picture(fresh, planned):
    drawn = picture(fresh.root)
    text = drawn.split()
    for figure, target in FIGURES.items():
        name = figure.removesuffix(BEST)
        assert (f"{name}([{name}])" in text) == (target == "all"), figure
    jobs = {job.rule for job in planned if not job.rule.startswith("draw_")}
    assert {"tasks", "boost", "optimizers", "claims"} <= jobs & set(text)
    assert not set(GATHERING) & set(text)
