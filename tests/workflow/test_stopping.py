"""A handler that takes a lock runs while the main thread holds it."""

import subprocess
import sys

from project import ROOT

PROGRAM = """
import os, signal, threading, time
from workflow.stopping import hear_sigterm_anywhere
lock, heard = threading.Lock(), threading.Event()

def handler(*which):
    with lock:
        heard.set()

signal.signal(signal.SIGTERM, handler)
{wrap}
with lock:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.1)
    assert not heard.is_set()
assert heard.wait(10)
"""


def ends(wrap, within):
    command = [sys.executable, "-c", PROGRAM.format(wrap=wrap)]
    try:
        return subprocess.run(command, cwd=ROOT, timeout=within).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def test_sigterm_is_heard_while_the_lock_is_held():
    assert ends("hear_sigterm_anywhere()", within=20)


def test_without_it_a_lock_would_be_waited_for_in_vain():
    assert not ends("", within=3)
