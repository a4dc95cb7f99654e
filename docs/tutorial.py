# ---
# jupyter:
#   jupytext:
#     formats: py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Your own $P$ and $Q$
#
# The replication draws its ground truths at random. This notebook trains the paper's algorithm on
# one that you write down. It then reads the curves, looks at what was learned, and judges a claim
# by hand.
#
# The notebook is the text file `docs/tutorial.py`: `jupytext --to notebook docs/tutorial.py`
# converts it.

# %%
import numpy as np
from scipy.stats import binomtest

import scb

# %% [markdown]
# ## A task
#
# A sequence has $T$ tokens, drawn independently from $\mu$, and a query $k$. A source is drawn
# among the $T$ positions from column $q^{(k)}$ of $Q$, and the answer from the column of $P$ that
# belongs to the token there. So **columns** of both matrices are distributions:
#
# - $P$ is $N \times N$, and $P_{nm}$ is the probability of state $n$ after state $m$;
# - $Q$ is $T \times N$, and $Q_{tk}$ is the probability that query $k$ looks at position $t$.
#
# Here the chain stays where it is or goes on to the next state. Query 0 looks at the last two
# tokens, query 1 at the first and the middle one, query 2 at the last one only. So columns of $Q$
# may have different numbers of nonzero entries: the largest is the paper's number $Q$, here 2.

# %%
stay = np.diag([0.9, 0.8, 0.6])
P = stay + np.roll(np.eye(3), 1, axis=0) @ (np.eye(3) - stay)

Q = np.zeros((50, 3))
Q[[48, 49], 0] = 0.5
Q[[0, 25], 1] = 0.25, 0.75
Q[49, 2] = 1

task = scb.Task.from_matrices(P, Q)
print("mu", task.stationary.numpy().round(3))
print(f"K_P {task.transition_energy:.3f}, K_Q {task.attention_energy:.3f}")

# %% [markdown]
# $\mu$ was not given, so it is the stationary distribution of $P$. Matrices that make no task are
# refused, with a line that names the place. The most common mistake is a $P$ whose rows are
# distributions:

# %%
try:
    scb.Task.from_matrices(P.T, Q)
except ValueError as fault:
    print(fault)

# %% [markdown]
# A task may be valid and still break an assumption of the paper. Assumption 2.1 bounds $\mu$ and
# the weights of $Q$ (b), asks $P$ to be informative (c), and $T$ to be enormous (d). The last
# clause fails in the paper's own experiments too.

# %%
for line in task.violations():
    print(line)

# %% [markdown]
# ## Training
#
# `scb.train` runs Stage 1, and then the proximal steps and SGD from the end of Stage 1, on the
# same samples. Learning rates and $\lambda$ come from closed forms unless they are given. Each of
# the 32 replicates is an independent stream of samples of the task.

# %%
run = scb.train(task, batch=256, steps=400, boost_steps=150, replicates=32, seed=1)
run.figure()

# %% [markdown]
# ## Curves
#
# `run.curves` has a row for each optimizer, replicate and logged step. [data.md](data.md)
# explains the columns. The rows of optimizer `boost` are Stage 1.

# %%
last = run.curves[run.curves["step"] == run.curves["step"].max()]
columns = ["value_distance", "attention_distance", "normalised_attention_distance"]
last.groupby("optimizer")[columns].median()

# %% [markdown]
# ## What was learned
#
# `run.models` has $V$ and $A$ of each optimizer at the last step, of all replicates. Stage 3 of
# the algorithm rounds $A$: it keeps entries of at least $c/Q$, here with $c = 1/4$, and divides
# each column by its sum; a column with nothing that large becomes uniform. The result is at a
# distance $\|A - Q\|_\mu^2 = \sum_k \mu_k \|a^{(k)} - q^{(k)}\|^2$ from $Q$. By hand, this is the
# column `normalised_attention_distance`:

# %%
learned = run.models["proximal"].attention.detach().double().numpy()  # (R, T, N)
kept = np.where(learned >= 0.25 / task.sparsity, learned, 0)
total = kept.sum(axis=1, keepdims=True)  # (R, 1, N)
rounded = np.where(total > 0, kept / np.maximum(total, 1e-9), 1 / task.length)

squares = ((rounded - Q) ** 2).sum(axis=1)  # (R, N)
distance = np.sqrt(squares @ task.stationary.numpy())  # (R,)
logged = last[last["optimizer"] == "proximal"]["normalised_attention_distance"].to_numpy()
assert np.allclose(distance, logged, atol=1e-6)

rows = [0, 25, 48, 49]
print(f"rows {rows} of Q, and of A in one replicate, rounded")
print(np.hstack([Q[rows], rounded[int(logged.argmin())][rows].round(2)]))

# %% [markdown]
# ## A claim by hand
#
# The paper says that proximal steps always outperform SGD in similarity. As a statistic: the
# share of replicates in which $\cos(A, Q)$ at the last step is larger under proximal than under
# SGD. The bar of this replication is 0.9. The claim is *shown* if the whole 95% interval of the
# share lies above the bar, *refuted* if it lies below, and *undecided* otherwise.
#
# Only the replicates count whose signals $\alpha_V$ and $\alpha_A$ are positive after Stage 1:
# the loss does not change when both turn their sign, so noise decides it at a small batch.

# %%
stage1 = run.curves[run.curves["optimizer"] == "boost"].groupby("replicate").last()
positive = stage1.index[(stage1["value_signal"] > 0) & (stage1["attention_signal"] > 0)]

similarity = last.pivot(index="replicate", columns="optimizer", values="attention_similarity")
pairs = similarity.loc[positive]
better = int((pairs["proximal"] > pairs["sgd"]).sum())

bar = 0.9
low, high = binomtest(better, len(pairs)).proportion_ci(0.95, method="exact")
outcome = "undecided"
if low > bar:
    outcome = "shown"
if high < bar:
    outcome = "refuted"
print(f"{better} of {len(pairs)} pairs, interval [{low:.2f}, {high:.2f}]: {outcome}")

# %% [markdown]
# The outcome is of this task, at this $T$ and $B$. [claims.md](gallery/claims.md) judges the claim
# at the paper's.
#
# ## Next
#
# - `scb.train(..., output="mine")` writes the tables, a plot and the provenance;
#   `scb.load_run("mine")` reads them again. `scb.load_run("results/convergence")` reads a section
#   of the replication.
# - `python -m scb train --transition P.csv --attention Q.npy` does the same from the command
#   line.
# - [data.md](data.md) explains all tables, [verdicts.md](verdicts.md) how claims are judged, and
#   [extending.md](extending.md) how to add a metric, an optimiser or a figure.
