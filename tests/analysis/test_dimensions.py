"""Readings as data."""

from pathlib import Path

import pytest

from scb.analysis.readings import (
    READINGS,
    STREAM,
    default,
    group_of,
    groups,
    markdown,
    readings,
)
from scb.data.samplers import SAMPLERS, WEIGHTS

DOCUMENT = Path(__file__).parents[2] / "docs/readings.md"


def test_universes_and_groups_are_all_combinations():
    found = list(readings())
    assert len(found) == 5 * 2 * 2 * 3 * 2 * 2 * 2 * 4 == 1920
    assert len({tuple(reading.items()) for reading in found}) == len(found)
    assert len(groups()) == 5 * 2 * 2
    assert {group_of(reading) for reading in found} == set(groups())
    assert found[0] == default()


def test_every_option_has_its_evidence_and_its_place_in_the_document():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert text.endswith(markdown())
    for dimension in READINGS:
        assert len(set(dimension.names)) == len(dimension.names) > 1
        for option in dimension.options:
            assert len(option.evidence) > 20
            assert option.evidence in text
    assert f"{len(list(readings()))} universes, in {len(groups())} groups" in " ".join(text.split())


def test_samplers_and_weights_are_those_that_tasks_can_be_drawn_by():
    sampler, weights, _ = STREAM
    assert set(sampler.names) <= set(SAMPLERS)  # one more is no reading yet
    assert set(weights.names) <= set(WEIGHTS)


@pytest.mark.parametrize("dimension", READINGS, ids=lambda dimension: dimension.name)
def test_name_of_a_group_tells_its_options_apart(dimension):
    assert not any("_" in name for name in dimension.names)
