"""How the command line ends: the exit codes, and errors in words. Nobody sees a traceback unasked."""

from tutti import errors

OK = 0
#: The job failed or was cancelled, or something broke that is nobody's input.
FAILED = 1
#: Usage or bad input.
BAD_INPUT = 2
UNREACHABLE = 3
#: What a shell expects of a program that Ctrl-C ended.
INTERRUPTED = 130

_INPUT = (
    errors.InvalidInput,
    errors.NotFound,
    errors.Conflict,
    errors.PreconditionFailed,
    errors.QuotaExceeded,
    errors.Unauthenticated,
    errors.PermissionDenied,
    errors.NotImplementedYet,
)


def exit_code(error: errors.TuttiError) -> int:
    if isinstance(error, _INPUT):
        return BAD_INPUT
    if isinstance(error, errors.Unavailable | errors.DeadlineExceeded):
        return UNREACHABLE
    return FAILED


def described(error: errors.TuttiError) -> str:
    """The message, and the field where the message does not already name it."""
    if error.field and error.field not in error.message:
        return f"{error.field}: {error.message}"
    return error.message
