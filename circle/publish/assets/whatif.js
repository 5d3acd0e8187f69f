// What if: stations, closed gates, opened passages. Everything is counted from the run's own minutes, so that taking an edit back gives
// exactly what was there before.

const emptyEdits = () => ({ stations: [], gates: [], passages: [], speed: 0, limits: {} });
const anyEdits = (edits) => edits.stations.length + edits.gates.length + edits.passages.length + Object.keys(edits.limits).length > 0 || edits.speed > 0;
const changesNetwork = (edits) => edits.gates.length + edits.passages.length > 0;

// Minutes as the file writes them: hundredths, on the side of the limit on which the walk is.
function hundredthsOf(graph, time, limit) {
  if (time >= FAR) return NO_PATH;
  const rim = Math.floor(limit * 100 + 1e-9);
  const exact = Math.floor((time * graph.per * 100) / 60 + 0.5);
  const near = isLate(graph, time, limit) ? Math.max(exact, rim + 1) : Math.min(exact, rim);
  return Math.min(near, NO_PATH - 1);
}

const isLate = (graph, time, limit) => time * graph.per > limit * 60 + 1e-6;

// Goals of a service: rows of the facilities with their ties.
function goalsOf(place, service) {
  const { graph, facilities } = place;
  const goals = [];
  for (let row = 0; row < facilities.n; row++) {
    if (facilities.service[row] !== service.index) continue;
    const ties = [];
    const k = graph.goalPlace[row];
    for (let at = graph.goalFrom[k]; at < graph.goalFrom[k + 1]; at++) {
      const e = graph.goalEdge[at];
      ties.push({ edge: e, share: graph.goalAt[at] / graph.tenths[e], leg: graph.goalLeg[at], metres: graph.goalMetres[at] * graph.unit_m });
    }
    goals.push({ goal: row, ties, visitors: Boolean(graph.visitors[row]) });
    if (graph.goalDoubt.size && ties.some((_, n) => graph.goalDoubt.has(graph.goalFrom[k] + n))) graph.doubted.add(row);
  }
  return goals;
}

// What the network says without any edit: field, and time and nearest of every building. Made once per service, when first asked for.
function baseOf(place, service) {
  if (service.ground) return service.ground;
  const { graph, model } = place;
  const field = makeField(graph);
  spread(graph, field, goalsOf(place, service));
  service.ground = { field, time: Int32Array.from({ length: model.n }, (_, i) => bestWalk(graph, field, i).time) };
  return service.ground;
}

// Before the first change the run's own words are laid aside.
function keepRun(service) {
  service.run ??= { minutes: service.minutes.slice(), state: service.state.slice(), facility: service.facility.slice(), changed: [] };
  return service.run;
}

// Does all edits anew. Services that no edit concerns keep what they have.
function applyEdits(place) {
  const { graph, model, edits } = place;
  const walks = changesNetwork(edits);
  model.services.forEach((service) => {
    if (service.plain) [service.minutes, service.state, service.limit, service.plain] = [service.plain.minutes, service.plain.state, service.plain.limit, null];
    const stations = edits.stations.filter((station) => station.services.includes(service.index));
    const touchedBefore = service.run?.changed.length;
    if (!stations.length && !walks && !touchedBefore) return;
    const run = keepRun(service);
    for (const i of run.changed) {
      service.minutes[i] = run.minutes[i];
      service.state[i] = run.state[i];
      service.facility[i] = run.facility[i];
    }
    run.changed = [];
    service.field = null;
    if (stations.length || walks) measureAgain(place, service, stations, walks);
  });
  const speed = edits.speed ? walkerSpeed(place) / edits.speed : 1;
  model.services.forEach((service) => {
    const limit = edits.limits[service.index] || service.limit;
    if (speed !== 1 || limit !== service.limit) judgeAnew(service, speed, limit);
  });
  place.shares = null;
}

// Metres per minute of the run's walker.
const walkerSpeed = (place) => (Number(place.meta.walker.speed_m_per_s) || 1.2) * 60;

// Other pace, other limit: minutes are scaled as a whole, and judged. What the data cannot answer stays so, unless the limit is kept.
function judgeAnew(service, factor, limit) {
  keepRun(service);
  service.plain = { minutes: service.minutes, state: service.state, limit: service.limit };
  const { minutes, state } = service.plain;
  service.limit = limit;
  service.minutes = minutes.map((m) => (m === NO_PATH ? m : Math.min(Math.round(m * factor), NO_PATH - 1)));
  const rim = limit * 100 + 1e-6;
  service.state = state.map((word, i) => {
    const m = service.minutes[i];
    if (m === NO_PATH) return word;
    const late = m > rim;
    if (late && (word & 3) === UNMAPPED) return word;
    const fragile = late ? m / 1.1 <= rim : m / 0.9 > rim;
    return (late ? GAP : MET) | (fragile << 2) | (late ? (word >> 3) << 3 : 0);
  });
}

function measureAgain(place, service, stations, walks) {
  const { graph, model } = place;
  const ground = baseOf(place, service);
  const first = stations.length > 0 && isUnserved(service);
  let field, rows;
  if (walks) {
    changeNetwork(graph, place.edits);
    field = makeField(graph);
    spread(graph, field, goalsOf(place, service));
    tieSpots(graph, field);
  } else {
    field = copyField(ground.field);
  }
  const goals = stations.map((station) => ({ goal: place.facilities.n + place.edits.stations.indexOf(station), ties: station.ties }));
  for (const one of goals) graph.doubted[one.ties.some((tie) => tie.doubt) ? "add" : "delete"](one.goal);
  const touched = spread(graph, field, goals);
  if (walks) {
    tieSpots(graph, field);
    rows = Array.from({ length: model.n }, (_, i) => i);
  } else {
    rows = first ? Array.from({ length: model.n }, (_, i) => i) : rowsNear(graph, touched, goals);
  }
  service.field = field;
  for (const i of rows) {
    const walk = bestWalk(graph, field, i);
    if (first || (walk.time !== ground.time[i] && known(place, service, i, ground.time[i], walk.time))) write(place, service, i, walk, goals);
  }
  if (walks) restoreNetwork(graph);
}

// Whether the data hold no facility of a service: then nobody is judged until a station offers it, and everybody as soon as one does.
const isUnserved = (service) => service.reasons[(service.run.state[0] >> 3) - 1] === "no_facility";

// The page of a district knows the paths around it and no more: a walk that it cannot find itself it only ever shortens.
function known(place, service, i, ground, time) {
  if (!place.meta.district) return true;
  const ran = service.run.minutes[i], rim = service.limit;
  return Math.abs(hundredthsOf(place.graph, ground, rim) - ran) <= 1 || hundredthsOf(place.graph, time, rim) < ran;
}

// What a station in the middle of the map would set off, so that the first real one finds everything in place. Nothing is kept.
function rehearse(place) {
  const { graph, model } = place;
  const { ties } = spotAt(place, place.middle());
  let near = [];
  for (const service of model.services) {
    const field = copyField(baseOf(place, service).field);
    const goals = [{ goal: place.facilities.n, ties }];
    near = rowsNear(graph, spread(graph, field, goals), goals);
    for (const i of near) bestWalk(graph, field, i);
  }
  changedRows(classify(model, place.theme, place.everything), place.classes);
  place.layers.buildings.repaint(near.slice(0, 1));
}

// Buildings with a link on an edge that ends at one of these places, or that a goal is tied to.
function rowsNear(graph, touched, goals) {
  const edges = new Uint8Array(graph.edges), seen = new Uint8Array(graph.model.n);
  const rows = [];
  const visit = (e) => {
    if (edges[e]) return;
    edges[e] = 1;
    for (let k = graph.linkFrom[e]; k < graph.linkFrom[e + 1]; k++) {
      const i = graph.linkOf[k];
      if (!seen[i]) rows.push(i);
      seen[i] = 1;
    }
  };
  for (const one of goals) one.ties.forEach((tie) => visit(tie.edge));
  for (const place of touched) {
    const node = nodeOf(graph, place);
    if (node >= 0) for (let k = graph.start[node]; k < graph.start[node + 1]; k++) visit(graph.incident[k]);
  }
  return rows;
}

// Minutes, verdict and nearest of a building whose walk is another than the run's. `stations`: goals that are new.
function write(place, service, i, walk, stations) {
  const { graph } = place;
  const { run, limit } = service;
  const late = isLate(graph, walk.time, limit);
  const [verdict, reason] = late ? judgeLate(place, service, i, walk, stations) : [MET, 0];
  const speed = service.speedChange || 0.1;
  const quick = !isLate(graph, walk.time / (1 + speed), limit), slow = isLate(graph, walk.time / (1 - speed), limit);
  const other = !late && walk.second < FAR && isLate(graph, walk.second, limit);
  const through = walk.link >= 0 && (graph.linkDoubt.has(walk.link) || graph.doubted.has(walk.goal));
  const fragile = verdict <= GAP && ((late ? quick : slow) || other || through);
  service.minutes[i] = hundredthsOf(graph, walk.time, limit);
  service.state[i] = verdict | (fragile << 2) | (reason << 3);
  service.facility[i] = walk.goal;
  run.changed.push(i);
}

// Verdict and reason of a walk that is too long, as the program finds them (gaps.py). Whom the run found late it has asked already whether
// the limit reaches beyond the edge of the data.
function judgeLate(place, service, i, walk, stations) {
  const { graph } = place;
  const was = service.run.state[i], before = was & 3, said = service.reasons[(was >> 3) - 1];
  const reach = service.limit * 60 * graph.speed;
  const asked = before === GAP || before === UNREACHABLE;
  if (said === "data_edge" || (!asked && metresToRim(place, i) < reach)) return [UNMAPPED, reasonCode(service, "data_edge")];
  if (walk.time >= FAR) {
    const tied = graph.ownLinks[i] < graph.ownLinks[i + 1];
    return [UNREACHABLE, before === UNREACHABLE ? was >> 3 : reasonCode(service, tied ? "island" : "unlinked")];
  }
  // to what there was before, a straight line is near where the walk was short; how near new stations are is measured
  const unsure = said === "far" || said === "no_facility";
  if (unsure && !stations.some(({ goal }) => straightMetres(place, i, goal) <= reach)) return [GAP, reasonCode(service, "far")];
  return [GAP, before === GAP && !unsure ? was >> 3 : reasonCode(service, "detour")];
}

function reasonCode(service, reason) {
  if (!service.reasons.includes(reason)) service.reasons = [...service.reasons, reason];
  return service.reasons.indexOf(reason) + 1;
}

// --- gates and passages

// A closed gate is a node that nobody passes. A passage has two spots, each tied to the paths around it, and a straight way between them.
function changeNetwork(graph, edits) {
  // a gate for residents is a way without length between its sides, and those are no longer walked
  graph.shut = new Set(edits.gates.flatMap((gate) => inGate(graph, gate.node)));
  graph.blocked = new Set(edits.gates.map((gate) => gate.node).filter((node) => !graph.sides.has(node)));
  graph.spots = edits.passages.flatMap((passage) => passage.ends);
  graph.extra = new Map();
  const join = (a, b, cost) => graph.extra.set(a, [...(graph.extra.get(a) || []), [b, cost]]);
  edits.passages.forEach((passage, k) => {
    const [a, b] = [graph.places + 2 * k, graph.places + 2 * k + 1];
    join(a, b, passage.time);
    join(b, a, passage.time);
  });
  graph.spots.forEach((spot, k) => {
    const place = graph.places + k;
    for (const tie of spot.ties) {
      const e = tie.edge;
      // as one walks to the spot from either end, and from the spot to either end; over residents' ways only at the origin and the destination
      for (const [node, there, back] of [
        [graph.u[e], part(tie.share, graph.forward[e]), part(tie.share, graph.backward[e])],
        [graph.v[e], part(1 - tie.share, graph.backward[e]), part(1 - tie.share, graph.forward[e])],
      ]) {
        const [own, open] = [graph.flags[e] & OWN, graph.flags[e] & OPEN];
        if (there < FAR && open) join(place, node, tie.leg + there);
        if (there < FAR && own) join(place, startPlace(graph, e, node), tie.leg + there);
        if (back < FAR && open) join(node, place, tie.leg + back);
        if (back < FAR && own) join(goalPlace(graph, e, node), place, tie.leg + back);
      }
    }
  });
}

// Who stands on the very edge that a passage leaves from walks straight to it.
function tieSpots(graph, field) {
  graph.spots.forEach((spot, k) => {
    const time = field.time[graph.places + k];
    if (time >= FAR) return;
    for (const tie of spot.ties) {
      const others = (field.ties.get(tie.edge) || []).filter((one) => one.spot !== k);
      field.tied[tie.edge] = 1;
      field.ties.set(tie.edge, [...others, { ...tie, leg: tie.leg + time, goal: field.goal[graph.places + k], spot: k }]);
    }
  });
}

// The ways within a residents' gate, from one of its sides.
function inGate(graph, side) {
  const found = new Set(), sides = [side];
  for (const node of graph.sides.has(side) ? sides : []) {
    for (let k = graph.start[node]; k < graph.start[node + 1]; k++) {
      const e = graph.incident[k];
      if (found.has(e) || classOf(graph, e) !== "gate") continue;
      found.add(e);
      sides.push(graph.u[e], graph.v[e]);
    }
  }
  return [...found];
}

function restoreNetwork(graph) {
  graph.blocked = new Set();
  graph.shut = new Set();
  graph.extra = new Map();
}
