"""Teachers: whatever completes raw text for a build, opened by the settings of the recipe."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from generators.teachers.protocol import Teacher
from generators.teachers.settings import (
    EmbeddedSettings,
    OpenAISettings,
    ScriptedSettings,
    TeacherSettings,
    VllmSettings,
)


@asynccontextmanager
async def open_teacher(name: str, settings: TeacherSettings, base: Path) -> AsyncIterator[Teacher]:
    """Gives the teacher that the settings describe, ready to answer; it is closed, its server ended, on leaving.

    `name` is its name in the recipe and `base` the recipe's folder, from which relative paths count. The teacher
    belongs to the event loop that opened it. Raises UserError where the settings cannot work here.
    """
    match settings:
        case EmbeddedSettings():
            from generators.teachers.embedded import open_embedded

            async with open_embedded(name, settings) as teacher:
                yield teacher
        case OpenAISettings():
            from generators.teachers.openai import open_openai

            async with open_openai(name, settings) as teacher:
                yield teacher
        case VllmSettings():
            from generators.teachers.vllm import open_vllm

            async with open_vllm(name, settings, base) as teacher:
                yield teacher
        case ScriptedSettings():
            from generators.teachers.scripted import open_scripted

            async with open_scripted(name, settings, base) as teacher:
                yield teacher
