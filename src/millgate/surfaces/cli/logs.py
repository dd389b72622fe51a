"""The process's log: JSON lines on standard error, without patients' data, secrets or tokens."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

# Members that may not be logged whatever they hold; a backstop, since nobody logs them knowingly.
_NEVER = re.compile(
    r"(?i)(secret|token|password|credential|authorization|api_?key|name|birth|phone|email|address|identifier|query|url|body)"
)
_BEARER = re.compile(r"\b(?:mg|ms)_[A-Za-z0-9_-]{8,}|Bearer\s+\S+")


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event without members that could hold a secret or a patient's data, and without bearer tokens in its texts."""
    for key, value in list(event.items()):
        if key != "event" and _NEVER.search(key):
            event[key] = "[redacted]"
        elif isinstance(value, str):
            event[key] = _BEARER.sub("[redacted]", value)
    return event


def configure(level: str) -> None:
    """Log JSON lines of this level and above to standard error."""
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _exception_kind,
        redact,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, structlog.processors.JSONRenderer()],
            foreign_pre_chain=shared,
        )
    )
    logging.basicConfig(handlers=[handler], level=getattr(logging, level.upper()), force=True)
    for noisy in ("procrastinate", "uvicorn", "aiohttp", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _exception_kind(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Where an exception came from, by file and line. Its text is left out: it could repeat what it choked on."""
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        trace = error.__traceback__
        frames = []
        while trace is not None:
            frames.append(f"{trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["exception"] = type(error).__name__
        event["trace"] = frames[-8:]
    return event
