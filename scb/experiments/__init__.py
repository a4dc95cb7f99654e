"""One runnable module per compute rule: ``python -m scb.experiments.<stage> --help``."""
