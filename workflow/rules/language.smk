# The second paper's other half, language modelling: not part of `rule all`.

from scb.settings.language import JudgingLanguage, LanguageRuns, Tokenizing
from scb.settings.model import Seeded

LANGUAGE = SETTINGS.language


use rule experiment as corpus with:
    """Text, split by documents, as tokens that are learnt on the training split."""
    input:
        modules=code("scb.experiments.corpus", "corpus"),
        text=LANGUAGE.text or [],
    output:
        corpus="<results>/<job>.parquet",
        vocabulary="<results>/language/vocabulary.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="language/corpus",
    params:
        settings=Tokenizing.of(LANGUAGE).as_json(),


use rule training as language with:
    """One kernel on language, in every run at its rate."""
    input:
        modules=code("scb.experiments.language", "language"),
        corpus=rules.corpus.output.corpus,
        vocabulary=rules.corpus.output.vocabulary,
    output:
        curves="<results>/<job>.parquet",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="language/runs/{kernel}",
    resources:
        **on_device(LANGUAGE.memory, runtime=240),
    params:
        settings=lambda wildcards: LanguageRuns.of(
            LANGUAGE,
            seed=SETTINGS.seed,
            kernel=wildcards.kernel,
            rates=(LANGUAGE.rates[wildcards.kernel],),
            runs=LANGUAGE.runs_of(wildcards.kernel),
        ).as_json(),


use rule language as tune_language with:
    """The same at every rate, on the tuning seed."""
    pathvars:
        job="language/tuning/{kernel}",
    params:
        settings=lambda wildcards: LanguageRuns.of(
            LANGUAGE.tuning, LANGUAGE, seed=MULTIVERSE.seed, kernel=wildcards.kernel
        ).as_json(),


use rule experiment as language_tuning with:
    """Of the rates tried the best of each kernel: nothing reads it but who writes config.yaml."""
    input:
        modules=code("scb.experiments.language_rates", "language_tuning"),
        tables=expand(rules.tune_language.output.curves, kernel=LANGUAGE.rates),
    output:
        rates="<results>/<job>.parquet",
        markdown="<results>/<job>.md",
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="language/rates",
    params:
        settings=Seeded.of(MULTIVERSE).as_json(),


use rule experiment as language_claims with:
    """Verdicts on the second paper's claims on language."""
    input:
        modules=code("scb.experiments.language_claims", "language_claims"),
        tables=expand(rules.language.output.curves, kernel=LANGUAGE.rates),
    output:
        claims="<results>/<job>.parquet",
        statistics="<results>/language_statistics.parquet",
        markdown=report(
            "<results>/<job>.md",
            caption="../report/language_claims.rst",
            category="Claims",
            labels={"figure": "Verdicts: language", "settings": "language"},
        ),
        provenance="<results>/<job>.provenance.json",
    pathvars:
        job="language_claims",
    params:
        settings=JudgingLanguage.of(
            LANGUAGE, digest=DIGESTS["language_claims"], figures=FIGURES_FROM_RESULTS
        ).as_json(),
