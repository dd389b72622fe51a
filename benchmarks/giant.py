"""A source that answers a search with 1,600 resources on one page, as Millennium does where it does not page; nothing else of it is real.

python -m benchmarks.giant FOLDER PORT      # metadata.json and page.json in FOLDER
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from aiohttp import web

RESOURCES = 1600
PATH = "/r4/giant"


def page_of(samples: Sequence[Mapping[str, Any]], base: str, patient: str) -> dict[str, Any]:
    """A bundle of so many resources of one patient, made of the samples in turn under ids of their own."""
    entries = []
    for number in range(RESOURCES):
        sample = samples[number % len(samples)]
        resource = {**sample, "id": f"p{number:08}", "subject": {**sample["subject"], "reference": f"Patient/{patient}"}}
        entries.append({"fullUrl": f"{base}/Condition/{resource['id']}", "resource": resource, "search": {"mode": "match"}})
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries, "link": [{"relation": "self", "url": base}]}


def main(folder: Path, port: int) -> None:
    """Answer until killed."""
    base = f"http://127.0.0.1:{port}{PATH}"
    page, statement = (folder / "page.json").read_bytes(), (folder / "metadata.json").read_bytes()
    token = {"access_token": "a", "token_type": "Bearer", "expires_in": 570, "scope": "system/Condition.rs"}
    smart = {
        "token_endpoint": f"http://127.0.0.1:{port}/token",
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic"],
        "scopes_supported": ["system/Condition.rs"],
        "capabilities": ["client-confidential-symmetric", "permission-v2"],
    }

    async def answer(request: web.Request) -> web.Response:
        documents = {"/.well-known/smart-configuration": json.dumps(smart).encode(), "/metadata": statement, "/Condition": page}
        body = json.dumps(token).encode() if request.path == "/token" else documents.get(request.path.removeprefix(PATH))
        kind = "application/fhir+json" if body in (page, statement) else "application/json"
        return web.Response(status=404 if body is None else 200, body=body, content_type=kind)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", answer)
    print(base, flush=True)
    web.run_app(application, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
