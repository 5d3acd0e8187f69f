// How a spot is tied to the paths around it, by the program's own rule (linkage.py, sight.py): the nearest point of every edge in the first
// circle that holds any, without the legs that cross a wall, water, rails or a house; past what hides one, the first clear point on either side.

// Ties of a spot, in the page's units. `doubt` where every leg crosses something: then they stay, and the verdict is fragile.
function tieSpot(place, px, py) {
  const { graph } = place;
  const [touch, widen, , hair] = graph.sight;
  const spot = { px, py, metreX: graph.scale[0][0] + graph.scale[0][1] * py, metreY: graph.scale[1][0] + graph.scale[1][1] * py };
  const hidden = hides(place, spot, touch, hair);
  const found = fromStreet(graph, nearestTies(graph, spot));
  const clear = [], past = [];
  for (const tie of found) {
    if (hidden(tie)) past.push(...pastTies(graph, spot, tie, hidden));
    else clear.push(tie);
  }
  const straight = clear.length ? clear : found.length ? fromStreet(graph, edgesIn(graph, spot, widen, (e) => !(graph.flags[e] & ISLAND))).filter((tie) => !hidden(tie)) : [];
  const seen = [...straight, ...past];
  const doubt = !seen.length;
  return (doubt ? found : seen).map((tie) => ({ ...tie, doubt, leg: Math.floor(tie.metres / graph.speed / graph.per + 0.5) }));
}

// The first points of a hidden edge on the ground, left and right of the nearest, that a spot does see.
function pastTies(graph, { px, py, metreX, metreY }, { edge, metres, share }, hidden) {
  const [more, least, times, most] = graph.aside, length = graph.length[edge] / 1000;
  const margin = graph.sight[2], farthest = graph.reach[2];
  if (graph.flags[edge] & RAISED) return [];
  return [-1, 1].flatMap((way) => {
    for (let step = least; step <= most; step *= times) {
      const behind = share * length + way * step * (metres + more);
      if (behind <= margin || behind >= length - margin) return [];
      const at = pointOn(graph, edge, behind / length);
      const tie = { edge, metres: Math.hypot((at[0] - px) * metreX, (at[1] - py) * metreY), share: behind / length, at };
      if (tie.metres <= farthest && !hidden(tie)) return [tie];
    }
    return [];
  });
}

// What stands where a private way leaves a street is tied to the street alone: else strangers would come through the yard.
function fromStreet(graph, ties) {
  const at = ({ edge: e, share }) => (share * graph.length[e] < 1 ? graph.u[e] : (1 - share) * graph.length[e] < 1 ? graph.v[e] : -1); // millimetres
  const corners = new Set(ties.filter(({ edge }) => !(graph.flags[edge] & OWN)).map(at));
  corners.delete(-1);
  return ties.filter((tie) => !(graph.flags[tie.edge] & OWN) || !corners.has(at(tie)));
}

// The ground close by; a bridge or another floor only where one stands right beside it; then wider circles; islands last.
function nearestTies(graph, spot) {
  const [near, connected, far, beside] = graph.reach;
  const doubled = (from, last) => {
    const rings = [];
    for (let r = from; r < last; r *= 2) rings.push(r);
    return [...rings, last];
  };
  const kinds = {
    ground: (e) => !(graph.flags[e] & (ISLAND | RAISED)),
    above: (e) => !(graph.flags[e] & ISLAND) && graph.flags[e] & RAISED,
    island: (e) => graph.flags[e] & ISLAND,
  };
  const inner = doubled(near, connected), order = [["ground", inner[0]], ["above", beside]];
  order.push(...inner.slice(1).map((reach) => ["ground", reach]), ["above", connected], ...inner.map((reach) => ["island", reach]));
  for (const reach of doubled(2 * connected, far)) order.push(["ground", reach], ["above", reach]);
  const least = (ties) => ties.reduce((best, tie) => Math.min(best, tie.metres), Infinity);
  let found = [];
  for (const [kind, reach] of order) {
    found = edgesIn(graph, spot, reach, kinds[kind]);
    // who crosses open ground to one path may as well cross it to another, up to twice as far
    if (kind === "ground" && reach === near && found.length && least(found) > near / 2) found = edgesIn(graph, spot, Math.min(2 * near, 2 * least(found)), kinds[kind]);
    if (found.length) break;
  }
  // a stop on a bridge: what is nearer than the ground is stepped on as well
  const deck = edgesIn(graph, spot, beside, kinds.above);
  const known = new Set(found.map((tie) => tie.edge));
  return least(deck) < least(found) ? [...found, ...deck.filter((tie) => !known.has(tie.edge))] : found;
}

function edgesIn(graph, { px, py, metreX, metreY }, reach, wanted) {
  const found = [];
  within(graph.shapes, px - reach / metreX, py - reach / metreY, px + reach / metreX, py + reach / metreY, (e) => {
    if (!mayStep(graph, e) || !wanted(e)) return;
    const tie = nearestOn(graph, e, px, py, metreX, metreY);
    if (tie.metres <= reach) found.push(tie);
  });
  return found;
}

// Whether a leg crosses something. It begins a little away from its spot, ends a hair before its path, and one that ends in a closed gate must
// be able to go on behind it. A house that holds the spot hides nothing from it.
function hides(place, { px, py, metreX, metreY }, touch, hair) {
  const { graph, model } = place;
  const solid = place.background.layers.filter((layer) => layer.solid);
  return (tie) => {
    const [ex, ey] = beyondGate(graph, tie);
    const dx = (ex - px) * metreX, dy = (ey - py) * metreY, length = Math.hypot(dx, dy);
    if (length <= 2 * hair) return false;
    const from = Math.min(touch, length / 2) / length, to = 1 - hair / length;
    const leg = [px + (ex - px) * from, py + (ey - py) * from, px + (ex - px) * to, py + (ey - py) * to];
    const box = [Math.min(leg[0], leg[2]), Math.min(leg[1], leg[3]), Math.max(leg[0], leg[2]), Math.max(leg[1], leg[3])];
    let crossed = false;
    for (const { shapes, form } of solid) {
      within(shapes, ...box, (i) => {
        crossed ||= meets(shapes, i, leg, form === "area");
      });
      if (crossed) return true;
    }
    within(model.shapes, ...box, (i) => {
      if (!crossed && !graph.pointlike.has(i) && meets(model.shapes, i, leg, true)) crossed = !holds(model.shapes, i, px, py);
    });
    return crossed;
  };
}

function beyondGate(graph, { edge: e, share, at }) {
  if (share > 0 && share < 1) return at;
  const node = share <= 0 ? graph.u[e] : graph.v[e];
  if (!graph.sides.has(node)) return at;
  const far = graph.length[e] ? Math.min(0.5, (graph.sight[2] * 1000) / graph.length[e]) : 0.5;
  return pointOn(graph, e, share <= 0 ? far : 1 - far);
}

// Does a straight line meet a line of the shape?
function meets({ ring, point, x, y }, i, [ax, ay, bx, by], closed) {
  const side = (px, py, qx, qy, rx, ry) => (qx - px) * (ry - py) - (qy - py) * (rx - px);
  for (let r = ring[i]; r < ring[i + 1]; r++) {
    for (let p = point[r]; p < point[r + 1]; p++) {
      const last = p === point[r + 1] - 1;
      if (last && !closed) break;
      const q = last ? point[r] : p + 1;
      const one = side(ax, ay, bx, by, x[p], y[p]), other = side(ax, ay, bx, by, x[q], y[q]);
      if ((one > 0 && other > 0) || (one < 0 && other < 0)) continue;
      const begin = side(x[p], y[p], x[q], y[q], ax, ay), end = side(x[p], y[p], x[q], y[q], bx, by);
      if ((begin > 0 && end > 0) || (begin < 0 && end < 0)) continue;
      if (one || other || Math.max(Math.min(ax, bx), Math.min(x[p], x[q])) <= Math.min(Math.max(ax, bx), Math.max(x[p], x[q]))) return true;
    }
  }
  return false;
}

// Nobody boards a ferry or a lift between its ends, or stands within a gate.
const mayStep = (graph, e) => (graph.forward[e] < FAR || graph.backward[e] < FAR) && !(graph.flags[e] & ENDS_ONLY);

// The one tie of an end of a passage: the nearest path on the ground.
const PASSAGE_REACH_M = 50;

function tieEnd({ graph }, px, py) {
  const metreX = graph.scale[0][0] + graph.scale[0][1] * py, metreY = graph.scale[1][0] + graph.scale[1][1] * py;
  const near = edgesIn(graph, { px, py, metreX, metreY }, PASSAGE_REACH_M, (e) => !(graph.flags[e] & RAISED));
  const best = near.reduce((one, tie) => (one && one.metres <= tie.metres ? one : tie), null);
  return best ? [{ ...best, leg: Math.floor(best.metres / graph.speed / graph.per + 0.5) }] : [];
}

function nearestOn(graph, e, px, py, metreX, metreY) {
  const { x, y, point } = graph.shapes;
  let best = Infinity, behind = 0, sum = 0, at = [0, 0];
  for (let p = point[e]; p < point[e + 1] - 1; p++) {
    const ax = (x[p] - px) * metreX, ay = (y[p] - py) * metreY;
    const dx = (x[p + 1] - x[p]) * metreX, dy = (y[p + 1] - y[p]) * metreY;
    const square = dx * dx + dy * dy;
    const t = square > 0 ? Math.max(0, Math.min(1, -(ax * dx + ay * dy) / square)) : 0;
    const away = (ax + t * dx) ** 2 + (ay + t * dy) ** 2;
    const piece = Math.sqrt(square);
    if (away < best) {
      best = away;
      behind = sum + t * piece;
      at = [x[p] + t * (x[p + 1] - x[p]), y[p] + t * (y[p + 1] - y[p])];
    }
    sum += piece;
  }
  return { edge: e, metres: Math.sqrt(best), share: sum > 0 ? behind / sum : 0, at };
}
