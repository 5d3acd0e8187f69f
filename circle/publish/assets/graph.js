// The walking network inside the page, as graph.py wrote it: read and searched. Whole numbers throughout: multiples of
// `unit` seconds, which the rule in the block's header explains, so that a sum is the same in whatever order it is made.

const FAR = 0x3fffffff;
const CLOSED_FORWARD = 1, CLOSED_BACKWARD = 2, ISLAND = 4, OWN = 8, OPEN = 16, RAISED = 32, ENDS_ONLY = 64;

// What the ground is drawn with comes first; the rest is read when somebody asks for a walk, or nobody waits (`finishGraph`).
function readGraph({ header, sections }, model) {
  if (!header.nodes) return null;
  const { nodes, edges } = header;
  const graph = { ...header, n: nodes, model, per: header.unit_s, speed: header.speed };
  readEnds(graph, varints(sections.u, edges), varints(sections.v, edges));
  const [nodeX, nodeY] = [deltas(sections.node_x, nodes), deltas(sections.node_y, nodes)];
  graph.shapes = readLines(graph, nodeX, nodeY, sections);
  graph.layers = byClass(graph);
  graph.flags = sections.flags.slice();
  graph.streets = lines(sections.names);
  const gates = countVarints(sections.gate_node);
  graph.gates = { n: gates, node: varints(sections.gate_node, gates), id: deltas(sections.gate_id, gates, new Float64Array(gates)) };
  graph.side = deltas(sections.side, countVarints(sections.side));
  graph.sides = new Set(graph.side);
  graph.pointlike = new Set(deltas(sections.pointlike, countVarints(sections.pointlike)));
  graph.nodeX = nodeX;
  graph.nodeY = nodeY;
  graph.blocked = new Set();
  graph.shut = new Set();
  graph.extra = new Map();
  graph.spots = [];
  graph.doubted = new Set();
  graph.unread = sections;
  return graph;
}

function finishGraph(graph) {
  const sections = graph?.unread;
  if (!sections) return graph;
  graph.unread = null;
  readTimes(graph, sections);
  graph.street = varints(sections.name, graph.edges);
  readIncidence(graph);
  readLayers(graph);
  readLinks(graph, sections, graph.model.n);
  return graph;
}

function readEnds(graph, start, end) {
  const u = (graph.u = new Int32Array(start.length)), v = (graph.v = new Int32Array(start.length));
  let following = 0;
  for (let e = 0; e < u.length; e++) {
    u[e] = start[e] ? following + 1 - start[e] : e ? v[e - 1] : 0;
    if (u[e] === following) following++;
    v[e] = following - end[e];
    if (v[e] === following) following++;
  }
}

function readLines(graph, nodeX, nodeY, sections) {
  const n = graph.edges;
  const between = varints(sections.points, n);
  const point = new Uint32Array(n + 1);
  for (let e = 0; e < n; e++) point[e + 1] = point[e] + between[e] + 2;
  const x = new Int32Array(point[n]), y = new Int32Array(point[n]);
  const inner = point[n] - 2 * n;
  const dx = varints(sections.dx, inner, new Int32Array(inner)), dy = varints(sections.dy, inner, new Int32Array(inner));
  const { u, v } = graph;
  for (let e = 0, k = 0; e < n; e++) {
    let at = point[e];
    x[at] = nodeX[u[e]];
    y[at] = nodeY[u[e]];
    for (at++; at < point[e + 1] - 1; at++, k++) {
      x[at] = x[at - 1] + ((dx[k] >>> 1) ^ -(dx[k] & 1));
      y[at] = y[at - 1] + ((dy[k] >>> 1) ^ -(dy[k] & 1));
    }
    x[at] = nodeX[v[e]];
    y[at] = nodeY[v[e]];
  }
  const ring = Uint32Array.from({ length: n + 1 }, (_, k) => k);
  const shapes = { n, ring, point, x, y };
  shapes.box = boxes(shapes);
  shapes.grid = makeGrid(shapes);
  return shapes;
}

// Millimetres of the piece of line that starts at point p: single roundings, as in graph.py.
function millimetres({ shapes: { x, y }, scale: [east, north] }, p) {
  const dx = (x[p + 1] - x[p]) * (east[0] + east[1] * y[p]), dy = (y[p + 1] - y[p]) * (north[0] + north[1] * y[p]);
  return Math.floor(Math.sqrt(dx * dx + dy * dy) * 1000 + 0.5);
}

function byClass(graph) {
  const { shapes } = graph;
  let from = 0;
  return graph.classes.flatMap(([name, count]) => {
    const first = from;
    from += count;
    if (!count) return [];
    const part = { n: count, ring: shapes.ring.subarray(first, first + count + 1), point: shapes.point, x: shapes.x, y: shapes.y, box: shapes.box.subarray(4 * first, 4 * (first + count)) };
    part.grid = makeGrid(part);
    return [{ kind: `way:${name}`, form: "line", n: count, shapes: part }];
  });
}

function readTimes(graph, sections) {
  const n = graph.edges;
  const time = varints(sections.time, n), back = varints(sections.back, n);
  const { point } = graph.shapes;
  graph.forward = new Int32Array(n);
  graph.backward = new Int32Array(n);
  graph.length = new Int32Array(n);
  graph.tenths = new Int32Array(n);
  const each = Math.round(graph.unit_m * 1000);
  let e = 0;
  graph.classes.forEach(([, count], k) => {
    for (const end = e + count; e < end; e++) {
      let sum = 0;
      for (let p = point[e]; p < point[e + 1] - 1; p++) sum += millimetres(graph, p);
      const forward = Math.floor(sum * graph.pace[k] + 0.5) + unfold(time[e]);
      graph.length[e] = sum;
      graph.tenths[e] = Math.max(1, Math.floor(sum / each));
      graph.forward[e] = graph.flags[e] & CLOSED_FORWARD ? FAR : forward;
      graph.backward[e] = graph.flags[e] & CLOSED_BACKWARD ? FAR : forward + unfold(back[e]);
    }
  });
}

function readIncidence(graph) {
  const { u, v, n } = graph;
  const start = (graph.start = new Uint32Array(n + 1));
  for (let e = 0; e < u.length; e++) {
    start[u[e] + 1]++;
    start[v[e] + 1]++;
  }
  for (let k = 0; k < n; k++) start[k + 1] += start[k];
  const next = start.slice();
  const at = (graph.incident = new Uint32Array(2 * u.length));
  for (let e = 0; e < u.length; e++) {
    at[next[u[e]]++] = e;
    at[next[v[e]]++] = e;
  }
}

// Nobody walks through where only residents may: a walk runs on such ways around its origin, then on public ones, then on such around its
// destination. Nodes of those ways are there three times: public, destination, origin; a search from the destination goes on in this order.
function readLayers(graph) {
  const { n, u, v, flags } = graph;
  const copied = [];
  const copy = new Int32Array(n).fill(-1);
  for (let e = 0; e < u.length; e++) {
    if (!(flags[e] & OWN)) continue;
    for (const node of [u[e], v[e]]) if (copy[node] < 0) copy[node] = copied.push(node) - 1;
  }
  graph.copied = Int32Array.from(copied);
  graph.copy = copy;
  graph.places = n + 2 * copied.length;
}

// −1: the spot of a passage, which is no node.
const nodeOf = (graph, place) => (place < graph.n ? place : place < graph.places ? graph.copied[(place - graph.n) % graph.copied.length] : -1);
const goalPlace = (graph, e, node) => (graph.flags[e] & OWN ? graph.n + graph.copy[node] : node);
const startPlace = (graph, e, node) => (graph.flags[e] & OWN ? graph.n + graph.copied.length + graph.copy[node] : node);

// Links lie edge by edge. A link's leg is in units of time, its place on the edge a share of the edge.
function readLinks(graph, sections, buildings) {
  const n = graph.edges;
  const legs = (values) => values.map((leg) => Math.floor((leg * graph.unit_m) / graph.speed / graph.per + 0.5));
  const perEdge = varints(sections.links, n);
  const from = (graph.linkFrom = new Uint32Array(n + 1));
  for (let e = 0; e < n; e++) from[e + 1] = from[e] + perEdge[e];
  const count = from[n];
  const metres = varints(sections.link_leg, count, new Int32Array(count));
  graph.linkOf = deltas(sections.link_of, count);
  graph.linkMetres = metres;
  graph.linkLeg = legs(metres);
  graph.linkAt = varints(sections.link_at, count, new Int32Array(count));
  const doubtful = (name) => new Set(deltas(sections[name], countVarints(sections[name])));
  graph.linkDoubt = doubtful("link_doubt");
  graph.linkEdge = new Int32Array(count);
  for (let e = 0; e < n; e++) graph.linkEdge.fill(e, from[e], from[e + 1]);
  const start = (graph.ownLinks = new Uint32Array(buildings + 1));
  for (let k = 0; k < count; k++) start[graph.linkOf[k] + 1]++;
  for (let i = 0; i < buildings; i++) start[i + 1] += start[i];
  const next = start.slice();
  graph.linksOf = new Uint32Array(count);
  for (let k = 0; k < count; k++) graph.linksOf[next[graph.linkOf[k]]++] = k;

  const facilities = countVarints(sections.goal_place), distinct = countVarints(sections.goals);
  graph.goalPlace = varints(sections.goal_place, facilities);
  const perGoal = varints(sections.goals, distinct);
  graph.goalFrom = new Uint32Array(distinct + 1);
  for (let k = 0; k < distinct; k++) graph.goalFrom[k + 1] = graph.goalFrom[k] + perGoal[k];
  const ties = graph.goalFrom[distinct];
  graph.goalEdge = deltas(sections.goal_edge, ties);
  graph.goalMetres = varints(sections.goal_leg, ties, new Int32Array(ties));
  graph.goalLeg = legs(graph.goalMetres);
  graph.goalAt = varints(sections.goal_at, ties, new Int32Array(ties));
  graph.goalDoubt = doubtful("goal_doubt");
  graph.visitors = sections.visitors.slice();
}

// A share of an edge's time; no share costs nothing even where one may not walk.
const part = (share, time) => (share <= 0 ? 0 : time >= FAR ? FAR : Math.floor(share * time + 0.5));

// What a search knows of every place: time to the nearest goal, which goal, and the place to walk to next (−1: leave for the goal).
function makeField(graph) {
  const places = graph.places + graph.spots.length;
  return { time: new Int32Array(places).fill(FAR), goal: new Int32Array(places).fill(-1), next: new Int32Array(places).fill(-1), ties: new Map(), tied: new Uint8Array(graph.edges) };
}

const copyField = ({ time, goal, next, ties, tied }) => ({ time: time.slice(), goal: goal.slice(), next: next.slice(), ties: new Map(ties), tied: tied.slice() });

// A heap of places by time, in two arrays that grow.
function makeHeap() {
  let keys = new Int32Array(1024), values = new Int32Array(1024), size = 0;
  return {
    get size() {
      return size;
    },
    push(key, value) {
      if (size === keys.length) {
        const [moreKeys, moreValues] = [new Int32Array(2 * size), new Int32Array(2 * size)];
        moreKeys.set(keys);
        moreValues.set(values);
        [keys, values] = [moreKeys, moreValues];
      }
      let k = size++;
      while (k > 0) {
        const up = (k - 1) >> 1;
        if (keys[up] <= key) break;
        keys[k] = keys[up];
        values[k] = values[up];
        k = up;
      }
      keys[k] = key;
      values[k] = value;
    },
    pop() {
      const top = [keys[0], values[0]];
      const key = keys[--size], value = values[size];
      let k = 0;
      for (;;) {
        let child = 2 * k + 1;
        if (child >= size) break;
        if (child + 1 < size && keys[child + 1] < keys[child]) child++;
        if (keys[child] >= key) break;
        keys[k] = keys[child];
        values[k] = values[child];
        k = child;
      }
      keys[k] = key;
      values[k] = value;
      return top;
    },
  };
}

// Spreads goals over the field, against the direction of walking, only where that makes a time shorter. Each goal: { goal, ties, visitors }.
// Gives the places whose time became shorter.
function spread(graph, field, goals) {
  const { time, goal, next } = field;
  const { n, u, v, start, incident, forward, backward, flags, copied, copy } = graph;
  const heap = makeHeap();
  const touched = [];
  const reach = (place, cost, who, from) => {
    if (cost >= time[place] || cost >= FAR || (graph.blocked.size && graph.blocked.has(nodeOf(graph, place)))) return;
    time[place] = cost;
    goal[place] = who;
    next[place] = from;
    touched.push(place);
    heap.push(cost, place);
  };
  for (const one of goals) {
    for (const tie of one.ties) {
      const e = tie.edge;
      // what lets no visitors in is reached by its own residents alone; on an open way nobody is kept out
      const into = one.visitors === false && !(flags[e] & OPEN) ? startPlace : goalPlace;
      field.tied[e] = 1;
      field.ties.set(e, [...(field.ties.get(e) || []), { ...tie, goal: one.goal }]);
      reach(into(graph, e, graph.u[e]), tie.leg + part(tie.share, graph.forward[e]), one.goal, -1);
      reach(into(graph, e, graph.v[e]), tie.leg + part(1 - tie.share, graph.backward[e]), one.goal, -1);
    }
  }
  const c = copied.length;
  while (heap.size) {
    const [cost, place] = heap.pop();
    if (cost > time[place]) continue;
    const who = goal[place];
    const more = graph.extra.get(place);
    if (more) for (const [other, walk] of more) reach(other, cost + walk, who, place);
    if (place >= graph.places) continue;
    const node = nodeOf(graph, place);
    const shift = place < n ? 0 : place < n + c ? n : n + c;
    const need = shift ? OWN : OPEN;
    for (let k = start[node]; k < start[node + 1]; k++) {
      const e = incident[k];
      if (!(flags[e] & need) || (graph.shut.size && graph.shut.has(e))) continue;
      const other = u[e] === node ? v[e] : u[e];
      // a ring that starts and ends here leads nowhere new
      const walk = u[e] === node ? backward[e] : forward[e];
      if (walk < FAR) reach(shift ? shift + copy[other] : other, cost + walk, who, place);
    }
    if (copy[node] < 0 || !c) continue;
    if (shift === n) reach(node, cost, who, place);
    else if (!shift) reach(n + c + copy[node], cost, who, place);
  }
  return touched;
}

// Time from a link of a building to its nearest goal, the leg included; and which way it takes: 0 over u, 1 over v, 2 along the edge.
const walkOf = { time: 0, goal: -1, way: 0, tie: null };

function walkFrom(graph, field, k) {
  const e = graph.linkEdge[k];
  const share = graph.linkAt[k] / graph.tenths[e];
  const u = startPlace(graph, e, graph.u[e]), v = startPlace(graph, e, graph.v[e]);
  const byU = part(share, graph.backward[e]) + field.time[u], byV = part(1 - share, graph.forward[e]) + field.time[v];
  walkOf.time = Math.min(byU, byV);
  walkOf.way = byU <= byV ? 0 : 1;
  walkOf.goal = field.goal[byU <= byV ? u : v];
  walkOf.tie = null;
  if (field.tied[e]) {
    const ties = field.ties.get(e);
    for (const tie of ties) {
      const apart = tie.share - share;
      const cost = tie.leg + (apart >= 0 ? part(apart, graph.forward[e]) : part(-apart, graph.backward[e]));
      if (cost < walkOf.time) Object.assign(walkOf, { time: cost, goal: tie.goal, way: 2, tie });
    }
  }
  walkOf.time = walkOf.time >= FAR ? FAR : walkOf.time + graph.linkLeg[k];
  return walkOf;
}

// The best walk of a building, and what the next best of its links would take.
function bestWalk(graph, field, i) {
  let best = FAR, second = FAR, goal = -1, link = -1;
  for (let at = graph.ownLinks[i]; at < graph.ownLinks[i + 1]; at++) {
    const k = graph.linksOf[at];
    const { time, goal: who } = walkFrom(graph, field, k);
    if (time < best) {
      second = best;
      [best, goal, link] = [time, who, k];
    } else if (time < second) second = time;
  }
  return { time: best, second, goal, link };
}
