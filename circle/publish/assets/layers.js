// The paint on Leaflet: two sheets of tiles (ground; buildings with the marks on them), and the few vectors of the chosen building.

const TILE = 512;

// A tile's window. The world has 2**28 units, which is Leaflet's own pixel world of zoom 20.
function windowOf(place, left, top, width, height, zoom) {
  const scale = 2 ** (zoom - 20);
  return {
    x: left / scale - place.model.origin[0], y: top / scale - place.model.origin[1], scale, width, height, zoom,
    metre: place.unitsPerMetre * scale, ratio: Math.min(2, window.devicePixelRatio || 1),
  };
}

function paintOn(canvas, view, paint) {
  canvas.width = Math.round(view.width * view.ratio);
  canvas.height = Math.round(view.height * view.ratio);
  const ctx = canvas.getContext("2d");
  ctx.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  paint(ctx, view);
}

function tileLayer(place, name, paint) {
  const tiles = new Map();
  // createTile takes one argument on purpose: with two, Leaflet waits for a callback and leaves the tile invisible
  const Layer = L.GridLayer.extend({
    createTile(coords) {
      const canvas = document.createElement("canvas");
      const view = windowOf(place, coords.x * TILE, coords.y * TILE, TILE, TILE, coords.z);
      const draw = () => paintOn(canvas, view, (ctx) => paint(ctx, place, view, paletteNow()));
      tiles.set(canvas, { draw, view });
      draw();
      return canvas;
    },
  });
  const layer = new Layer({ tileSize: TILE, updateWhenZooming: false, keepBuffer: 1, minZoom: 5, maxZoom: 21, noWrap: true, className: `sheet-${name}`, pane: "tilePane" });
  layer.on("tileunload", (event) => tiles.delete(event.tile));
  // in place: tiles that are thrown away and made anew would flash. What is seen comes first, the rim when that stands. `rows`: only tiles
  // on which one of these buildings lies.
  let later = 0;
  const stale = new Set();
  layer.repaint = (rows = null) => {
    clearTimeout(later);
    const frame = place.map.getContainer().getBoundingClientRect();
    tiles.forEach(({ draw, view }, canvas) => {
      if (rows && !stale.has(canvas) && !rows.some((i) => touches(place.model.shapes, i, view))) return;
      const box = canvas.getBoundingClientRect();
      if (box.right > frame.left && box.left < frame.right && box.bottom > frame.top && box.top < frame.bottom) {
        stale.delete(canvas);
        draw();
      } else stale.add(canvas);
    });
    later = setTimeout(() => {
      stale.forEach((canvas) => tiles.get(canvas)?.draw());
      stale.clear();
    }, 30);
  };
  return layer;
}

// Whether anything of a building is painted in a window; an outline is a few pixels wide.
function touches({ box }, i, view) {
  const pad = 3 / view.scale;
  return box[4 * i] <= view.x + view.width / view.scale + pad && box[4 * i + 2] >= view.x - pad && box[4 * i + 1] <= view.y + view.height / view.scale + pad && box[4 * i + 3] >= view.y - pad;
}

function makeLayers(place) {
  const ground = tileLayer(place, "ground", (ctx, p, view, palette) => {
    paintGround(ctx, p, view, palette);
    paintBarriers(ctx, p, view, palette);
  });
  const buildings = tileLayer(place, "buildings", (ctx, p, view, palette) => {
    paintBuildings(ctx, p, { ...view, bare: true }, palette);
    paintMarks(ctx, p, view, palette);
    if (p.plan?.mode === "gate") paintGates(ctx, p, view);
  });
  [ground, buildings].forEach((layer, k) => layer.setZIndex(k + 1));
  return { ground, buildings, all: [ground, buildings] };
}

const toLatLng = (place, x, y) => place.map.options.crs.pointToLatLng(L.point(x + place.model.origin[0], y + place.model.origin[1]), 20);

function toUnits(place, latlng) {
  const at = place.map.options.crs.latLngToPoint(latlng, 20);
  return [at.x - place.model.origin[0], at.y - place.model.origin[1]];
}

function boundsOf(place, shapes, i) {
  const [west, north, east, south] = [0, 1, 2, 3].map((k) => shapes.box[4 * i + k]);
  return west > east ? null : L.latLngBounds(toLatLng(place, west, south), toLatLng(place, east, north));
}

function middleOf(place, i) {
  const { box } = place.model.shapes;
  return [(box[4 * i] + box[4 * i + 2]) / 2, (box[4 * i + 1] + box[4 * i + 3]) / 2];
}

// What lies under a click: a facility's badge, else the building, else the nearest one within a few pixels.
function hit(place, latlng) {
  const [x, y] = toUnits(place, latlng);
  const perPixel = 2 ** (20 - place.map.getZoom());
  const facility = hitFacility(place, x, y, perPixel);
  if (facility >= 0) return { facility };
  let best = -1, bestRank = -1, nearest = -1, distance = 6 * perPixel;
  within(place.model.shapes, x - distance, y - distance, x + distance, y + distance, (i) => {
    if (holds(place.model.shapes, i, x, y) && RANK[place.classes.cls[i]] >= bestRank) {
      best = i;
      bestRank = RANK[place.classes.cls[i]];
    }
    const [mx, my] = middleOf(place, i);
    const away = Math.hypot(mx - x, my - y);
    if (away < distance) {
      nearest = i;
      distance = away;
    }
  });
  return { building: best >= 0 ? best : nearest };
}

function hitFacility(place, x, y, perPixel) {
  if (!place.facilities || place.map.getZoom() < 15) return -1;
  let found = -1, distance = 11 * perPixel;
  for (let k = 0; k < place.facilities.n; k++) {
    const away = Math.hypot(place.facilities.x[k] - x, place.facilities.y[k] - y);
    if (away < distance && shownFacility(place, k)) {
      found = k;
      distance = away;
    }
  }
  return found;
}

const LINE_CLASSES = ["line-met", "line-gap", "line-gap", "line-open"];

// Where a line ends that stops so far before its goal; nothing where it would be shorter than that.
function shortened([ax, ay], [bx, by], gap) {
  const length = Math.hypot(bx - ax, by - ay);
  return length > gap ? [bx - ((bx - ax) * gap) / length, by - ((by - ay) * gap) / length] : null;
}

// The chosen building's outline, and the walk to the nearest facility of each service; of the theme's alone, where one is chosen, and then
// with the straight line beside it.
function showChosen(place, i) {
  place.chosen ??= L.layerGroup().addTo(place.map);
  place.chosen.clearLayers();
  if (i < 0) return;
  const { shapes, services } = place.model;
  const rings = [];
  for (let r = shapes.ring[i]; r < shapes.ring[i + 1]; r++) {
    const ring = [];
    for (let p = shapes.point[r]; p < shapes.point[r + 1]; p++) ring.push(toLatLng(place, shapes.x[p], shapes.y[p]));
    rings.push(ring);
  }
  const quiet = { interactive: false, fill: false };
  if (rings.length) {
    L.polygon(rings, { ...quiet, className: "chosen-halo" }).addTo(place.chosen);
    L.polygon(rings, { ...quiet, className: "chosen-edge" }).addTo(place.chosen);
  }
  if (!place.facilities || !place.model.details || !rings.length) return;
  for (const service of services) {
    const k = service.facility[i];
    if (k < 0 || (typeof place.theme === "number" && service.index !== place.theme)) continue;
    const spot = goalSpot(place, k);
    const line = place.graph ? routeOf(place, service, i).flatMap((leg) => leg.line) : [];
    if (line.length > 1) drawLine(place, line.map((point) => toLatLng(place, ...point)), LINE_CLASSES[verdictOf(service, i)]);
    const end = shortened(middleOf(place, i), spot, 12 * 2 ** (20 - place.map.getZoom()));
    if (end && (line.length < 2 || typeof place.theme === "number")) {
      const straight = [toLatLng(place, ...middleOf(place, i)), toLatLng(place, ...end)];
      if (line.length > 1) L.polyline(straight, { ...quiet, className: "line-straight" }).addTo(place.chosen);
      else drawLine(place, straight, `${LINE_CLASSES[verdictOf(service, i)]} line-dashed`);
    }
    L.circleMarker(toLatLng(place, ...spot), { ...quiet, radius: 12, className: "line-end" }).addTo(place.chosen);
  }
}

function drawLine(place, line, className) {
  const quiet = { interactive: false, fill: false, smoothFactor: 0.5 };
  L.polyline(line, { ...quiet, className: "line-halo" }).addTo(place.chosen);
  L.polyline(line, { ...quiet, className }).addTo(place.chosen);
}
