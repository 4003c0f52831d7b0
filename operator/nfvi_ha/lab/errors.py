"""What can go wrong in the lab, for the person who runs it."""


class LabFailed(Exception):  # noqa: N818 - says what happened
    """The lab could not do what was asked; the message says what was wrong and where to look."""
