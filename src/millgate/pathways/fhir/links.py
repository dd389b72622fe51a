"""Links from page to page: followed as the source gave them, and never anywhere but to the search that they go on with. Pure.

Source: Millennium fact sheet §4.1.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from millgate.errors import CallOperator
from millgate.pathways.addresses import check_address


def check_link(link: str, fhir_base: str, resource_type: str) -> None:
    """A page link leads to the same tenant's search of the same type; anything else is not followed."""
    check_address(link, f"{fhir_base}/{resource_type}", plaintext=True)  # plain http is judged when the request is made
    if urlsplit(link).path.rstrip("/") != urlsplit(f"{fhir_base}/{resource_type}").path:
        raise CallOperator(
            "upstream_error", "The source's page link leads to something else than its search; it was not followed."
        )
