"""The paper's claims, each as statistics and the rules that decide it.

There is a module of rules for each experiment. They were written from the sentence alone: what
would a reader of the paper's figure take it to mean? Figures 1 to 6 of these very seeds had been
drawn and described by then, and what is beyond the paper (B1 to B4) came from looking at them; no
rule had been tried on them but C11's, once, at a larger batch. What transfer gives (C10, B5) came
later. Words have one meaning throughout.

- *Knowing nothing* is the start of training, ``V = mu 1^T`` and ``A = 1 1^T / T``, whose
  distances to the ground truth are ``sqrt(K_P)`` and ``sqrt(K_Q)``; a solution is *close*,
  an error *small*, two curves *near* or *about the same*, within a tenth of it.
- *Lower* and *higher* are medians of paired ratios, off 1 beyond chance and by a tenth.
- *Positive runs* have both signals positive at the end of Stage 1. The optimizers part
  after that, so their comparison stays paired; the same over all runs is reported with it.
- A run that diverged is infinitely far; two that did are equal.

A normalised V decides nothing: fitted on the population loss it is P exactly even where A has
learnt nothing (`scb.learning.algorithm.refit_value` at the uniform A), so that it would make any
claim partly true. It is reported with the normalised A, which decides.
"""
