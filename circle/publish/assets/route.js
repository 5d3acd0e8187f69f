// The walk behind a minute, leg by leg, along the packed network: the same search that says the minute gives the way.

// Legs from a building to the nearest goal of a service: { kind, street, way, metres, minutes, line } in the order of the walk; none where
// there is no path. Pieces of one street are one leg.
function routeOf(place, service, i) {
  const { graph } = place;
  const field = service.field || baseOf(place, service).field;
  const walk = bestWalk(graph, field, i);
  if (walk.link < 0 || walk.time >= FAR) return [];
  const k = walk.link, e = graph.linkEdge[k];
  const share = graph.linkAt[k] / graph.tenths[e];
  const { way, tie } = walkFrom(graph, field, k);
  const legs = [];
  const first = pointOn(graph, e, share);
  legs.push({ kind: "door", metres: graph.linkMetres[k] * graph.unit_m, time: graph.linkLeg[k], line: [nearestCorner(place, i, first), first] });
  if (way === 2) {
    addWay(graph, legs, e, share, tie.share);
    return arrive(place, legs, tie, service, walk.goal);
  }
  let at = way === 0 ? startPlace(graph, e, graph.u[e]) : startPlace(graph, e, graph.v[e]);
  addWay(graph, legs, e, share, way === 0 ? 0 : 1);
  for (let guard = 0; field.next[at] >= 0 && guard < 1e5; guard++) {
    const next = field.next[at];
    if (next >= graph.places || at >= graph.places) legs.push({ kind: "passage", metres: 0, time: field.time[at] - field.time[next], line: [] });
    else stepBetween(graph, legs, nodeOf(graph, at), nodeOf(graph, next), field.time[at] - field.time[next]);
    at = next;
  }
  const last = tieFrom(graph, field, at, walk.goal);
  if (!last) return legs;
  addWay(graph, legs, last.tie.edge, last.end, last.tie.share);
  return arrive(place, legs, last.tie, service, walk.goal);
}

// The edge between two nodes that takes just so long; nothing where only the layer changes.
function stepBetween(graph, legs, from, to, time) {
  for (let k = graph.start[from]; from !== to && k < graph.start[from + 1]; k++) {
    const e = graph.incident[k];
    const ahead = graph.u[e] === from && graph.v[e] === to;
    if (!ahead && !(graph.v[e] === from && graph.u[e] === to)) continue;
    if ((ahead ? graph.forward[e] : graph.backward[e]) !== time) continue;
    addWay(graph, legs, e, ahead ? 0 : 1, ahead ? 1 : 0);
    return;
  }
}

// The tie by which a walk that has come to its last node reaches the goal.
function tieFrom(graph, field, at, goal) {
  const node = nodeOf(graph, at);
  for (let k = graph.start[node]; k < graph.start[node + 1]; k++) {
    const e = graph.incident[k];
    for (const tie of field.ties.get(e) || []) {
      if (tie.goal !== goal) continue;
      const byU = tie.leg + part(tie.share, graph.forward[e]), byV = tie.leg + part(1 - tie.share, graph.backward[e]);
      if (graph.u[e] === node && byU === field.time[at]) return { tie, end: 0 };
      if (graph.v[e] === node && byV === field.time[at]) return { tie, end: 1 };
    }
  }
  return null;
}

function pointOn(graph, e, share) {
  return lineBetween(graph, e, share, share)[0];
}

// Points of an edge from one share of it to another, as one walks.
function lineBetween(graph, e, from, to) {
  const { x, y, point } = graph.shapes;
  const [low, high] = [Math.min(from, to), Math.max(from, to)];
  const out = [];
  let sum = 0;
  const total = Math.max(1, graph.length[e]);
  const put = (p, t) => out.push([x[p] + t * (x[p + 1] - x[p]), y[p] + t * (y[p + 1] - y[p])]);
  for (let p = point[e]; p < point[e + 1] - 1; p++) {
    const piece = millimetres(graph, p) / total;
    const end = p === point[e + 1] - 2 ? 1 : sum + piece;
    if (end >= low && sum <= high) {
      if (!out.length) put(p, piece ? Math.max(0, Math.min(1, (low - sum) / piece)) : 0);
      put(p, piece ? Math.max(0, Math.min(1, (high - sum) / piece)) : 1);
    }
    sum = end;
  }
  return from <= to ? out : out.reverse();
}

function addWay(graph, legs, e, from, to) {
  if (from === to) return;
  const share = Math.abs(to - from);
  const street = graph.street[e] ? graph.streets[graph.street[e] - 1] : "";
  const way = classOf(graph, e);
  const one = { kind: "way", street, way, metres: (graph.length[e] / 1000) * share, time: part(share, to > from ? graph.forward[e] : graph.backward[e]), line: lineBetween(graph, e, from, to) };
  const before = legs[legs.length - 1];
  if (before?.kind === "way" && before.street === street && (street || before.way === way)) {
    before.metres += one.metres;
    before.time += one.time;
    before.line.push(...one.line);
  } else legs.push(one);
}

function classOf(graph, e) {
  let end = 0;
  for (const [name, count] of graph.classes) if (e < (end += count)) return name;
  return "";
}

const metresOf = (legs) => legs.reduce((sum, leg) => sum + leg.metres, 0);

function arrive(place, legs, tie, service, goal) {
  const { graph } = place;
  const end = goalSpot(place, goal);
  legs.push({ kind: "goal", metres: tie.metres, time: graph ? Math.floor(tie.metres / graph.speed / graph.per + 0.5) : 0, line: [pointOn(graph, tie.edge, tie.share), end] });
  return legs;
}

const isStation = (place, goal) => goal >= place.facilities.n;

function goalSpot(place, goal) {
  if (!isStation(place, goal)) return [place.facilities.x[goal], place.facilities.y[goal]];
  const station = place.edits.stations[goal - place.facilities.n];
  return [station.x, station.y];
}

// The point of a building's outline that is nearest to where the walk joins the path; only drawn, never measured.
function nearestCorner(place, i, [px, py]) {
  const { ring, point, x, y } = place.model.shapes;
  let best = Infinity, out = [px, py];
  for (let r = ring[i]; r < ring[i + 1]; r++) {
    for (let a = point[r], b = point[r + 1] - 1; a < point[r + 1]; b = a++) {
      const dx = x[a] - x[b], dy = y[a] - y[b];
      const square = dx * dx + dy * dy;
      const t = square ? Math.max(0, Math.min(1, ((px - x[b]) * dx + (py - y[b]) * dy) / square)) : 0;
      const away = (x[b] + t * dx - px) ** 2 + (y[b] + t * dy - py) ** 2;
      if (away < best) [best, out] = [away, [x[b] + t * dx, y[b] + t * dy]];
    }
  }
  return out;
}
