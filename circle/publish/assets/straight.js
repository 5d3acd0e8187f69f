// Straight lines as the program measures them (explain.py): from the outline of a building to the outline of what it walks to, 0 where
// they touch. On a plane that is true where the building stands, in metres.

// Rings of one of many shapes as lists of points in metres.
function ringsIn({ ring, point, x, y }, i, [metreX, metreY]) {
  const out = [];
  for (let r = ring[i]; r < ring[i + 1]; r++) {
    out.push(Array.from({ length: point[r + 1] - point[r] }, (_, k) => [x[point[r] + k] * metreX, y[point[r] + k] * metreY]));
  }
  return out;
}

const ringOfPoint = ([x, y], [metreX, metreY]) => [[[x * metreX, y * metreY]]];

// Metres of a unit of the page east and south, at the height of a building.
function metresAt({ graph, model }, i) {
  const y = (model.shapes.box[4 * i + 1] + model.shapes.box[4 * i + 3]) / 2;
  return graph.scale.map(([start, each]) => start + each * y);
}

// What is drawn as a small square is a point to the program.
function ringsOfBuilding(place, i, metres) {
  return place.graph.pointlike.has(i) ? ringOfPoint(middleOf(place, i), metres) : ringsIn(place.model.shapes, i, metres);
}

function ringsOfGoal(place, goal, metres) {
  const rings = isStation(place, goal) ? [] : ringsIn(place.facilities.outlines, goal, metres);
  return rings.length ? rings : ringOfPoint(goalSpot(place, goal), metres);
}

// Is a point inside, by an odd number of sides to the east of it?
function insideOf(rings, [px, py]) {
  let inside = false;
  for (const ring of rings) {
    ring.forEach(([ax, ay], k) => {
      const [bx, by] = ring[k ? k - 1 : ring.length - 1];
      if (ay > py !== by > py && px < ((bx - ax) * (py - ay)) / (by - ay) + ax) inside = !inside;
    });
  }
  return inside;
}

function fromSide([px, py], [ax, ay], [bx, by]) {
  const dx = bx - ax, dy = by - ay;
  const square = dx * dx + dy * dy;
  const t = square ? Math.max(0, Math.min(1, ((px - ax) * dx + (py - ay) * dy) / square)) : 0;
  return Math.hypot(ax + t * dx - px, ay + t * dy - py);
}

// On which side of the line from a to b a point lies: its sign.
const sideOf = ([ax, ay], [bx, by], [px, py]) => Math.sign((bx - ax) * (py - ay) - (by - ay) * (px - ax));

const cross = (a, b, c, d) => sideOf(a, b, c) * sideOf(a, b, d) < 0 && sideOf(c, d, a) * sideOf(c, d, b) < 0;

// Metres between two outlines. Where no sides cross, one holds the other wholly or not at all: one corner of each ring tells.
function metresBetween(these, those) {
  if (these.some((ring) => insideOf(those, ring[0])) || those.some((ring) => insideOf(these, ring[0]))) return 0;
  let least = Infinity;
  for (const one of these) {
    for (const other of those) {
      for (let k = 0, before = one.length - 1; k < one.length; before = k++) {
        for (let n = 0, last = other.length - 1; n < other.length; last = n++) {
          if (cross(one[before], one[k], other[last], other[n])) return 0;
          least = Math.min(least, fromSide(one[k], other[last], other[n]), fromSide(other[n], one[before], one[k]));
        }
      }
    }
  }
  return least;
}

// Metres in a straight line from a building to a goal.
function straightMetres(place, i, goal) {
  const metres = metresAt(place, i);
  return metresBetween(ringsOfBuilding(place, i, metres), ringsOfGoal(place, goal, metres));
}

// Metres from a building to where the data end, 0 for what reaches beyond (extent.py). What the data end at has no dents, so that the
// nearest side is the one whose whole line is nearest. Found once: it never changes.
function metresToRim(place, i) {
  const { graph, model } = place;
  graph.toRim ??= new Float32Array(model.n).fill(NaN);
  if (Number.isNaN(graph.toRim[i])) graph.toRim[i] = measureToRim(graph.rim, ringsOfBuilding(place, i, metresAt(place, i)), metresAt(place, i));
  return graph.toRim[i];
}

function measureToRim(rim, rings, [metreX, metreY]) {
  const corners = rim.map(([x, y]) => [x * metreX, y * metreY]);
  const turn = Math.sign(corners.reduce((sum, [x, y], k) => sum + corners.at(k - 1)[0] * y - x * corners.at(k - 1)[1], 0));
  let least = Infinity;
  corners.forEach(([bx, by], k) => {
    const [ax, ay] = corners.at(k - 1);
    const length = Math.hypot(bx - ax, by - ay);
    if (!length) return;
    for (const ring of rings) for (const [px, py] of ring) least = Math.min(least, (turn * ((bx - ax) * (py - ay) - (by - ay) * (px - ax))) / length);
  });
  return Math.max(0, least);
}
