"""The tables of this room."""

import pyarrow as pa

from scb.analysis.endpoints import BOOST_SIGNAL, PATH_DEVIATION, SCALES
from scb.analysis.multiverse import CLAIMS, OBSERVATIONS
from scb.analysis.readings import READINGS
from scb.store.tables import Column, Schema, measured, schema

REPLICATE = Column(pa.int32(), "number of the replicate, from 0")
MU = Column(pa.string(), "how mu was chosen: `uniform` or `drawn`")
LENGTH = Column(pa.int64(), "context tokens", "$T$", "tokens")
RATE = Column(pa.float64(), "learning rate of Stage 1", r"$\eta$")
BATCH = Column(pa.int64(), "samples in a step", "$B$", "samples")
LOW = Column(pa.float64(), "lower end of the Clopper-Pearson interval of that probability")
HIGH = Column(pa.float64(), "its upper end")

STAGE1 = schema(
    stationary=MU,
    length=LENGTH,
    rate=RATE,
    batch=BATCH,
    replicate=REPLICATE,
    right=Column(pa.bool_(), "whether the run ended with both signals positive"),
    reached=Column(pa.bool_(), "whether it ended before its budget did"),
    steps=Column(pa.int32(), "its steps", "", "steps"),
    probability=Column(pa.float64(), "probability of `right` by the closed form"),
    predicted=Column(
        pa.float64(), "batch for 90% by the closed form, at its mu, T, eta", "$B_{90}$", "samples"
    ),
)  # fmt: skip
"""One row per run of Stage 1; closed forms are those of `scb.theory.stage1`."""

STAGE1_PROBABILITIES = schema(
    stationary=MU,
    length=LENGTH,
    rate=RATE,
    batch=BATCH,
    runs=Column(pa.int32(), "runs", "", "runs"),
    right=Column(pa.int32(), "those that ended with both signals positive", "", "runs"),
    unfinished=Column(pa.int32(), "those that did not end", "", "runs"),
    low=Column(
        pa.float64(),
        "lower end of the Clopper-Pearson interval of the probability to end with both signals "
        "positive",
    ),
    high=HIGH,
    predicted=Column(pa.float64(), "that probability by the closed form"),
)
"""One row per mu, T, eta and B: `STAGE1`, counted."""

STAGE1_BATCHES = schema(
    stationary=MU,
    length=LENGTH,
    rate=RATE,
    batch=Column(
        pa.float64(),
        "batch at which 90% of the runs end with both signals positive",
        "$B_{90}$",
        "samples",
    ),
    low=Column(pa.float64(), "lower end of its interval", "", "samples"),
    high=Column(pa.float64(), "its upper end", "", "samples"),
    power=Column(
        pa.float64(), "exponent of B in the fit, `scb.theory.stage1`", r"$\kappa$"
    ),
    predicted=Column(pa.float64(), "the same batch by the closed form", "", "samples"),
)  # fmt: skip
"""One row per mu, T and eta: fits to `STAGE1_PROBABILITIES`."""

STAGE1_ODDS = schema(
    states=Column(pa.int32(), "size of the vocabulary", "$N$", "states"),
    rate=RATE,
    batch=BATCH,
    runs=Column(pa.int32(), "runs", "", "runs"),
    positive=Column(pa.int32(), "those that ended with both signals positive", "", "runs"),
    low=Column(
        pa.float64(),
        "lower end of the Clopper-Pearson interval of the probability to end with both signals "
        "positive",
    ),
    high=HIGH,
    without_feedback=Column(
        pa.float64(), "that probability by the closed form without the noise in A"
    ),
    predicted=Column(pa.float64(), "that probability by `scb.theory.boosting`"),
    noise_growth=Column(
        pa.float64(), "growth of the noise over that of the signal, median over tasks"
    ),
    largest=Column(
        pa.float64(), "largest learning rate at which Stage 1 works, median over tasks"
    ),
)  # fmt: skip
"""One row per N, eta and B."""

SOFTMAX_SAMPLES = schema(
    model=Column(
        pa.string(),
        "`linear`; `softmax`, at the matched logit rate; `softmax_slow`, at a share of it; "
        "`softmax_adam`",
    ),
    length=LENGTH,
    batch=BATCH,
    samples=Column(pa.int64(), "samples of all its steps", "", "samples"),
    replicate=REPLICATE,
    right=Column(pa.bool_(), "whether it ended with the right support and a positive alpha_A"),
    reached=Column(pa.bool_(), "whether, besides, alpha_A was 0.1 or more"),
    probability=Column(pa.float64(), "probability of `right` by the closed form"),
    predicted=Column(
        pa.float64(), "samples for 90% by the closed form, of its model and T", "", "samples"
    ),
)
"""One row per run of `scb.experiments.softmax_samples`; closed forms are those of
`scb.theory.first_stage`."""

EXPONENTS = schema(
    {
        "estimate": Column(pa.float64(), "the exponent; null where there were too few runs"),
        "low": Column(pa.float64(), "lower end of its interval; null likewise"),
        "high": Column(pa.float64(), "its upper end; null likewise"),
        "predicted": Column(
            pa.float64(), "what a closed form gives at the same settings; null likewise"
        ),
    },
    subject=Column(pa.string(), "what grows"),
    variable=Column(pa.string(), "in what"),
)
"""One row per subject and variable."""

POSITIVE = Column(pa.bool_(), "whether both signals were positive after Stage 1")
PENALTY = Column(pa.float64(), "threshold of the proximal steps", r"$\lambda$")
SWEEP = Column(pa.string(), "name of the sweep: a section, `larger_rate` or `larger_batch`")

PENALTIES: Schema = measured(
    sweep=SWEEP,
    replicate=REPLICATE,
    positive=POSITIVE,
    penalty=PENALTY,
    diverged=Column(pa.bool_(), "whether the run diverged; what is measured is then null"),
)
"""One row per sweep, replicate and lambda; then what is measured at the last step."""

WINDOWS = schema(
    {
        "low": Column(
            pa.float64(), "least useful lambda; null where none is better than 0", r"$\lambda$"
        ),
        "high": Column(pa.float64(), "largest useful lambda; null likewise", r"$\lambda$"),
    },
    sweep=SWEEP,
    replicate=REPLICATE,
    positive=POSITIVE,
    transition_energy=Column(
        pa.float64(), r"energy of P, $\lVert P\rVert_\mu^2 - \lVert\mu\rVert^2$", "$K_P$"
    ),
    balancing=Column(pa.float64(), "lambda of the closed form", r"$\lambda$"),
    best=Column(pa.float64(), "lambda that ends nearest to Q", r"$\lambda$"),
)
"""One row per sweep and replicate."""

UNIVERSES: Schema = measured(
    end=Column(pa.string(), "how Stage 1 ended: `step` or `signal`"),
    rounding=Column(pa.float64(), "constant of the rounding in Stage 3", "$c$"),
    optimizer=Column(pa.string(), "name of the condition"),
    replicate=REPLICATE,
    positive=POSITIVE,
)
"""One row per end of Stage 1, c, condition and replicate; then the columns of
`scb.analysis.endpoints.Endpoints`."""

WHEN = {
    "start": "at the first step after Stage 1",
    "midway": "at the step nearest to the middle of those after Stage 1",
    "last": "at the last step",
    "least": "least over the steps after Stage 1",
    "largest": "largest over the steps after Stage 1",
    "stopped": "at the step of the least test loss",
}
"""What the first words of endpoints mean, by `scb.analysis.endpoints`."""

OF_A_RUN = {
    BOOST_SIGNAL: Column(
        pa.float64(), "mean of the signals after Stage 1", r"$(\alpha_V + \alpha_A)/2$"
    ),
    **{
        name: Column(pa.float64(), f"{said} of the first iterate, which knows nothing", symbol)
        for name, (said, symbol) in zip(
            SCALES,
            (
                ("distance", r"$\lVert V - P\rVert_\mu$"),
                ("distance", r"$\lVert A - Q\rVert_\mu$"),
                ("test loss above the Bayes loss", ""),
            ),
            strict=True,
        )
    },
    PATH_DEVIATION: Column(
        pa.float64(),
        "largest distance of a signal from the population path, over the last value of the path; "
        "null where no path is asked for",
    ),
}
"""What `UNIVERSES` says of a run besides metrics."""

MULTIVERSE = schema(
    {
        "ratio": Column(
            pa.float64(),
            r"median of $\lVert A - Q\rVert_\mu$ at the last step, proximal over SGD, over the "
            "positive runs; null without one",
        ),
        "low": Column(pa.float64(), "lower end of its exact 95% interval; null likewise"),
        "high": Column(pa.float64(), "its upper end; null likewise"),
    },
    **{
        one.name: Column(pa.string(), f"option of the dimension *{one.question}*")
        for one in READINGS
    },
    runs=Column(pa.int32(), "runs", "", "runs"),
    positive=Column(pa.int32(), "those with positive signals after Stage 1", "", "runs"),
    **{
        claim: Column(pa.string(), f"outcome of {claim}: shown, refuted or undecided")
        for claim in CLAIMS
    },
    **{
        f"{claim}_margin": Column(pa.float64(), f"least margin of {claim}, by `scb.claims.best`")
        for claim in CLAIMS
    },
    **{name: Column(pa.bool_(), f"whether {said}") for name, said in OBSERVATIONS.items()},
)
"""One row per universe."""

PHASES = schema(
    {
        "ratio": Column(
            pa.float64(),
            r"median of $\lVert A - Q\rVert_\mu$ at the last step, proximal over SGD, over the "
            "positive runs; null without one",
        ),
        "low": Column(pa.float64(), "lower end of its exact 95% interval; null likewise"),
        "high": Column(pa.float64(), "its upper end; null likewise"),
        "close": Column(
            pa.float64(), "share of these runs whose normalised solution is close; null likewise"
        ),
        "signal": Column(
            pa.float64(), "their median mean signal after Stage 1; null likewise",
            r"$(\alpha_V + \alpha_A)/2$",
        ),
        "dying": Column(
            pa.float64(),
            "lambda at which the signal dies (`scb.theory.thresholds`), median over tasks; null "
            "where the signal is unknown",
            r"$\lambda$",
        ),
    },
    scale=Column(pa.float64(), "factor of both learning rates"),
    penalty=PENALTY,
    positive=Column(pa.int32(), "runs with positive signals after Stage 1", "", "runs"),
    balancing=Column(
        pa.float64(), "lambda that balances the noise, median over tasks", r"$\lambda$"
    ),
)  # fmt: skip
"""One row per scale of both eta and lambda."""
