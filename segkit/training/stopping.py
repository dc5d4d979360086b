"""Requests to end a training after the current step: by a signal, a limit of time or a part."""

from dataclasses import dataclass

import torch
from accelerate import Accelerator

from segkit.runtime.processes import gather


@dataclass(frozen=True)
class StopRequest:
    """Why a training ends before its last step."""

    reason: str
    complete: bool = True
    """Whether the training has reached its aim. False if it is to be continued with --resume."""


class Stopping:
    """The one way to end a training early. Any process may request it; all end after the same step.

    Args:
        accelerator: Connects the processes of the training.

    Example:
        >>> stopping = Stopping(Accelerator(cpu=True))
        >>> stopping.agreed()
        >>> stopping.request("3 evaluations without a new best")
        >>> stopping.agreed()
        StopRequest(reason='3 evaluations without a new best', complete=True)
    """

    def __init__(self, accelerator: Accelerator) -> None:
        self._accelerator = accelerator
        self._own: StopRequest | None = None

    def request(self, reason: str, complete: bool = True) -> None:
        """Asks for the end of the training after the current step. Of several requests, the first counts.

        Args:
            reason: Printed at the end: `a signal`.
            complete: Whether the training has reached its aim; False if it is to be continued.
        """
        self._own = self._own or StopRequest(reason, complete)

    def agreed(self) -> StopRequest | None:
        """Returns the request of the first process that has one.

        All processes must call it at the same point, because they communicate.
        """
        if self._accelerator.num_processes == 1:
            return self._own
        # One number is exchanged after every step, and the requests only where there are some.
        number = torch.tensor(float(self._own is not None), device=self._accelerator.device)
        if self._accelerator.reduce(number, "sum") == 0:
            return None
        return next(request for request in gather(self._own) if request is not None)
