"""The wire: places by name and raw OpenStreetMap objects by area, asked for politely through OSMnx.

Takes: a place name, or a box in degrees.   Gives: what Nominatim knows by that name; `Elements`, the objects of the box as they are.
Never: retries without end or without a word, keeps a broken answer, or lets a partial one pass for a whole one.

OSMnx brings its cache, its headers and its manners (one question at a time, and none before the server has a slot free). Its public
functions give graphs and features, which have lost node references and relations; the raw answer is only to be had from the function
behind them, so the versions are bounded in pyproject.toml and `_osmnx` looks whether all that is used is there.
"""

from __future__ import annotations

import html
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar
from urllib.parse import urlsplit

from circle import rules
from circle.errors import FetchError, PlaceError, SourceError
from circle.sources.elements import Elements

Say = Callable[[str, str], None]
Box = tuple[float, float, float, float]
Given = TypeVar("Given")

ENDPOINT = "https://overpass-api.de/api"
GEOCODER = "https://nominatim.openstreetmap.org"
USER_AGENT = "circle (walking minutes to daily services; through OSMnx)"
RETRY_STATUS = frozenset([429, 500, 502, 503, 504])
INSTEAD = "Or use a file: an extract (.osm.pbf) works everywhere that a fetched place does."
TOO_MUCH = re.compile(r"timed out|out of memory|memory|maxsize", re.IGNORECASE)
BUSY = re.compile(r"rate_limited|too busy|dispatcher|please try again", re.IGNORECASE)

# Every object in the box, the ways whole, and those relations whole that are areas; other relations as they are, without their members:
# a bus line has thousands. Boundaries above the subdistrict reach across provinces and are left out.
QUERY = (
    "[out:json][timeout:{seconds}];"
    "(node({box});way({box});"
    'relation["type"="multipolygon"]({box});'
    'relation["boundary"="administrative"]["admin_level"~"^(8|9|10|11)$"]({box});'
    ");(._;>;);out meta;"
    'relation["type"]["type"!~"^(multipolygon|boundary)$"]({box});out meta;'
)


@dataclass(frozen=True, slots=True)
class Wire:
    """Whom to ask, and how: addresses of Overpass and Nominatim, the name that we give, seconds to wait for an answer, the cache."""

    endpoint: str = ENDPOINT
    geocoder: str = GEOCODER
    user_agent: str = USER_AGENT
    timeout_s: int = 180
    cache: Path | None = None
    fresh: bool = False

    def checked(self) -> Wire:
        """The same with tidy addresses.

        Raises
        ------
        SourceError
            An address is no http(s) address, the name cannot be sent, or the timeout is not positive.
        """
        for option, address in (("--endpoint", self.endpoint), ("--geocoder", self.geocoder)):
            with suppress(ValueError):
                parts = urlsplit(address)
                if parts.scheme in {"http", "https"} and parts.hostname and address.isprintable() and " " not in address:
                    continue
            raise SourceError(f"{option} {_plain(address)} is no address. It looks like {ENDPOINT}.")
        if not self.user_agent.strip() or not re.fullmatch(r"[\x20-\x7e]+", self.user_agent):
            raise SourceError("--user-agent must be plain letters (ASCII), such as a name and a way to reach you: servers ask for both.")
        if not 1 <= self.timeout_s <= 3600:
            raise SourceError(f"--timeout {self.timeout_s} must be from 1 to 3600 seconds.")
        tidy = re.sub(r"/+(interpreter/?)?$", "", self.endpoint)
        return Wire(tidy, self.geocoder.rstrip("/"), self.user_agent, self.timeout_s, self.cache, self.fresh)


@dataclass(frozen=True, slots=True)
class Found:
    """One answer of the geocoder: its full name, OSM id (`relation/4`), outline or point as GeoJSON, importance from 0 to 1."""

    name: str
    id: str
    shape: dict[str, Any]
    importance: float


class _Later(Exception):  # noqa: N818 - a request to come back
    """The server asks to come back: `words` say why, `pause` in how many seconds (None: it does not say)."""

    def __init__(self, words: str, pause: float | None = None) -> None:
        super().__init__(words)
        self.words, self.pause = words, pause


class TooMuch(Exception):  # noqa: N818 - answered by asking for less
    """The server could not finish: the box holds too much for it."""


def _plain(text: object, most: int = 200) -> str:
    """Text from the wire on one line, never longer than `most`, nothing that a terminal would obey."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[: 10 * most]).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _osmnx() -> SimpleNamespace:
    """The parts of OSMnx that are used here, or a word that they are not there."""
    try:
        import osmnx  # noqa: PLC0415 - a second to import, and only a fetch needs it
        from osmnx import _http, _nominatim, _overpass, settings  # noqa: PLC0415

        return SimpleNamespace(
            settings=settings,
            http=_http,
            resolver=_http._original_getaddrinfo,
            cached=_http._resolve_cache_filepath,
            geocode=_nominatim._download_nominatim_element,
            pause=_overpass._get_overpass_pause,
            ask=_overpass._overpass_request,
            insufficient=(osmnx._errors.InsufficientResponseError, osmnx._errors.ResponseStatusCodeError),
        )
    except (ImportError, AttributeError) as trouble:
        raise SourceError(f"OSMnx is missing or of another version ({trouble}). Install osmnx>=2.1,<2.2. {INSTEAD}") from trouble


class Client:
    """Asks, waits, and says so. `say(stage, detail)`: geocode, ask, wait, receive, retry."""

    def __init__(self, wire: Wire, say: Say | None = None, sleep: Callable[[float], None] = time.sleep) -> None:
        self.wire = wire.checked()
        self.say: Say = say or (lambda stage, detail: None)  # noqa: ARG005
        self.rule = rules.settings("fetch")
        self.ox = _osmnx()
        self.statuses = 0
        self._sleep = sleep

    # --- places by name

    def places(self, name: str) -> list[Found]:
        """What the geocoder knows by a name, the most important first.

        Raises
        ------
        PlaceError
            It knows no such place.
        FetchError
            It cannot be reached, or answers something else.
        """
        if not name.strip():
            raise PlaceError("A place needs a name, such as “铁山区, 黄石市”. Or give --bbox, --around or --polygon.")
        self.say("geocode", _plain(name, 60))
        host = urlsplit(self.wire.geocoder).hostname or ""
        with self._settings():
            answer = self._patiently(host, lambda: self.ox.geocode(name, limit=10), self.wire.geocoder)
        found = [one for one in map(_found, answer) if one is not None]
        if not found:
            raise PlaceError(
                f"{host} knows no place called “{_plain(name, 80)}”. Add the city or province, write it as the map does, "
                "or give --bbox, --around or --polygon."
            )
        return sorted(found, key=lambda one: -one.importance)

    # --- objects of a box

    def elements(self, box: Box) -> Elements:
        """Every object in a box (west, south, east, north), the ways and areas whole.

        Raises
        ------
        FetchError
            The server cannot be reached, stays busy, breaks off, or gives something else than OSM objects.
        SourceError
            The server refuses the question.
        """
        return self._divided(box, 0)

    def _divided(self, box: Box, depth: int) -> Elements:
        try:
            with self._settings():
                return self._once(box)
        except TooMuch as trouble:
            if depth >= self.rule["halvings"]:
                raise FetchError(
                    f"{urlsplit(self.wire.endpoint).hostname} cannot finish even a small part of the area: “{trouble}”. "
                    f"Give it more time (--timeout), another --endpoint, or a smaller area. {INSTEAD}"
                ) from trouble
            self.say("retry", f"“{_plain(trouble, 60)}”; asking in four smaller parts")
        west, south, east, north = box
        lon, lat = round((west + east) / 2, 7), round((south + north) / 2, 7)
        parts = [(west, south, lon, lat), (lon, south, east, lat), (west, lat, lon, north), (lon, lat, east, north)]
        whole = Elements()
        for part in parts:
            whole.add(self._divided(part, depth + 1))
        return whole

    def _once(self, box: Box) -> Elements:
        west, south, east, north = box
        query = QUERY.format(seconds=self.wire.timeout_s, box=f"{south:.7f},{west:.7f},{north:.7f},{east:.7f}")
        data = OrderedDict(data=query)
        host = urlsplit(self.wire.endpoint).hostname or ""
        url = f"{self.wire.endpoint}/interpreter"

        def ask() -> Elements:
            if self.wire.fresh or not self._cached(url, data).is_file():
                self._slot()
            answer = self.ox.ask(data)
            try:
                return self._elements(answer, host)
            except BaseException:
                self._cached(url, data).unlink(missing_ok=True)  # a broken answer would be given again
                raise

        return self._patiently(host, ask, url, data)

    def _cached(self, url: str, data: OrderedDict[str, Any]) -> Path:
        import requests  # noqa: PLC0415 - comes with OSMnx

        return Path(self.ox.cached(str(requests.Request("GET", url, params=data).prepare().url)))

    def _slot(self) -> None:
        """Wait until the server has a slot free, if it says so; a server that says nothing is asked straight away."""
        import requests  # noqa: PLC0415

        self.statuses = 0
        self.ox.settings.overpass_rate_limit = True
        pause = 0.0
        with suppress(requests.RequestException, ValueError, IndexError, AttributeError, RecursionError):
            pause = float(self.ox.pause(self.wire.endpoint, default_pause=0))
        self.ox.settings.overpass_rate_limit = False
        self._wait(pause, "the server's next free slot")

    def _wait(self, seconds: float, why: str) -> None:
        most = self.rule["longest_wait_s"]
        if seconds > most:
            raise FetchError(
                f"The server asks to wait {seconds / 60:.0f} minutes ({why}). Try again later, or another --endpoint. {INSTEAD}"
            )
        left = int(seconds)
        while left > 0:
            self.say("wait", f"{left} s: {why}")
            self._sleep(min(1, left))
            left -= 1

    def _elements(self, answer: Any, host: str) -> Elements:
        """Check an answer of Overpass and take the objects out of it."""
        if not isinstance(answer, dict) or not isinstance(answer.get("elements"), list) or not isinstance(answer.get("osm3s"), dict):
            raise FetchError(f"{host} answered something else than Overpass does: “{_plain(json.dumps(answer), 100)}”. Check --endpoint.")
        remark = answer.get("remark")
        if remark is not None:
            words = _plain(remark)
            if TOO_MUCH.search(words):
                raise TooMuch(words)
            if BUSY.search(words):
                raise _Later(words)
            if re.search("error", words, re.IGNORECASE):
                raise FetchError(f"{host} broke off: “{words}”. Try again later, or another --endpoint. {INSTEAD}")
        taken = Elements.of(answer, host)
        lacking, ways = taken.lacking()
        if lacking > self.rule["lacking_share"] * max(1, ways):
            raise FetchError(
                f"{host} sent half an answer: {lacking:,} of {ways:,} ways lack some of their nodes. Try again later. {INSTEAD}"
            )
        return taken

    # --- manners

    def _patiently(self, host: str, ask: Callable[[], Given], url: str, data: OrderedDict[str, Any] | None = None) -> Given:
        """Ask again where that makes sense: a busy server, an answer that was cut short. Never more than `tries` times."""
        import requests  # noqa: PLC0415 - comes with OSMnx

        tries = int(self.rule["tries"])
        words = ""
        for turn in range(1, tries + 1):
            pause: float | None = None
            try:
                return ask()
            except _Later as trouble:
                words, pause = trouble.words, trouble.pause
            except self.ox.insufficient:
                words = "the answer was cut short, or is not what such a server gives"
            except requests.RequestException as trouble:
                words = self._line_trouble(trouble, host, url, parts=data is not None)
            except (json.JSONDecodeError, UnicodeDecodeError):  # a cache file that was not written to its end
                words, pause = "a broken answer in the cache", 0.0
                if data is not None:
                    self._cached(url, data).unlink(missing_ok=True)
                self.ox.settings.use_cache = False
            if turn < tries:
                rest = min(self.rule["retry_wait_s"] * 2 ** (turn - 1), self.rule["longest_wait_s"]) if pause is None else pause
                self.say("retry", f"{_plain(words, 80)}; try {turn + 1} of {tries}")
                self._wait(rest, _plain(words, 60))
        later = f"Try again later, or another --endpoint. {INSTEAD}"
        raise FetchError(f"{host} did not give a whole answer in {tries} tries: {_plain(words)}. {later}")

    def _line_trouble(self, trouble: Exception, host: str, url: str, *, parts: bool) -> str:
        """Why the line failed, in a few words; what cannot become better by asking again is raised. `parts`: less can be asked for."""
        from requests import exceptions as kinds  # noqa: PLC0415

        if isinstance(trouble, kinds.ConnectTimeout):
            raise FetchError(f"{host} cannot be reached: nobody answers there. Check network and proxy. {INSTEAD}") from trouble
        if isinstance(trouble, kinds.Timeout):
            words = f"no answer within {self.wire.timeout_s} s"
            if parts:
                raise TooMuch(words) from trouble
            return words
        if isinstance(trouble, kinds.TooManyRedirects):
            raise FetchError(f"{host} sends from one address to the next without end. Check --endpoint or --geocoder.") from trouble
        if isinstance(trouble, (kinds.InvalidURL, kinds.InvalidSchema, kinds.InvalidHeader)):
            raise SourceError(f"{_plain(url, 80)} cannot be asked ({_plain(trouble, 80)}). Check the address.") from trouble
        if isinstance(trouble, kinds.SSLError):
            what = f"The connection to {host} is not safe ({_plain(trouble, 80)})"
            raise FetchError(f"{what}. Check date, proxy and certificates of this machine.") from trouble
        if isinstance(trouble, kinds.ConnectionError):
            if _nobody_there(trouble):
                raise FetchError(f"{host} cannot be reached: this machine is offline, or the address is wrong. {INSTEAD}") from trouble
            return "the connection broke off"
        return "the answer was cut short"

    @contextmanager
    def _settings(self) -> Iterator[None]:
        """OSMnx as it is wanted here, and afterwards as it was."""
        settings, wire = self.ox.settings, self.wire
        cache = wire.cache
        wanted = {
            "overpass_url": wire.endpoint,
            "nominatim_url": wire.geocoder,
            "http_user_agent": wire.user_agent,
            "http_referer": "circle",
            "http_accept_language": "zh,en",
            "requests_timeout": (self.rule["connect_s"], wire.timeout_s + self.rule["connect_s"]),
            "requests_kwargs": {"hooks": {"response": self._answered}},
            "use_cache": cache is not None and not wire.fresh,
            "cache_folder": str(cache or "."),
            "overpass_rate_limit": False,  # `_slot` waits, and says so
            "doh_url_template": None,  # nobody else is asked where the server is
            "log_console": False,
            "log_file": False,
        }
        before = {name: getattr(settings, name) for name in wanted}
        if cache is not None:
            _forget_old(cache, self.rule["cache_days"])
        try:
            for name, value in wanted.items():
                setattr(settings, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(settings, name, value)
            self.ox.http.socket.getaddrinfo = self.ox.resolver  # OSMnx ties the name to one address, for every later caller too

    def _answered(self, response: Any, *_: Any, **__: Any) -> Any:
        """Look at an answer before OSMnx does: it would wait a minute on a busy server without a word, and again without end."""
        host = urlsplit(response.url).hostname or ""
        if response.is_redirect:
            return response
        if response.url.rstrip("/").endswith("/status"):
            self.statuses += 1
            if self.statuses > self.rule["status_tries"]:
                raise _Later("the server is still working on an earlier question")
            if self.statuses > 1:
                self.say("wait", "the server is still working on an earlier question")
            return response
        response.raw = _Counted(response.raw, self.say, self.rule["most_bytes"], host)
        status = int(response.status_code)
        page = "html" in response.headers.get("Content-Type", "").lower()
        if response.ok and not page:
            return response
        words = _plain(_page_text(response.text)) or _plain(response.reason)
        if status in RETRY_STATUS or (response.ok and BUSY.search(words)):
            raise _Later(
                f"{host} answered {status} {_plain(response.reason, 40)}".strip(), _retry_after(response.headers.get("Retry-After"))
            )
        if response.ok:
            raise FetchError(f"{host} answered with a web page, not with data: “{words}”. Is there a login page in between? {INSTEAD}")
        if status == 400:
            raise SourceError(f"{host} refuses the question: “{words}”. Check --endpoint: it may be another version of Overpass.")
        raise SourceError(f"{host} answered {status}: “{words}”. Check --endpoint, --geocoder and --user-agent.")


class _Counted:
    """The raw stream of an answer; says how much has come, and stops one that never ends."""

    def __init__(self, raw: Any, say: Say, most: float, host: str) -> None:
        self._raw, self._say, self._most, self._host = raw, say, most, host

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def stream(self, amount: int | None = None, decode_content: bool | None = None) -> Iterator[bytes]:  # noqa: FBT001
        seen = told = 0
        for chunk in self._raw.stream(amount, decode_content=decode_content):
            seen += len(chunk)
            if seen > self._most:
                raise FetchError(
                    f"{self._host} sends more than {self._most / 1e6:,.0f} MB and does not stop. Ask for a smaller area. {INSTEAD}"
                )
            if seen - told >= 250_000:
                told = seen
                self._say("receive", f"{seen / 1e6:.1f} MB")
            yield chunk


def _found(one: Any) -> Found | None:
    """One row of Nominatim's answer, if it has a shape."""
    if not isinstance(one, dict) or not isinstance(one.get("geojson"), dict):
        return None
    kind, number = one.get("osm_type"), one.get("osm_id")
    try:
        importance = float(one.get("importance", 0.0))
    except (TypeError, ValueError):
        importance = 0.0
    return Found(_plain(one.get("display_name", "")), f"{_plain(kind, 10)}/{_plain(number, 20)}", one["geojson"], importance)


def _nobody_there(trouble: BaseException | None) -> bool:
    """Whether a connection was never made: no such name, nobody listening, no network."""
    text = str(trouble)
    return any(word in text for word in ("NameResolutionError", "NewConnectionError", "Name or service not known", "Failed to establish"))


def _page_text(page: str) -> str:
    """What an error page says, without its markup. Overpass puts the reason behind the word Error."""
    text = html.unescape(re.sub(r"(?s)<(script|style|title)\b.*?</\1>|<[^>]*>", " ", page[:20_000]))
    text = " ".join(text.split())
    start = text.find("Error")
    return text[start:] if start >= 0 else text


def _retry_after(value: str | None) -> float | None:
    """Seconds of a Retry-After header, where it gives a number."""
    return float(value) if value is not None and re.fullmatch(r"\d{1,6}", value.strip()) else None


def _forget_old(cache: Path, days: float) -> None:
    """Remove answers that are older than that: the map goes on."""
    if not cache.is_dir():
        return
    oldest = time.time() - days * 86_400
    for file in cache.glob("*.json"):
        with suppress(OSError):
            if re.fullmatch(r"[0-9a-f]{40}\.json", file.name) and file.stat().st_mtime < oldest:
                file.unlink()
