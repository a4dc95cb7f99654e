"""Draw the tasks of an experiment, one per replicate."""

from scb.data.task import Task
from scb.experiments.job import Output, job
from scb.settings.training import Tasks


@job
def draw_tasks(settings: Tasks, tasks: Output) -> None:
    """Draw and write the tasks."""
    Task.draw(settings).save(tasks)


if __name__ == "__main__":
    draw_tasks.main()
