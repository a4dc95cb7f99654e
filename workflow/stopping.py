"""SIGTERM, which Snakemake may otherwise never obey."""

import signal
import threading


def hear_sigterm_anywhere() -> None:
    """Let a thread of its own run what SIGTERM runs now.

    The handler of Snakemake's scheduler takes a lock. The main thread, in which Python runs
    handlers, holds that lock each time it chooses jobs: interrupted there, it would wait for
    itself for ever.
    """
    handler = signal.getsignal(signal.SIGTERM)
    in_main_thread = threading.current_thread() is threading.main_thread()  # else none can be set
    if callable(handler) and in_main_thread:
        signal.signal(
            signal.SIGTERM, lambda *which: threading.Thread(target=handler, args=which).start()
        )
