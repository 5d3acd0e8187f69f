"""Options of a run on the command line, built from their one declaration.

Takes: a command that wants `Options`.   Gives: the same command with one parameter for each option, as Typer reads it.
Never: declares an option itself; see `circle/options.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from circle.options import Options, told


def with_options(command: Callable[..., None], *, leave_out: frozenset[str] = frozenset()) -> Callable[..., None]:
    """A command whose last parameter is `options: Options`, in the form that Typer understands.

    Only what was said on the command line differs from the defaults in what the command gets; `leave_out` names options that it does
    not take. A command with a parameter `said` also gets the names of the options that were said.
    """
    parameters = inspect.signature(command, eval_str=True).parameters
    wants_said = "said" in parameters
    own = [each for each in parameters.values() if each.name not in {"options", "said"}]
    asked = []
    for name, kind, how in told():
        if name in leave_out:
            continue
        first = f"--{name.replace('_', '-')}"
        option = typer.Option(first, *how.names, help=how.help)
        default = getattr(Options(), name)
        default = list(default) if isinstance(default, tuple) else default
        asked.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=default,
                annotation=Annotated[list[str] if kind == tuple[str, ...] else kind, option],
            )
        )

    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)

    def wrapped(**said: Any) -> None:
        names = [each.name for each in asked]
        where = said.pop("context")
        values: dict[str, Any] = {name: tuple(said[name]) if isinstance(said[name], list) else said[name] for name in names}
        rest = {name: value for name, value in said.items() if name not in values}
        if wants_said:
            rest["said"] = frozenset(name for name in names if getattr(where.get_parameter_source(name), "name", "") == "COMMANDLINE")
        command(**rest, options=Options(**values))

    wrapped.__name__ = command.__name__
    wrapped.__doc__ = command.__doc__
    wrapped.__signature__ = inspect.Signature([each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own] + [*asked, context])  # type: ignore[attr-defined]
    wrapped.__annotations__ = {each.name: each.annotation for each in (*own, *asked, context)}
    return wrapped
