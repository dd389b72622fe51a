"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from millgate.settings import Settings, read_settings

if TYPE_CHECKING:
    from millgate.app import App

Result = TypeVar("Result")

DataDir = Annotated[
    str | None,
    typer.Option("--data-dir", metavar="FOLDER", help="Folder of the embedded database and the key file (MILLGATE_DATA_DIR)."),
]
DatabaseUrl = Annotated[
    str | None,
    typer.Option("--database-url", metavar="URL", help="A PostgreSQL of your own (MILLGATE_DATABASE_URL).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def settings_of(data_dir: str | None, database_url: str | None = None, **more: object) -> Settings:
    """The settings in force, the command line's last; the log is set up by them."""
    from millgate.surfaces.cli import logs

    settings = read_settings({"data_dir": data_dir, "database_url": database_url, **more})
    logs.configure(settings.log_level)
    return settings


def with_app(settings: Settings, work: Callable[[App], Awaitable[Result]]) -> Result:
    """Open the App for one piece of work, and close it behind. A command for people logs warnings only."""
    import asyncio

    from millgate.app import App
    from millgate.surfaces.cli import logs

    if settings.log_level == "info":
        logs.configure("warning")

    async def run() -> Result:
        async with App.opened(settings) as app:
            return await work(app)

    return asyncio.run(run())
