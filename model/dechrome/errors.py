"""What can go wrong, one class per thing that a caller can react to."""


class DechromeError(Exception):
    """Base of every error that dechrome raises on purpose."""


class ModelError(DechromeError):
    """A model folder is missing, damaged, or was made for other features."""


class InputError(DechromeError):
    """An argument is of a type or value that cannot be read as a page."""


class MissingExtraError(InputError):
    """A format needs a package that is not installed; the message names the extra that brings it."""


class DataError(DechromeError):
    """A file of annotated pages is missing or malformed; the message names file, line and field."""


class JobError(DechromeError):
    """A corpus job cannot start, go on or resume; the message says what to do."""
