"""The paper's claims, judged: `verdict` says how, `rules` what, `markdown` writes it down."""
