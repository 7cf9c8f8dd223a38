"""The ways in which work ends early, as the command line reports them.

Everything that is not one of these is a fault of the program and keeps its traceback.
"""


class UserError(Exception):
    """The user's input is wrong: exit code 2.

    The message is one sentence that says what is wrong, where, and how to mend it.
    """


class Stopped(Exception):
    """The work stopped on purpose (budget, Ctrl-C) and the same command resumes it: exit code 3."""


class ConservationError(Exception):
    """Rows in differ from rows out + rejects + pending at a stage: the build stops, exit code 1."""


class AuditFailed(Exception):
    """A verifier passed its limits in an audit: exit code 1; nothing is exported and all rows stay."""


class Unfinished(Exception):
    """Rows are still owed after a run that nobody stopped: exit code 1; the same command goes on from there."""
