"""In the place of a new process, which needs seconds to import both programs."""


class SameProcess:
    """A FreshProcess that is this one."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def call(self, function, *arguments):
        return function(*arguments)
