"""What goes wrong: foreseen, as Terraform shows it; unforeseen, as a place in the provider's log."""

import sys
import traceback


class Fault(Exception):  # noqa: N818 - "fault" is the provider's word; it becomes a diagnostic, never a traceback
    """A refusal that reaches the person who runs Terraform; its texts never carry a secret.

    Attributes:
        summary: One line that says what is wrong; names the object, for Terraform gives no address on a
            delete.
        detail: What was found, and where it was looked for.
        remedy: What to do about it.
        attribute: The configuration's attribute at fault; empty where none is.
    """

    def __init__(self, summary: str, *, detail: str, remedy: str, attribute: str = "") -> None:
        self.summary = summary
        self.detail = detail
        self.remedy = remedy
        self.attribute = attribute
        super().__init__(summary)

    @property
    def text(self) -> str:
        """Detail and remedy as the one text that a diagnostic has room for."""
        return f"{self.detail}\n\n{self.remedy}"


def log_place(where: str, error: BaseException) -> None:
    """Write to the provider's log where an exception came from, without its text: that may quote a secret."""
    frames = traceback.extract_tb(error.__traceback__)
    sys.stderr.write(f"{where}: {type(error).__name__}\n{''.join(traceback.format_list(frames))}")
    sys.stderr.flush()
