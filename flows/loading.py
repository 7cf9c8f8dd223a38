"""Reads a recipe file, applies overrides, and turns every mistake into one sentence with its place and its remedy."""

import difflib
import tomllib
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from catalog.errors import UserError
from catalog.ids import digest
from flows.recipe import Recipe

_OPERATIONAL = {
    *("url", "api_key_env", "concurrency", "timeout_s", "retries", "python", "start_timeout_s", "restarts"),
    *("tensor_parallel", "data_parallel", "prefix_caching", "batch", "threads", "price_input", "price_output", "args"),
}
"""Teacher settings that change how answers are got and not which: they are no part of a build's identity."""


@dataclass(frozen=True)
class Resolved:
    """A recipe ready to run."""

    recipe: Recipe
    path: Path
    inputs: dict[str, str]
    """Content hash of each file the recipe reads, by its place in the recipe."""

    @property
    def base(self) -> Path:
        """The folder that relative paths in the recipe start from."""
        return self.path.parent

    @property
    def version(self) -> str:
        """The build's identity: 12 hexadecimal characters over all that decides which rows come out."""
        return digest(identity(self.recipe), self.inputs)[:12]

    def as_dict(self) -> dict[str, Any]:
        """The resolved recipe as plain values, every default filled in."""
        return self.recipe.model_dump(mode="json")


def identity(recipe: Recipe) -> dict[str, Any]:
    """Gives what of a recipe decides which rows come out: no budget, training, audit, sandbox, operational settings."""
    values = recipe.model_dump(mode="json", exclude={"budget": True, "train": True, "verify": {"audit", "sandbox"}})
    values["teachers"] = {
        name: {key: value for key, value in teacher.items() if key not in _OPERATIONAL}
        for name, teacher in values["teachers"].items()
        if name in recipe.in_use
    }
    for stage in ("revise", "hint"):
        if values[stage] is None:
            del values[stage]  # builds of recipes without it keep their identity
    return values


def load(path: str | Path, overrides: typing.Sequence[str] = ()) -> Resolved:
    """Gives the recipe at `path` with `a.b=value` overrides applied; values are read as TOML, else as text.

    Raises UserError for a missing file, broken TOML, an unknown key (with the nearest known name), a wrong type, a
    missing value, or an input file that is not there.
    """
    from generators.tasks import fingerprint

    path = Path(path)
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"There is no recipe {path}: give the path of a TOML file, such as {_examples()}.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The recipe {path} cannot be read ({error}): give a readable TOML file.") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"The recipe {path} is not TOML: {error}.") from None
    recipe = validated(values, overrides, str(path))
    inputs = {
        f"tasks.{i}": mark for i, section in enumerate(recipe.tasks) if (mark := fingerprint(section, path.parent))
    }
    return Resolved(recipe, path, inputs)


def validated(values: dict[str, Any], overrides: typing.Sequence[str], where: str) -> Recipe:
    """Gives the recipe of plain values with overrides applied; UserError, with `where` in front, for a mistake."""
    for override in overrides:
        apply_override(values, override)
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UserError(f"{where}: {explain(error, Recipe)}") from None


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Gives one sentence a mistake, the place first; an unknown key gets the nearest known name."""
    return " ".join(_sentence(mistake, model) for mistake in error.errors(include_url=False))


def _sentence(mistake: Any, model: type[BaseModel]) -> str:
    loc, kind = mistake["loc"], mistake["type"]
    owner, shown = _walk(model, loc[:-1] if kind in ("extra_forbidden", "missing") else loc)
    if kind == "extra_forbidden":
        known = list(owner.model_fields) if owner else []
        near = difflib.get_close_matches(str(loc[-1]), known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(sorted(known))}."
        return f"{_dotted([*shown, loc[-1]])} is no setting: {hint}"
    if kind == "missing":
        return f"{_dotted([*shown, loc[-1]])} is missing: add it."
    if kind.startswith("union_tag"):
        context = mistake.get("ctx", {})
        key = str(context.get("discriminator", "")).strip("'")
        known = [tag.strip("'") for tag in str(context.get("expected_tags", "")).split(", ") if tag]
        if kind == "union_tag_invalid":
            near = difflib.get_close_matches(str(context.get("tag")), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
            return f"{_dotted([*shown, key])} cannot be {context.get('tag')!r}: {hint}"
        return f"{_dotted([*shown, key])} is missing: it says which kind this is."
    if kind == "value_error":
        return f"{mistake['ctx']['error']}."
    given = mistake.get("input")
    wanted = mistake["msg"].removeprefix("Input ")
    return f"{_dotted(shown)} is {given!r}, but it {wanted}."


def _walk(model: type[BaseModel], loc: typing.Sequence[int | str]) -> tuple[type[BaseModel] | None, list[int | str]]:
    """Gives the model at a place of an error, and the place without the tags that pydantic adds for unions."""
    current: Any = model
    shown: list[int | str] = []
    for part in loc:
        members = _members(current)
        tagged = [m for m in members if _is_model(m) and part in _tags(m)]
        if len([m for m in members if _is_model(m)]) > 1 and tagged:
            current = tagged[0]
            continue
        shown.append(part)
        current = _inside(members, part)
    models = [m for m in _members(current) if _is_model(m)]
    return (models[0] if models else None), shown


def _members(kind: Any) -> list[Any]:
    """The alternatives of an annotation, with Annotated and optional taken off."""
    if typing.get_origin(kind) is typing.Annotated:
        return _members(typing.get_args(kind)[0])
    if typing.get_origin(kind) in (typing.Union, types.UnionType):
        return [inner for arm in typing.get_args(kind) for inner in _members(arm)]
    return [kind]


def _inside(members: list[Any], part: int | str) -> Any:
    for member in members:
        if _is_model(member) and part in member.model_fields:
            return member.model_fields[part].annotation
        origin, args = typing.get_origin(member), typing.get_args(member)
        if origin is dict:
            return args[1]
        if origin in (tuple, list):
            return args[0]
    return None


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _tags(model: type[BaseModel]) -> set[Any]:
    return {
        tag
        for field in model.model_fields.values()
        if typing.get_origin(field.annotation) is Literal
        for tag in typing.get_args(field.annotation)
    }


def _dotted(loc: typing.Sequence[int | str]) -> str:
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def apply_override(values: dict[str, Any], override: str) -> None:
    """Sets one `a.b=value` in the values of a recipe; a number names an entry of a list. UserError where it cannot."""
    name, found, text = override.partition("=")
    if not found or not name:
        raise UserError(f"--set {override!r} has no value: write it as a.b=value.")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    *path, last = name.split(".")
    target: Any = values
    for i, part in enumerate(path):
        target = _step(target, part, ".".join(path[: i + 1]), override)
    if isinstance(target, list):
        _step(target, last, name, override)
        target[int(last)] = value
    elif isinstance(target, dict):
        target[last] = value
    else:
        raise UserError(f"--set {override!r}: {'.'.join(path)} is a value, not a section.")


def _step(target: Any, part: str, at: str, override: str) -> Any:
    if isinstance(target, dict):
        return target.setdefault(part, {})
    if isinstance(target, list) and part.isdigit() and int(part) < len(target):
        return target[int(part)]
    raise UserError(f"--set {override!r}: the recipe has no {at}.")


def _examples() -> str:
    found = sorted(str(path) for path in Path("recipes").glob("*.toml"))
    return ", ".join(found[:3]) if found else "recipes/quickstart.toml"
