"""What the documents name exists, and what exists is documented."""

import re
import types
import typing
from pathlib import Path

from pydantic import BaseModel

from flows.cli import app
from flows.loading import load
from flows.recipe import Recipe

ROOT = Path(__file__).resolve().parent.parent


def _models(kind: object, seen: set[type[BaseModel]]) -> set[type[BaseModel]]:
    """All models that a recipe is made of."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind not in seen:
            seen.add(kind)
            for field in kind.model_fields.values():
                _models(field.annotation, seen)
    elif typing.get_origin(kind) is not None or isinstance(kind, types.UnionType):
        for inner in typing.get_args(kind):
            _models(inner, seen)
    return seen


def test_every_setting_of_a_recipe_is_documented() -> None:
    named = set(re.findall(r"`\[*([a-z_]+)", (ROOT / "docs" / "recipe.md").read_text()))
    for model in _models(Recipe, set()):
        missing = set(model.model_fields) - named
        assert not missing, f"{model.__name__}: {missing}"


def test_every_verb_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    verbs = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    assert len(verbs) > 10
    for verb in verbs:
        assert re.search(rf"`{verb}\b", text), verb


def test_the_quickstart_loads() -> None:
    load(ROOT / "recipes" / "quickstart.toml")


def test_the_recipe_over_real_problems_loads(shared_data: Path) -> None:
    load(ROOT / "recipes" / "real.toml")


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
