"""Two kinds of trouble: errors that stop, and findings that are counted.

Takes: what went wrong, in words a planner can act on.   Gives: the error tree, and the `Findings` list.
Never: prints, exits, or swallows.

The tree::

    CircleError                      exit status 1: could not finish
    ├─ SourceError    (OSError)      2  a file could not be read, or holds something else than it says
    │  └─ FetchError                 1  nothing is wrong with the question: the server or the line to it failed
    ├─ PlaceError     (ValueError)   2  the data holds nothing that can be analysed
    ├─ RuleError      (ValueError)   2  a standard or rules file says something impossible: file, key, value
    ├─ OutputError    (OSError)      2  the output folder cannot be written (1 when the disk is full)
    ├─ SchemaError    (ValueError)   1  a table lacks a column, or holds another type or range: a bug of ours
    ├─ NetworkError   (ValueError)   2  there is nothing to walk on
    └─ SitingError    (RuntimeError) 1  no plan keeps all conditions: says which one binds

Bad map data is not an error: it is a *finding*, with a code, an OSM id and a stage, that is counted and saved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


class CircleError(Exception):
    """Root of every error that `circle` raises on purpose. The message ends in what to do."""

    exit_status = 1


class SourceError(CircleError, OSError):
    """A source could not be read, or is not what its name says."""

    exit_status = 2


class FetchError(SourceError):
    """A server cannot be reached, stays busy, or breaks off: to be tried again, or elsewhere."""

    exit_status = 1


class PlaceError(CircleError, ValueError):
    """The data were read, and hold nothing that could be analysed."""

    exit_status = 2


class RuleError(CircleError, ValueError):
    """A standard, walker or rules file says something impossible; the message names file, key and value."""

    exit_status = 2


class OutputError(CircleError, OSError):
    """The output folder cannot be written, or is something else. `exit_status` is 1 when the disk is at fault."""

    exit_status = 2


class SchemaError(CircleError, ValueError):
    """A table lacks a declared column, or holds another type or range than declared in `rules/tables`."""


class NetworkError(CircleError, ValueError):
    """No walkable way in the data."""

    exit_status = 2


class SitingError(CircleError, RuntimeError):
    """No choice of stations keeps all conditions; the message says which one binds."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One piece of bad or doubtful map data.

    Attributes: `code` (`stage.what`, declared in `rules/findings.toml`), `id` (`way/123`, or empty for the whole source) and `detail`
    (plain text, may quote OSM: untrusted).
    """

    code: str
    id: str
    detail: str = ""

    @property
    def stage(self) -> str:
        """The stage that found it: the part of the code before the dot."""
        return self.code.partition(".")[0]


@dataclass(slots=True)
class Findings:
    """What is wrong with the data of one run, in the order in which it was found.

    >>> findings = Findings()
    >>> findings.add("sources.missing_node", "way/7", "2 of 5 nodes")
    >>> findings.counts()
    {'sources.missing_node': 1}
    """

    items: list[Finding] = field(default_factory=list)

    def add(self, code: str, id: str = "", detail: str = "") -> None:
        """Record one finding."""
        self.items.append(Finding(code, id, detail))

    def extend(self, code: str, ids: Iterable[str], detail: str = "") -> None:
        """Record the same finding for several objects."""
        self.items.extend(Finding(code, each, detail) for each in ids)

    def counts(self) -> dict[str, int]:
        """How often each code occurs, most frequent first, then by code."""
        return dict(sorted(Counter(f.code for f in self.items).items(), key=lambda item: (-item[1], item[0])))

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)
