"""Exit statuses of the commands; 0 when all went well."""

from __future__ import annotations

EXIT_FAILED = 1
"""The work failed."""

EXIT_REFUSED = 2
"""Nothing could be done with what was asked for."""

EXIT_INTERRUPTED = 130
"""Ctrl-C."""
