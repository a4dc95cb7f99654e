"""The paper's claims, each as statistics with a bar that decides it.

There is a module of rules for each experiment. A rule is written from the paper's sentence alone:
what would a reader of the figure take it to mean? `scb.claims.parts` says in numbers what the
paper's words ask for, each in one place. `scb.claims.verdict` makes verdicts of them.

- *Knowing nothing* is the start of training, ``V = mu 1^T`` and ``A = 1 1^T / T``, whose
  distances to the ground truth are ``sqrt(K_P)`` and ``sqrt(K_Q)``.
- *Positive runs* have both signals positive at the end of Stage 1. The optimizers part
  after that, so their comparison stays paired. The paper's single run is positive, so statistics
  are over positive runs; the same over all runs is reported with each.
- Where a run either learns the pattern or does not, a median jumps from one to the other. There the
  statistic is the share of runs that do, and the bar one half: a typical run does as the paper's.
- A run that diverged is infinitely wrong; two that did are equal, and none of them is ahead. So SGD
  is *behind*, *too slow* or *failing* where it diverges: the estimate is then 0 or infinite.

A normalised V decides nothing: fitted on the population loss it is P exactly even where A has
learnt nothing (`scb.learning.algorithm.refit_value` at the uniform A), so that it would make any
claim partly true. It is reported with the normalised A, which decides.

C1 to C7, C9 and the claims of our own (B1 to B4, B6) read `scb.analysis.endpoints.Endpoints`, so
they judge curves and tables of many readings alike. C12, how softmax attention trains at the size
of figure 1, is three sentences of the paper: C12a, C12b and C12c.
"""
