"""A teacher that is already running: any OpenAI-compatible endpoint that offers /v1/completions."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from yarl import URL

from catalog.errors import UserError
from generators.teachers.client import CompletionsClient
from generators.teachers.protocol import Teacher
from generators.teachers.settings import OpenAISettings


@asynccontextmanager
async def open_openai(name: str, settings: OpenAISettings) -> AsyncIterator[Teacher]:
    """Gives the endpoint as a teacher; nothing is asked of it yet.

    Raises UserError for a URL that cannot be one and for a key whose environment variable is not set.
    """
    _check_url(name, settings.url)
    key = None
    mend = "check its url and model in the recipe"
    if settings.api_key_env is None:
        mend += "; it may want a key, named by api_key_env"
    else:
        key = os.environ.get(settings.api_key_env, "").strip()
        mend += f" and the key in ${settings.api_key_env}"
        if not key:
            raise UserError(
                f"The teacher {name!r} wants its key from ${settings.api_key_env}, which is not set: export it first."
            )
    revision = f"{settings.model}@{settings.revision}" if settings.revision else settings.model
    async with CompletionsClient(
        name,
        revision,
        url=settings.url,
        model=settings.model,
        concurrency=settings.concurrency,
        timeout_s=settings.timeout_s,
        retries=settings.retries,
        api_key=key,
        mend=mend,
    ) as client:
        yield client


def _check_url(name: str, text: str) -> None:
    try:
        url = URL(text)
        right = url.scheme in ("http", "https") and bool(url.host) and not url.query_string
    except ValueError:
        right = False
    if not right:
        raise UserError(
            f"The url {text!r} of teacher {name!r} is none: write http://host:port/v1, with the version but no further."
        )
