"""The tasks that can be exported, by name."""

from segkit.errors import ExportError
from segkit.export.forms import instance, panoptic, semantic
from segkit.export.forms._task import Task
from segkit.registries import Postprocessor

TASKS = {task.name: task for task in (semantic.TASK, instance.TASK, panoptic.TASK)}


def task_of(postprocessor: Postprocessor, name: str) -> Task:
    """Returns the form that gives the results of a postprocessor.

    Args:
        postprocessor: The built part.
        name: Its type in the config, for the message.

    Raises:
        ExportError: There is none.

    Example:
        >>> from segkit.classes import Classes
        >>> from segkit.postprocessors.semantic import Semantic
        >>> task_of(Semantic(Classes.make(["sky"])), "semantic").outputs
        ('label_map',)
    """
    # The class itself: a subclass may give other results.
    task = next((one for one in TASKS.values() if type(postprocessor) is one.postprocessor), None)
    if task is None:
        raise ExportError(
            f"task '{name}': the postprocessor {type(postprocessor).__name__} has no form that can be traced. "
            f"Export one of: {', '.join(TASKS)}"
        )
    return task
