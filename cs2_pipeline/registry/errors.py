"""What goes wrong with MLflow, and addresses without their secrets. Does not import MLflow."""

import re


class RegistryError(Exception):
    """MLflow refused something, or does not have what was asked for."""


class RegistryUnavailableError(RegistryError):
    """MLflow does not answer."""


def masked(text: str) -> str:
    """A text without the secrets of the addresses in it, for messages: user parts and passwords given as options."""
    # A password may hold a slash that should have been percent-encoded: after a colon all up to the last @ is hidden.
    without_user = re.sub(r"://([^/\s]*|[^/\s:]*:\S*)@", "://***@", text)
    return re.sub(r"(?i)\b(password|passwd|pwd|token|secret)=[^&;\s]*", r"\1=***", without_user)
