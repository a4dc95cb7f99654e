"""Numbers of config.yaml that claim to come from a closed form do."""

from functools import cache
from pathlib import Path

import pytest
import yaml

from scb import Task
from scb.settings.training import Tasks
from scb.settings.whole import Settings
from scb.theory.boosting import largest_boosting_rate
from scb.theory.population import (
    balancing_penalty,
    boost_signal_to_noise,
    largest_stable_rate,
    trajectory,
)
from scb.theory.transfer import start_samples

CONFIG = Settings.model_validate(
    yaml.safe_load((Path(__file__).parents[2] / "config.yaml").read_text())
)
TUNING = CONFIG.multiverse.seed


@pytest.fixture(scope="module")
def config():
    return CONFIG


def tasks_of(section):
    """Tasks on the tuning seed, by which values were fixed; four of them at N = 500."""
    replicates = 4 if section.states == 500 else 32
    return drawn(Tasks.of(section, replicates=replicates, seed=TUNING).as_json())


@cache
def drawn(settings):
    """Tasks of settings in JSON, once for all that ask for them."""
    return Task.draw(Tasks.model_validate_json(settings))


def one_digit(number):
    return float(f"{float(number):.0e}")


def stable_rate(section):
    """Half of the largest stable rate."""
    return largest_stable_rate(tasks_of(section), section.batch).min() / 2


def balance(section, rate):
    """The lambda that balances the noise, to one digit."""
    return one_digit(balancing_penalty(tasks_of(section), section.batch, rate).median())


def boosting_rate(section):
    return one_digit(largest_boosting_rate(tasks_of(section), section.batch).median())


@pytest.mark.parametrize("name", ["vocabulary_10", "vocabulary_20"])
def test_rates_of_figure_5_are_the_largest_at_which_stage_1_works(config, name):
    section = config.training[name]
    assert section.boost.rate == boosting_rate(section)
    assert section.boost.rate < stable_rate(section)
    assert section.optimizers["sgd"].rate == section.boost.rate / 2


def test_the_rate_of_figure_1_is_below_it(config):
    smallest, paper = config.training["vocabulary_3"], config.training["convergence"]
    largest = largest_boosting_rate(tasks_of(smallest), smallest.batch).median()
    assert largest > paper.boost.rate
    assert smallest.boost.rate == paper.boost.rate == 0.01


@pytest.mark.parametrize("name", ["simulation_100", "simulation_500"])
def test_rates_of_figure_6_are_stable(config, name):
    section = config.simulation[name]
    assert section.boost.rate <= stable_rate(section)


@pytest.mark.parametrize("name", ["vocabulary_10", "vocabulary_20"])
def test_larger_penalties_of_figure_5_balance_the_noise(config, name):
    section = config.training[name]
    chosen = section.optimizers["proximal_large"]
    assert chosen.penalty == balance(section, chosen.rate)


@pytest.mark.parametrize("name", ["simulation_100", "simulation_500"])
def test_penalties_of_figure_6_balance_the_noise(config, name):
    section = config.simulation[name]
    assert section.penalty == balance(section, section.rate)


def test_the_larger_penalty_of_figure_1_is_close_to_it(config):
    """Ten times the printed one, where the closed form gives 9e-5."""
    assert balance(config.training["vocabulary_3"], 0.005) == 9e-5
    for name in ("convergence", "vocabulary_3"):
        large = config.training[name].optimizers["proximal_large"]
        assert (large.rate, large.penalty) == (0.005, 1e-4)


@pytest.mark.parametrize("name", ["simulation_100", "simulation_500"])
def test_the_population_path_of_figure_6_runs_as_commented(config, name):
    section = config.simulation[name]
    boost = section.boost
    rates = [boost.rate] * boost.steps + [section.rate] * (section.steps - boost.steps)
    path = trajectory(tasks_of(section), rates)  # (steps + 1, 2, R)
    assert (path[boost.steps] > 1 / (section.sparsity * section.states)).all()
    assert ((path[boost.steps] - 0.03).abs() < 0.01).all()
    assert (path[600] > 0.99).all()


def test_penalties_of_figure_5_keep_the_papers_scaling(config):
    """eps K_P / (Q^2 N^3), with the eps of N = 3, to one digit."""
    section = {states: config.training[f"vocabulary_{states}"] for states in (3, 10, 20)}
    energy = {states: tasks_of(one).transition_energy.median() for states, one in section.items()}
    printed = section[3].optimizers["proximal"].penalty
    for states in (10, 20):
        scaled = printed * (energy[states] / 3**-3) / (energy[3] * states**3)
        chosen = section[states].optimizers["proximal"].penalty
        assert chosen == pytest.approx(one_digit(scaled)), states


def test_the_check_of_figure_6_is_set_by_closed_forms(config):
    section = config.check
    boost = one_digit(stable_rate(section))
    assert section.rate == boost / 2
    assert section.penalty == balance(section, section.rate)
    ratio = boost_signal_to_noise(tasks_of(section), section.batch, boost).median()
    assert ratio == pytest.approx(0.5, abs=0.05)


def transfer_tasks(config, length):
    """The downstream tasks of transfer at one T."""
    options = {"replicates": 32, "length": length, "sampler": "balanced", "seed": TUNING}
    return drawn(Tasks.of(config.transfer, config.tasks, **options).as_json())


def test_transfer_meets_condition_c_three_times_over(config):
    task = transfer_tasks(config, 5000)
    ratio = task.transition_energy / task.stationary.square().sum(-1)
    assert 2.5 < ratio.median() < 3.5
    assert (ratio > 1).all()


def test_the_one_step_may_take_the_samples_it_asks_for(config):
    transfer = config.transfer
    asked = start_samples(transfer_tasks(config, 5000)).median()
    assert 1 <= transfer.one_step.steps * transfer.batch / asked < 1.1


def test_scratch_may_grow_by_more_than_the_drift_needs(config):
    for length in config.transfer.lengths:
        drift = (length * transfer_tasks(config, length).attention_energy).log()
        assert (drift < config.transfer.scratch.growth).all()


def test_noise_leaves_large_batches_on_the_population_path(config):
    section = config.training["population"]
    tasks, rate = tasks_of(section), section.boost.rate

    def ratio(tasks, batch):
        return float(boost_signal_to_noise(tasks, batch, rate).median())

    assert ratio(tasks, section.batch) > 15
    path = trajectory(tasks, [rate] * section.boost.steps)
    assert (path[600] > 0.95).all()
    # What is said of T = 5000.
    paper = tasks_of(config.training["convergence"])
    assert round(ratio(paper, 64), 1) == 0.1
    assert round(ratio(paper, 16384), 1) == 1.2
