"""The settings: every section of config.yaml as a typed model, with bounds and relations.

This is the one source of keys, defaults, bounds and of what a job is given. A section is in the
module of its name, but `attention` with `training`, and `check` with `simulation`.
`scb.settings.whole` puts them together.

A job is given just the fields that it reads, as JSON, so that a changed key runs again what reads
it and nothing else. Those fields are a model of their own, which the section inherits: `Stage1` is
what Stage 1 reads of a section of `Training`. `Model.of` takes it from there, and `Model.as_json`
and pydantic's ``model_validate_json`` bring it to the job.
"""
