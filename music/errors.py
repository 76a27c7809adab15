"""The one error of this library: a request or a plan that cannot become music."""


class RequestError(ValueError):
    """`field` is the path of the offending value, such as `bpm` or `tracks[0].notes[3].pitch`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
