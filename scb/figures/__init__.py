"""One runnable module per figure; reads tables, trains nothing."""
