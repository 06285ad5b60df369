"""The one exception that stands for a user's mistake."""


class InputError(ValueError):
    """Something given by the user cannot be used.

    The message is one line: the file, config key or argument at fault, what was expected and what came. The
    command line prints that line and exits non-zero; from Python it is an ordinary ``ValueError``.
    """
