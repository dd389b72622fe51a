"""`/metrics` for Prometheus: what this process does, and what it has learned of its sources. No ids, no addresses, no patient data.

Labels are bounded: tenants by their short names, routes by their templates, statuses of sources by their class. Each process counts for
itself; adding up is Prometheus's work.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from time import perf_counter
from typing import Any, Final

from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Message, Receive, Send
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)

from millgate.app import App
from millgate.pathways.sources import Asked as AskedOfSource
from millgate.store.audit import Entry
from millgate.surfaces.api.door import NO_STORE, Asked, Door, Reply, Seen, plain_reply, read_headers
from millgate.surfaces.api.learned import Learned
from millgate.surfaces.api.openapi import refusals

REQUEST_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
CALL_BUCKETS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER: Final = "OTHER"
NO_ROUTE: Final = "(none)"
ELSEWHERE: Final = "(unknown)"


class Metrics:
    """What one process counts, in a registry of its own; made once for an App, which it listens to."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.registry = registry = CollectorRegistry()
        self._requests = Counter("millgate_requests", "Answered requests.", ("route", "method", "status"), registry=registry)
        self._request_seconds = Histogram(
            "millgate_request_seconds",
            "Seconds from a request to the head of its answer.",
            ("route",),
            buckets=REQUEST_BUCKETS,
            registry=registry,
        )
        self._calls = Counter(
            "millgate_upstream_calls",
            "Calls to sources by the class of their status; `none`: no answer.",
            ("tenant", "resource_type", "status"),
            registry=registry,
        )
        self._call_seconds = Histogram(
            "millgate_upstream_call_seconds",
            "Seconds that a call to a source took, without waiting for its turn.",
            ("tenant", "resource_type"),
            buckets=CALL_BUCKETS,
            registry=registry,
        )
        self._rows = Counter(
            "millgate_audit_rows", "Rows of the audit chain that this process wrote.", ("action",), registry=registry
        )
        self._sign_ins = Counter(
            "millgate_sign_ins", "Browsers that came back from a sign-in, by what came of it.", ("outcome",), registry=registry
        )
        registry.register(Learned(app.sources, self._tenant))
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=registry)
        # The children of each combination of labels, kept so that a request does not look for them anew.
        self._of_request: dict[tuple[str, str, int], tuple[Any, Any]] = {}
        app.sources.told = self.called
        app.store.audit.told = self.audited

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request was answered."""
        key = (route, method if method in METHODS else OTHER, status)
        found = self._of_request.get(key)
        if found is None:
            name = route.replace(":str}", "}") or NO_ROUTE
            found = self._requests.labels(name, key[1], str(status)), self._request_seconds.labels(name)
            self._of_request[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def called(self, asked: AskedOfSource) -> None:
        """A call to a source has ended."""
        tenant, resource_type = self._tenant(asked.base), asked.kind.partition(" ")[2] or "other"
        status = "none" if asked.status is None else f"{asked.status // 100}xx"
        self._calls.labels(tenant, resource_type, status).inc()
        self._call_seconds.labels(tenant, resource_type).observe(asked.seconds)

    def audited(self, entry: Entry) -> None:
        """A row was committed to the audit chain."""
        self._rows.labels(entry.action).inc()
        if entry.action == "sign_in":
            self._sign_ins.labels(entry.code or "signed_in").inc()

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _tenant(self, base: str) -> str:
        return self._app.bookkeeper.tenant_of(base) or ELSEWHERE


class Measured:
    """The application, with each request counted when the head of its answer goes out."""

    def __init__(self, api: ASGIApp, metrics: Metrics) -> None:
        self._api = api
        self._metrics = metrics

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        began = perf_counter()

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = scope.get("path_template", "")
                self._metrics.answered(str(route), scope["method"], message["status"], perf_counter() - began)
            await send(message)

        await self._api(scope, receive, noted)


def routes(door: Door, metrics: Metrics) -> Iterable[HTTPRouteHandler]:
    """The route that a Prometheus asks: with the token that is set for it, or with an operator's key."""

    @get(
        "/metrics",
        operation_id="metrics",
        tags=["Running it"],
        summary="What this process counts, for Prometheus (operators)",
        media_type="text/plain",
        security=[{"key": []}],
        responses={
            200: ResponseSpec(str, generate_examples=False, media_type="text/plain", description="In Prometheus's text format."),
            **refusals((401, 403, 405, 500, 503)),
        },
    )
    async def show_metrics(request: Request[Any, Any, Any]) -> ASGIResponse:
        if _is_scraper(door, read_headers(request.scope).bearer):
            return plain_reply(request, _exposed(metrics))

        async def work(asked: Asked, seen: Seen) -> Reply:
            await door.operator(asked, seen)
            return _exposed(metrics)

        return await door.lead(request, Seen("operate", "metrics"), work)

    return [show_metrics]


def _is_scraper(door: Door, bearer: str) -> bool:
    token = door.app.settings.metrics_token
    return token is not None and hmac.compare_digest(bearer.encode(), token.encode())


def _exposed(metrics: Metrics) -> Reply:
    return Reply(metrics.text(), media_type=CONTENT_TYPE_LATEST, headers=[NO_STORE])
