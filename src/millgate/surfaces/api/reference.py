"""`/docs`, `/openapi.json` and the pages that explain each error code; all of it served from here, without internet access."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import swagger_ui
from litestar import Litestar, MediaType, Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin, SwaggerRenderPlugin
from litestar.openapi.spec import Components, SecurityScheme
from litestar.params import FromPath

from millgate import __version__
from millgate.surfaces.api.problems import error_page

ASSETS = Path(swagger_ui.__file__).parent / "static"
SERVED = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui-standalone-preset.js": "text/javascript",
    "swagger-ui.css": "text/css",
}

DESCRIPTION = """One clean API over an Oracle Health (Cerner) Millennium EHR.

1. `POST /authenticate` with your API key opens a session on one tenant.
2. Send the session token as `Authorization: Bearer ms_…` from then on.
3. Lists come in pages: pass `next_cursor` as `cursor`. Every answer says how fresh it is.
4. Errors are RFC 9457 problems; branch on `code`.
"""


def openapi_config() -> OpenAPIConfig:
    """The OpenAPI document's head, and where it and its page are served."""
    swagger = SwaggerRenderPlugin(
        js_url="/docs/assets/swagger-ui-bundle.js",
        css_url="/docs/assets/swagger-ui.css",
        standalone_preset_js_url="/docs/assets/swagger-ui-standalone-preset.js",
        path="/",
        favicon="",
    )
    return OpenAPIConfig(
        title="Millgate",
        version=__version__,
        description=DESCRIPTION,
        path="/docs",
        render_plugins=[swagger, JsonRenderPlugin(path="/openapi.json")],
        components=Components(
            security_schemes={
                "session": SecurityScheme(
                    type="http", scheme="bearer", description="The session token (`ms_…`) of POST /authenticate."
                ),
                "key": SecurityScheme(type="http", scheme="bearer", description="The API key (`mg_…`)."),
            }
        ),
        security=[{"session": []}],
    )


def routes() -> Sequence[HTTPRouteHandler]:
    """The routes of the reference."""

    @get("/openapi.json", include_in_schema=False, sync_to_thread=False)
    def openapi_document(request: Request[Any, Any, Any]) -> Response[bytes]:
        return Response(_document(request.app), media_type=MediaType.JSON, headers={"cache-control": "no-cache"})

    @get("/docs/assets/{name:str}", include_in_schema=False, sync_to_thread=True)
    def asset(name: FromPath[str]) -> Response[bytes]:
        if name not in SERVED:
            return Response(b"", status_code=404)
        return Response((ASSETS / name).read_bytes(), media_type=SERVED[name], headers={"cache-control": "public, max-age=86400"})

    @get("/docs/errors/{code:str}", include_in_schema=False, sync_to_thread=False)
    def explain_error(code: FromPath[str]) -> Response[str]:
        page = error_page(code)
        return Response(page or "There is no such error code.", status_code=200 if page else 404, media_type=MediaType.HTML)

    return [openapi_document, asset, explain_error]


@lru_cache(maxsize=1)
def _document(app: Litestar) -> bytes:
    """The OpenAPI document as JSON; making it takes a tenth of a second, so it is made once."""
    from litestar.serialization import default_serializer, encode_json

    return encode_json(app.openapi_schema.to_schema(), default_serializer)
