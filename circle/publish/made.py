"""What a published page was made from, in its head, and how to tell whether it still is what would be made today.

Takes: a run's record; the text of a page.   Gives: `Made` (version and SHA-256 of every input), the facts a page holds, differences.
Never: lets anything into the head of a page that is not a version number or a digest.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import json
import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from circle.errors import SourceError

_VERSION = re.compile(r"[0-9][0-9A-Za-z.+]{0,40}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_GENERATOR = re.compile(r'<meta name="generator" content="circle ([^"]*)">')
_INPUT = re.compile(r'<meta name="circle:input" content="sha256:([^"]*)">')
_BLOCK = re.compile(r'(<script type="text/plain" id="block-([a-z]+)">)([A-Za-z0-9+/=]*)(</script>)')


@dataclass(frozen=True, slots=True)
class Made:
    """What a page was made from: `version` of circle, SHA-256 of each input (`inputs`), in the order of the run.

    >>> Made("0.1.0", ("ab" * 32,)).head().splitlines()[0]
    '<meta name="generator" content="circle 0.1.0">'
    """

    version: str = ""
    inputs: tuple[str, ...] = ()

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Made:
        """From a run's record; what is no version and no digest stays out."""
        version = str(record.get("circle", ""))
        digests = (str(given.get("sha256", "")) for given in record.get("inputs", []))
        return cls(version if _VERSION.fullmatch(version) else "", tuple(each for each in digests if _DIGEST.fullmatch(each)))

    def head(self) -> str:
        """Give the lines of the page's head that say so.

        Raises
        ------
        ValueError   something else than a version and digests was put in
        """
        if not (self.version == "" or _VERSION.fullmatch(self.version)) or not all(map(_DIGEST.fullmatch, self.inputs)):
            raise ValueError("only a version and digests may stand in the head of a page")
        lines = [f'<meta name="generator" content="circle {self.version}">'] if self.version else []
        lines += [f'<meta name="circle:input" content="sha256:{digest}">' for digest in self.inputs]
        return "".join(f"{line}\n" for line in lines)


def read(page: str) -> Made:
    """What the head of a page says that it was made from."""
    head = page.partition("</head>")[0]
    version = _GENERATOR.search(head)
    return Made(version[1] if version else "", tuple(_INPUT.findall(head)))


def facts(page: str, called: str = "the page") -> dict[str, Any]:
    """What a published page says of its run: standard, walker, inputs, summary, attribution.

    Raises
    ------
    SourceError
        The text is not a page that circle published.
    """
    blocks = _blocks(page)
    try:
        raw = blocks["meta"]
        (length,) = struct.unpack("<I", raw[:4])
        told = json.loads(raw[4 : 4 + length])
    except (KeyError, struct.error, ValueError) as trouble:
        raise SourceError(f"{called} is no page that circle published. Draw it with `circle map`.") from trouble
    return dict(told)


def published(page: str) -> bool:
    """Whether a text is a page that circle published."""
    return "meta" in _blocks(page)


def differences(stored: str, fresh: str) -> list[str]:
    """Which parts of two pages differ: `head`, `script and style`, or the names of blocks; nothing where they show the same.

    How blocks are squeezed depends on the machine's zlib, and the last digits of the self-check on its processor: neither counts.
    """
    out = []
    if read(stored) != read(fresh):
        out.append("head")
    if _bare(stored) != _bare(fresh):
        out.append("script and style")
    before, after = _blocks(stored), _blocks(fresh)
    told = [facts(each) for each in (stored, fresh)]
    for each in told:
        each.get("check", {}).pop("worst_difference_s", None)
    names = sorted({*before, *after})
    return out + [name for name in names if (told[0] != told[1] if name == "meta" else before.get(name) != after.get(name))]


def _blocks(page: str) -> dict[str, bytes]:
    """The page's blocks, unpacked; what cannot be unpacked is left out."""
    out = {}
    for _, name, text, _ in _BLOCK.findall(page):
        try:
            out[name] = gzip.decompress(base64.b64decode(text, validate=True))
        except (binascii.Error, OSError, EOFError, zlib.error):
            continue
    return out


def _bare(page: str) -> str:
    """The page without its blocks and without what `read` reads."""
    return _INPUT.sub("", _GENERATOR.sub("", _BLOCK.sub(r"\1\4", page)))
