// Paints a window of the place onto a canvas: ground, buildings, marks. The map's tiles, the print and the picture all use these.
// A window: { x, y } its north-west corner and `scale` pixels per unit, `width`, `height` in CSS pixels, `zoom`, `metre` pixels per metre;
// `bare` where nothing lies under the buildings yet.

const FILLS = ["#2b5c8a", "#9ec9e2", "#f2ead0", "#e58a3c", "#8a2c0d"];
const LIGHT = {
  land: "#e9ecee", water: "#c6d7e0", green: "#d6e2cf", road: "#ffffff", street: "#ffffff", path: "#fbfaf6", rail: "#8f959c",
  barrier: "#7d6a58", zone: "#5b6570", text: "#3c434b", halo: "rgba(255,255,255,.85)",
  edges: ["#1d4469", "#6d9fbd", "#a8884a", "#a95a17", "#5f1c06"],
  uncounted: "#d3d6d9", uncountedEdge: "#b9bec4", hatch: "#7b828a", hatchGround: "#ffffff", unreachable: "#17191c", unreachableMark: "#ffffff",
  dots: "#111318", badge: "#26313d", badgeRim: "#ffffff", badgeSign: "#ffffff", planned: "#7a2a8a", zoneText: "#39424c",
};
const DARK = {
  ...LIGHT,
  land: "#1a1e23", water: "#1d3440", green: "#223026", road: "#3a424b", street: "#353c44", path: "#2b3138", rail: "#6c737b",
  barrier: "#a08a74", zone: "#8b95a0", text: "#c7ced6", halo: "rgba(20,23,27,.85)",
  edges: ["#5c93c6", "#cfe6f3", "#fff8e2", "#ffc48c", "#d8623a"],
  uncounted: "#343a41", uncountedEdge: "#454c55", hatch: "#9aa2ab", hatchGround: "#22272d", unreachable: "#000000", unreachableMark: "#ffffff",
  dots: "#ffffff", badge: "#e9edf1", badgeRim: "#14171a", badgeSign: "#14171a", planned: "#e2a8ee", zoneText: "#dbe1e7",
};

// Ways: width in metres, least width in pixels, first zoom at which they are drawn, and their colour. A class may have a tail (`_…`) that says more.
const WAYS = {
  road: [12, 1.6, 5, "road"], motorway: [12, 1.6, 5, "road"], trunk: [12, 1.6, 5, "road"], primary: [11, 1.5, 9, "road"], secondary: [9, 1.3, 10, "road"],
  tertiary: [8, 1.1, 11, "street"], residential: [6, 0.8, 13, "street"], pedestrian: [5, 0.8, 14, "street"], busway: [5, 0.8, 14, "street"],
  service: [3.5, 0.6, 15, "street"], steps: [2.5, 1.2, 16, "path"],
};
const OTHER_WAY = [1.8, 0.8, 15, "path"];
const styleOf = (kind) => WAYS[kind.replace("way:", "")] || WAYS[kind.replace("way:", "").split(/[^a-z]/)[0]] || OTHER_WAY;
const BATCH = 64;

const isDark = () => document.documentElement.dataset.scheme === "dark";
const paletteNow = () => (isDark() ? DARK : LIGHT);

const patterns = new Map();

// Diagonal lines for "cannot be judged", crosses on black for "no path": neither is a colour of the scale.
function pattern(ctx, kind, palette) {
  const key = `${kind}${palette === DARK}`;
  if (!patterns.has(key)) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = kind === "unmapped" ? palette.hatchGround : palette.unreachable;
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = kind === "unmapped" ? palette.hatch : palette.unreachableMark;
    pen.lineWidth = kind === "unmapped" ? 1.6 : 1;
    pen.beginPath();
    for (const shift of kind === "unmapped" ? [-8, 0, 8] : []) {
      pen.moveTo(shift - 1, 9);
      pen.lineTo(shift + 9, -1);
    }
    if (kind === "unreachable") {
      pen.moveTo(2, 2);
      pen.lineTo(6, 6);
      pen.moveTo(6, 2);
      pen.lineTo(2, 6);
    }
    pen.stroke();
    patterns.set(key, ctx.createPattern(tile, "repeat"));
  }
  return patterns.get(key);
}

// On paper, where colours may come out grey, what is beyond the limit is lined as well.
const LINED = [3, 4];

function lined(ctx, cls) {
  const key = `lined${cls}`;
  if (!patterns.has(key)) {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const pen = tile.getContext("2d");
    pen.fillStyle = FILLS[cls];
    pen.fillRect(0, 0, 6, 6);
    pen.fillStyle = cls === 3 ? "rgba(40, 20, 0, .6)" : "rgba(255, 255, 255, .75)";
    if (cls === 3) pen.fillRect(2, 0, 1, 6);
    else pen.fillRect(0, 2, 6, 1);
    patterns.set(key, ctx.createPattern(tile, "repeat"));
  }
  return patterns.get(key);
}

function fillOf(ctx, cls, palette, paper = false) {
  if (paper && LINED.includes(cls)) return lined(ctx, cls);
  if (cls < 5) return FILLS[cls];
  if (cls === CLASS_UNMAPPED) return pattern(ctx, "unmapped", palette);
  return cls === CLASS_UNREACHABLE ? pattern(ctx, "unreachable", palette) : palette.uncounted;
}

function edgeOf(cls, palette) {
  if (cls < 5) return palette.edges[cls];
  if (cls === CLASS_UNMAPPED) return palette.hatch;
  return cls === CLASS_UNREACHABLE ? palette.unreachableMark : palette.uncountedEdge;
}

function trace(ctx, shapes, i, view, close) {
  const { ring, point, x, y } = shapes;
  for (let r = ring[i]; r < ring[i + 1]; r++) {
    ctx.moveTo((x[point[r]] - view.x) * view.scale, (y[point[r]] - view.y) * view.scale);
    for (let p = point[r] + 1; p < point[r + 1]; p++) ctx.lineTo((x[p] - view.x) * view.scale, (y[p] - view.y) * view.scale);
    if (close) ctx.closePath();
  }
}

function inView(shapes, view, pad, visit) {
  const more = pad / view.scale;
  within(shapes, view.x - more, view.y - more, view.x + view.width / view.scale + more, view.y + view.height / view.scale + more, visit);
}

// Traces everything of a layer that the window meets, and ends each batch with `finish`: one path of thousands of areas is far slower.
function inBatches(ctx, shapes, view, pad, close, finish) {
  let open = 0;
  ctx.beginPath();
  inView(shapes, view, pad, (i) => {
    trace(ctx, shapes, i, view, close);
    if (++open === BATCH) {
      finish();
      ctx.beginPath();
      open = 0;
    }
  });
  if (open) finish();
}

function paintGround(ctx, place, view, palette) {
  ctx.fillStyle = palette.land;
  ctx.fillRect(0, 0, view.width, view.height);
  if (!place.background) return;
  const each = (kind, form, run) => {
    for (const layer of place.background.layers) if (layer.kind === kind && layer.form === form) run(layer.shapes);
  };
  for (const kind of ["green", "water"]) {
    ctx.fillStyle = palette[kind];
    each(kind, "area", (shapes) => inBatches(ctx, shapes, view, 2, true, () => ctx.fill()));
  }
  const stroke = (kind, colour, width, dash = []) => {
    ctx.strokeStyle = colour;
    ctx.lineWidth = width;
    ctx.lineCap = dash.length ? "butt" : "round";
    ctx.lineJoin = "round";
    ctx.setLineDash(dash);
    each(kind, "line", (shapes) => inBatches(ctx, shapes, view, width + 2, false, () => ctx.stroke()));
    ctx.setLineDash([]);
  };
  stroke("water", palette.water, Math.max(1, 3 * view.metre));
  const ways = place.background.layers.filter((layer) => layer.kind.startsWith("way:") || layer.kind === "road");
  for (const layer of ways.sort((a, b) => styleOf(a.kind)[0] - styleOf(b.kind)[0])) {
    const [metres, least, from, colour] = styleOf(layer.kind);
    if (view.zoom < from) continue;
    ctx.strokeStyle = palette[colour];
    ctx.lineWidth = Math.max(least, metres * view.metre);
    ctx.lineCap = ctx.lineJoin = "round";
    ctx.setLineDash(layer.kind === "way:steps" && view.zoom >= 17 ? [2, 2] : []);
    inBatches(ctx, layer.shapes, view, ctx.lineWidth + 2, false, () => ctx.stroke());
    ctx.setLineDash([]);
  }
  stroke("railway", palette.rail, Math.max(1, 2.2 * view.metre));
  if (view.zoom >= 14) stroke("railway", palette.land, Math.max(0.5, 1.4 * view.metre), [6, 6]);
}

// Walls and fences lie over the buildings' ground but under their colour; zones are only hinted at.
function paintBarriers(ctx, place, view, palette) {
  if (place.zoneLayer && view.zoom >= 13) {
    ctx.strokeStyle = palette.zone;
    ctx.lineWidth = 1;
    ctx.setLineDash([5, 4]);
    ctx.beginPath();
    inView(place.zones.shapes, view, 4, (i) => place.zones.list[i].layer === place.zoneLayer && trace(ctx, place.zones.shapes, i, view, true));
    ctx.stroke();
    ctx.setLineDash([]);
  }
  if (!place.background || view.zoom < 15) return;
  ctx.strokeStyle = palette.barrier;
  ctx.lineWidth = Math.max(1, 0.7 * view.metre);
  for (const layer of place.background.layers) {
    if (layer.kind === "barrier") inBatches(ctx, layer.shapes, view, 4, layer.form === "area", () => ctx.stroke());
  }
}

function meanSize(shapes) {
  let sum = 0;
  for (let i = 0; i < shapes.n; i++) sum += Math.max(0, shapes.box[4 * i + 2] - shapes.box[4 * i]) + Math.max(0, shapes.box[4 * i + 3] - shapes.box[4 * i + 1]);
  return sum / Math.max(1, 2 * shapes.n);
}

function paintBuildings(ctx, place, view, palette) {
  const { shapes } = place.model;
  place.size ??= meanSize(shapes);
  if (place.size * view.scale < 3.5) paintPixels(ctx, place, view, palette);
  else paintAreas(ctx, place, view, palette);
}

// Seen from afar every building is at least one pixel, and of several in one pixel the worst shows: a gap never vanishes.
function paintPixels(ctx, place, view, palette) {
  const { shapes } = place.model;
  const { cls } = place.classes;
  const ratio = view.ratio;
  const w = Math.round(view.width * ratio), h = Math.round(view.height * ratio);
  const worst = new Uint8Array(w * h);
  const scale = view.scale * ratio;
  const least = Math.max(1, Math.round(ratio)) - 1;
  inView(shapes, view, 1, (i) => {
    const rank = RANK[cls[i]] + 1;
    const west = Math.floor((shapes.box[4 * i] - view.x) * scale), north = Math.floor((shapes.box[4 * i + 1] - view.y) * scale);
    const east = Math.max(west + least, Math.floor((shapes.box[4 * i + 2] - view.x) * scale - 0.3));
    const south = Math.max(north + least, Math.floor((shapes.box[4 * i + 3] - view.y) * scale - 0.3));
    for (let py = Math.max(0, north); py <= Math.min(h - 1, south); py++) {
      for (let px = Math.max(0, west); px <= Math.min(w - 1, east); px++) if (worst[py * w + px] < rank) worst[py * w + px] = rank;
    }
  });
  const image = new ImageData(w, h);
  const pixels = new Uint32Array(image.data.buffer);
  const colours = PAINT_ORDER.map((c) => rgba(c < 5 ? FILLS[c] : c === CLASS_UNMAPPED ? palette.hatchGround : c === CLASS_UNREACHABLE ? palette.unreachable : palette.uncounted));
  const hatch = rgba(palette.hatch), unmapped = RANK[CLASS_UNMAPPED] + 1;
  for (let k = 0; k < worst.length; k++) {
    if (!worst[k]) continue;
    pixels[k] = worst[k] === unmapped && ((k % w) + Math.floor(k / w)) % 4 < 2 ? hatch : colours[worst[k] - 1];
  }
  if (view.bare) return ctx.putImageData(image, 0, 0);
  const sheet = document.createElement("canvas");
  sheet.width = w;
  sheet.height = h;
  sheet.getContext("2d").putImageData(image, 0, 0);
  ctx.imageSmoothingEnabled = false;
  ctx.drawImage(sheet, 0, 0, view.width, view.height);
}

function rgba(hex) {
  const value = parseInt(hex.slice(1), 16);
  return ((255 << 24) | ((value & 255) << 16) | (value & 0xff00) | (value >> 16)) >>> 0;
}

function paintAreas(ctx, place, view, palette) {
  const { shapes } = place.model;
  const { cls, dotted } = place.classes;
  const byRank = PAINT_ORDER.map(() => []);
  inView(shapes, view, 2, (i) => byRank[RANK[cls[i]]].push(i));
  const size = place.size * view.scale;
  const outlined = size > 6;
  ctx.lineJoin = "round";
  byRank.forEach((rows, rank) => {
    const kind = PAINT_ORDER[rank];
    ctx.fillStyle = fillOf(ctx, kind, palette, view.paper);
    ctx.strokeStyle = edgeOf(kind, palette);
    ctx.lineWidth = size > 14 ? 1 : 0.6;
    for (let from = 0; from < rows.length; from += BATCH) {
      ctx.beginPath();
      for (let k = from; k < Math.min(rows.length, from + BATCH); k++) trace(ctx, shapes, rows[k], view, true);
      ctx.fill();
      if (outlined) ctx.stroke();
    }
  });
  if (size < 9) return;
  ctx.strokeStyle = palette.dots;
  ctx.lineWidth = 1.6;
  ctx.lineCap = "round";
  ctx.setLineDash([0.1, 3.6]);
  for (const rows of byRank) {
    for (const i of rows) {
      if (!dotted[i] || cls[i] === CLASS_UNCOUNTED) continue;
      ctx.beginPath();
      trace(ctx, shapes, i, view, true);
      ctx.stroke();
    }
  }
  ctx.setLineDash([]);
}

const shownFacility = (place, k) => {
  const service = place.facilities.service[k];
  return service < place.model.services.length && (typeof place.theme !== "number" || service === place.theme);
};

function badgeSize(place, zoom) {
  if (zoom >= 18) return 20;
  if (zoom >= 17) return 17;
  return zoom >= (typeof place.theme === "number" ? 15 : 16) ? 14 : 0;
}

function paintMarks(ctx, place, view, palette) {
  paintLabels(ctx, place, view, palette);
  const { facilities } = place;
  if (!facilities) return;
  const few = typeof place.theme === "number";
  const size = badgeSize(place, view.zoom);
  const dot = few ? (view.zoom >= 14 ? 3 : 1.8) : view.zoom >= 15 ? 2.2 : 0;
  const pad = 12 / view.scale;
  const east = view.x + view.width / view.scale + pad, south = view.y + view.height / view.scale + pad;
  const paintOne = (k) => {
    const x = facilities.x[k], y = facilities.y[k];
    if (x < view.x - pad || y < view.y - pad || x > east || y > south || !shownFacility(place, k)) return;
    const px = (x - view.x) * view.scale, py = (y - view.y) * view.scale, isPlanned = facilities.planned.has(k);
    if (size) {
      paintBadge(ctx, place.model.services[facilities.service[k]], px, py, size, palette, place.lang, isPlanned);
    } else if (dot) {
      ctx.beginPath();
      ctx.arc(px, py, isPlanned ? dot + 1.5 : dot, 0, 2 * Math.PI);
      ctx.fillStyle = isPlanned ? palette.planned : palette.badge;
      ctx.fill();
      ctx.strokeStyle = palette.badgeRim;
      ctx.lineWidth = 0.8;
      if (dot > 2) ctx.stroke();
    }
  };
  for (let k = 0; k < facilities.n; k++) if (!facilities.planned.has(k)) paintOne(k);
  // what a scenario adds lies on top, or nobody would see it
  facilities.planned.forEach(paintOne);
}

// The gates that somebody passes, where one is to be chosen: white with a red rim, smaller where many are seen.
function paintGates(ctx, place, view) {
  const { gates, nodeX, nodeY } = place.drawn;
  const radius = view.zoom >= 16 ? 5.5 : view.zoom >= 14 ? 4 : 2.5;
  ctx.fillStyle = "#ffffff";
  ctx.strokeStyle = "#b00020";
  ctx.lineWidth = radius / 2;
  for (const node of gates.node) {
    const x = (nodeX[node] - view.x) * view.scale, y = (nodeY[node] - view.y) * view.scale;
    if (x < -8 || y < -8 || x > view.width + 8 || y > view.height + 8) continue;
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fill();
    ctx.stroke();
  }
}

// Street and zone names, placed once per zoom for the whole place, so that neighbouring tiles agree. Longer streets come first.
function placeLabels(ctx, place, zoom, scale) {
  const taken = new Set(), badges = new Set(), placed = [], near = new Map();
  const cellsOf = (x, y, w, h) => {
    const cells = [];
    for (let cx = Math.floor((x - w / 2) / 8); cx <= Math.floor((x + w / 2) / 8); cx++) {
      for (let cy = Math.floor((y - h / 2) / 8); cy <= Math.floor((y + h / 2) / 8); cy++) cells.push(cx * 1e6 + cy);
    }
    return cells;
  };
  const free = (x, y, w, h, overBadges) => {
    const cells = cellsOf(x, y, w, h);
    if (cells.some((cell) => taken.has(cell) || (!overBadges && badges.has(cell)))) return false;
    cells.forEach((cell) => taken.add(cell));
    return true;
  };
  const badge = badgeSize(place, zoom);
  for (let k = 0; badge && k < (place.facilities?.n || 0); k++) {
    if (shownFacility(place, k)) cellsOf(place.facilities.x[k] * scale, place.facilities.y[k] * scale, badge - 2, badge - 2).forEach((cell) => badges.add(cell));
  }
  const put = (text, kind, x, y, angle, most, font, overBadges = false) => {
    ctx.font = font;
    const width = ctx.measureText(text).width + 6;
    if (width > most) return false;
    const w = Math.abs(width * Math.cos(angle)) + Math.abs(14 * Math.sin(angle)), h = Math.abs(width * Math.sin(angle)) + Math.abs(14 * Math.cos(angle));
    const others = near.get(text) || [];
    if (others.some(([ox, oy]) => Math.hypot(x * scale - ox, y * scale - oy) < 260)) return false;
    if (!free(x * scale, y * scale, w, h, overBadges)) return false;
    near.set(text, [...others, [x * scale, y * scale]]);
    placed.push({ text, kind, x, y, angle, w, h, font });
    return true;
  };
  const family = getComputedStyle(document.body).fontFamily;
  // zones with most gaps first: theirs are the names that must not be missing
  const zones = place.zoneLayer && zoom >= 15 ? place.zones.list.filter((zone) => zone.layer === place.zoneLayer).sort((a, b) => b.gap - a.gap) : [];
  for (const zone of zones) {
    const { box } = place.zones.shapes;
    const [west, north, east, south] = [0, 1, 2, 3].map((k) => box[4 * zone.row + k]);
    if (west > east) continue;
    // the middle, or a height above or below it where no badge stands, or just outside; if all are taken, over the badges
    const half = ((south - north) * scale) / 2;
    const at = (shift, over) => put(zone.name, "zone", (west + east) / 2, (north + south) / 2 + shift / scale, 0, Math.max(80, (east - west) * scale * 1.6), `600 12px ${family}`, over);
    const shifts = [0, -10, 10, -20, 20, -30, 30, -40, 40].filter((shift) => Math.abs(shift) < half);
    if (![...shifts, -half - 9, half + 9].some((shift) => at(shift, false))) at(0, true);
  }
  const streets = place.background?.streets;
  if (streets && zoom >= 15) {
    for (const k of streets.order) {
      let angle = (streets.slope[k] * Math.PI) / 180;
      if (angle > Math.PI / 2) angle -= Math.PI;
      if (angle < -Math.PI / 2) angle += Math.PI;
      put(streets.names[streets.text[k]], "street", streets.x[k], streets.y[k], angle, Math.max(90, streets.length[k] * scale * 2), `11px ${family}`);
    }
  }
  return placed;
}

function paintLabels(ctx, place, view, palette) {
  if (view.zoom < 15) return;
  place.labels ??= new Map();
  const key = `${view.zoom} ${place.theme}`;
  if (!place.labels.has(key)) place.labels.set(key, placeLabels(ctx, place, view.zoom, view.scale));
  ctx.textAlign = "center";
  ctx.textBaseline = "middle";
  ctx.lineJoin = "round";
  ctx.strokeStyle = palette.halo;
  for (const label of place.labels.get(key)) {
    const x = (label.x - view.x) * view.scale, y = (label.y - view.y) * view.scale;
    if (x < -label.w || y < -label.h || x > view.width + label.w || y > view.height + label.h) continue;
    ctx.save();
    ctx.translate(x, y);
    ctx.rotate(label.angle);
    ctx.font = label.font;
    ctx.lineWidth = 3;
    ctx.fillStyle = label.kind === "zone" ? palette.zoneText : palette.text;
    ctx.strokeText(label.text, 0, 0);
    ctx.fillText(label.text, 0, 0);
    ctx.restore();
  }
}
