"""What Snakemake's log says besides: what a call takes and replaces, and how much time is left."""

import logging
import time
from pathlib import Path
from typing import Any

from snakemake.logging import LogEvent, logger

from scb.settings.whole import Settings
from workflow.costs import Plan, duration
from workflow.guard import losses, tell_losses


class Log(logging.Handler):
    """Follows the events of Snakemake's log and adds lines of its own.

    Parameters
    ----------
    workflow : snakemake.workflow.Workflow
    settings : Settings
    """

    def __init__(self, workflow: Any, settings: Settings) -> None:
        super().__init__()
        self._workflow, self._results = workflow, Path(settings.results)
        self._plan: Plan | None = None
        self._started: dict[int, float] = {}
        self._took: dict[int, float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Say what a call takes after its table of jobs, and what is left after each job."""
        event, now = getattr(record, "event", None), time.monotonic()
        if event == LogEvent.RUN_INFO:
            self._plan = self._plan or Plan(self._workflow, self._results)
            logger.info(str(self._plan))
            if self._workflow.dryrun and (found := losses(self._workflow)):
                logger.warning(tell_losses(found))
        elif event == LogEvent.JOB_STARTED:
            self._started |= dict.fromkeys(record.jobs, now)  # type: ignore[attr-defined]
        elif event == LogEvent.JOB_FINISHED:
            id: int = record.job_id  # type: ignore[attr-defined]
            self._took[id] = now - self._started.get(id, now)
        elif event == LogEvent.PROGRESS and self._plan:
            running = self._started.keys() - self._took.keys()
            spent = {id: now - self._started[id] for id in running}
            if left := self._plan.left(self._took, spent):
                logger.info(f"About {duration(left * self._plan.pace(self._took))} left")
