"""Overpass and Nominatim on this machine: a server on the loopback address that answers from a file, or as badly as it is told to.

with Wire(source) as wire:                       # an OSM file
    wire.client(tmp_path).elements(box)
with Wire(source, moods=[429, "html", "ok"]):    # the first two answers go wrong, then all is well
"""

from __future__ import annotations

import gzip
import json
import os
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import osmium

from circle.sources.overpass import Client
from circle.sources.overpass import Wire as Address

KIND = {"n": "node", "w": "way", "r": "relation"}
REMARKS = {
    "timeout": 'runtime error: Query timed out in "query" at line 1 after 180 seconds.',
    "memory": "runtime error: Query run out of memory using about 2048 MB of RAM.",
    "dispatcher": "runtime error: open64: 0 Success Dispatcher_Client::request_read_and_idx::timeout. The server is probably too busy.",
    "broken": "runtime error: disk I/O error",
    "huge": "runtime error: \u001b[31m" + "x" * 3_000_000,
}
BUSY_PAGE = (
    "<html><head><title>OSM3S Response</title></head><body>"
    "<p><strong>Error</strong>: runtime error: rate_limited. Please check /api/status</p></body></html>"
)
LOGIN_PAGE = "<!DOCTYPE html><html><body><h1>Welcome to the hotel</h1><script>alert(1)</script><p>Log in, please</p></body></html>"


def objects(path: Path) -> list[dict]:
    """Every object of a file as Overpass writes it."""
    out = []
    for one in osmium.FileProcessor(str(path)):
        made: dict = {"type": KIND[one.type_str()], "id": one.id, "version": one.version, "user": "a mapper", "uid": 7, "changeset": 1}
        if one.timestamp.year > 1970:
            made["timestamp"] = one.timestamp.strftime("%Y-%m-%dT%H:%M:%SZ")
        if one.is_node():
            made |= {"lat": one.lat, "lon": one.lon}
        elif one.is_way():
            made["nodes"] = [node.ref for node in one.nodes]
        else:
            made["members"] = [{"type": KIND[m.type], "ref": m.ref, "role": m.role} for m in one.members]
        if len(one.tags):
            made["tags"] = dict(one.tags)
        out.append(made)
    return out


class Wire:
    """The server. `moods` are spent one per question to Overpass; afterwards all is well. `places` is what Nominatim knows."""

    def __init__(self, source: Path | None = None, moods=(), places=None, place_moods=(), status=None) -> None:
        self.all = objects(source) if source else []
        self.moods, self.place_moods = list(moods), list(place_moods)
        self.places = places or {}
        self.status = status
        self.asked: list[dict[str, str]] = []
        self.queries: list[str] = []
        self.slept: list[float] = []
        self.said: list[tuple[str, str]] = []
        self.date = "2026-11-01T00:00:00Z"

    def __enter__(self) -> Wire:
        wire = self
        os.environ["NO_PROXY"] = "127.0.0.1,localhost"  # whatever stands between this machine and the world

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wire.answer(self, "")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                wire.answer(self, parse_qs(body).get("data", [""])[0])

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()
        self.host = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def client(self, cache: Path | None = None, **more) -> Client:
        """A client that asks here, sleeps not, and notes what it says."""
        address = Address(endpoint=f"{self.host}/api", geocoder=self.host, cache=cache, **{"timeout_s": 2, **more})
        return Client(address, lambda stage, detail: self.said.append((stage, detail)), self.slept.append)

    # --- answering

    def answer(self, handler: BaseHTTPRequestHandler, query: str) -> None:
        path = urlsplit(handler.path).path
        self.asked.append({"path": path, **dict(handler.headers.items())})
        if path == "/api/status":
            lines = [
                "Connected as: 1",
                "Current time: now",
                "Announced endpoint: none",
                "Rate limit: 2",
                self.status or "2 slots available now.",
            ]
            return self.send(handler, 200, "\n".join(lines).encode(), "text/plain")
        if path == "/search":
            mood = self.place_moods.pop(0) if self.place_moods else "ok"
            name = parse_qs(urlsplit(handler.path).query).get("q", [""])[0]
            return self.moody(handler, mood, lambda: json.dumps(self.places.get(name, [])).encode())
        if path == "/api/interpreter":
            self.queries.append(query)
            mood = self.moods.pop(0) if self.moods else "ok"
            return self.moody(handler, mood, lambda: json.dumps(self.overpass(query)).encode())
        if path.startswith("/round"):
            return self.send(handler, 302, b"", location=f"/round{path.count('x') % 3}")
        return self.send(handler, 404, b"<html><body>Not Found</body></html>", "text/html")

    def moody(self, handler, mood, whole) -> None:  # noqa: C901, PLR0911
        if mood == "ok":
            return self.send(handler, 200, whole(), packed="gzip" in handler.headers.get("Accept-Encoding", ""))
        if isinstance(mood, int):
            retry = {"Retry-After": "7"} if mood == 429 else {}
            return self.send(
                handler, mood, b"<html><body><p><strong>Error</strong>: server says no</p></body></html>", "text/html", **retry
            )
        if isinstance(mood, str) and mood in REMARKS:
            return self.send(handler, 200, json.dumps({**self.envelope([]), "remark": REMARKS[mood]}).encode())
        if mood == "half":  # fewer bytes than were announced
            body = whole()
            handler.send_response(200)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body[: len(body) // 2])
            handler.close_connection = True
            return None
        if mood == "cut":  # all the bytes that were announced, and no end
            return self.send(handler, 200, whole()[:-40])
        if mood == "busy page":
            return self.send(handler, 200, BUSY_PAGE.encode(), "text/html")
        if mood == "login":
            return self.send(handler, 200, LOGIN_PAGE.encode(), "text/html; charset=utf-8")
        if mood == "round":
            return self.send(handler, 302, b"", location="/round")
        if mood == "silence":
            time.sleep(4)
            handler.close_connection = True
            return None
        if mood == "hang up":
            handler.close_connection = True
            return None
        return self.send(handler, 200, mood if isinstance(mood, bytes) else json.dumps(mood).encode())

    def send(self, handler, status, body, kind="application/json", *, location="", packed=False, **more) -> None:
        if packed:
            body = gzip.compress(body, 1)
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in {
            **more,
            **({"Location": location} if location else {}),
            **({"Content-Encoding": "gzip"} if packed else {}),
        }.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def envelope(self, elements: list[dict]) -> dict:
        return {
            "version": 0.6,
            "generator": "a server on this machine (synthetic)",
            "osm3s": {"timestamp_osm_base": self.date},
            "elements": elements,
        }

    def overpass(self, query: str) -> dict:
        """What Overpass makes of our query: objects in the box, ways and areas whole; other relations alone."""
        box = re.search(r"node\(([-\d.,]+)\)", query)
        assert box, query
        south, west, north, east = map(float, box[1].split(","))
        places = {one["id"]: (one["lon"], one["lat"]) for one in self.all if one["type"] == "node"}
        ways = {one["id"]: one for one in self.all if one["type"] == "way"}

        def inside(node: int) -> bool:
            lon, lat = places.get(node, (999, 999))
            return west <= lon <= east and south <= lat <= north

        nodes = {node for node in places if inside(node)}
        chosen = {number for number, way in ways.items() if any(node in nodes for node in way["nodes"])}
        relations, others = [], []
        for one in self.all:
            if one["type"] != "relation":
                continue
            refs = {kind: {m["ref"] for m in one["members"] if m["type"] == kind} for kind in ("node", "way")}
            if not (refs["node"] & nodes or refs["way"] & chosen):
                continue
            tags = one.get("tags", {})
            low = tags.get("boundary") == "administrative" and tags.get("admin_level") in {"8", "9", "10", "11"}
            if tags.get("type") == "multipolygon" or low:
                relations.append((one, refs))
            elif tags.get("type") not in {None, "multipolygon", "boundary"}:
                others.append(one)
        for _, refs in relations:
            chosen |= refs["way"] & ways.keys()
            nodes |= refs["node"] & places.keys()
        nodes |= {node for number in chosen for node in ways[number]["nodes"]} & places.keys()
        keep = {"node": nodes, "way": chosen, "relation": {one["id"] for one, _ in relations}}
        return self.envelope([one for one in self.all if one["id"] in keep[one["type"]]] + others)
