"""The baseline of a cached read: the same server stack (uvicorn, httptools, uvloop, Litestar) answering the same bytes from memory."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import uvicorn
import uvloop
from litestar import Litestar, Request, get
from litestar.response.base import ASGIResponse


def main(body: bytes, port: int) -> None:
    """Answer `body` to every `GET /observations`, until killed."""

    @get("/observations")
    async def observations(request: Request) -> ASGIResponse:  # type: ignore[type-arg]
        return ASGIResponse(body=body, media_type="application/json")

    app = Litestar([observations], openapi_config=None, logging_config=None)
    config = uvicorn.Config(
        app,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        http="httptools",
        ws="none",
    )
    uvloop.install()
    asyncio.run(uvicorn.Server(config).serve())


if __name__ == "__main__":
    main(Path(sys.argv[1]).read_bytes(), int(sys.argv[2]))
