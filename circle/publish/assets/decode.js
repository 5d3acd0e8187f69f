// Reads what pack.py wrote: base64 → gzip → header and sections → typed arrays. A section is a window on its whole block: what stays is a
// `slice` of it, so that the block need not.

async function readBlock(name) {
  const slot = document.getElementById(`block-${name}`);
  const text = slot.textContent;
  let bytes;
  if (typeof Uint8Array.fromBase64 === "function") {
    bytes = Uint8Array.fromBase64(text);
  } else {
    const binary = atob(text);
    bytes = new Uint8Array(binary.length);
    for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  }
  slot.textContent = "";
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const whole = new Uint8Array(await new Response(stream).arrayBuffer());
  const size = new DataView(whole.buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(whole.subarray(4, 4 + size)));
  const sections = {};
  let at = 4 + size;
  for (const [key, length] of header.sections) {
    sections[key] = whole.subarray(at, at + length);
    at += length;
  }
  return { header, sections };
}

// Whole numbers, seven bits a byte. Numbers beyond 31 bits (ids) are put together by multiplication, since bit operators stop there.
function varints(bytes, count, out = new Uint32Array(count)) {
  let at = 0;
  for (let i = 0; i < count; i++) {
    let byte = bytes[at++];
    let value = byte & 127;
    let shift = 7;
    while (byte > 127) {
      byte = bytes[at++];
      value = shift < 28 ? value | ((byte & 127) << shift) : value + (byte & 127) * 2 ** shift;
      shift += 7;
    }
    out[i] = value;
  }
  return out;
}

const unfold = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);

function countVarints(bytes) {
  let count = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i] < 128) count++;
  return count;
}

// Signed steps, summed up: Float64 where ids need it, Int32 else.
function deltas(bytes, count, out = new Int32Array(count)) {
  const folded = varints(bytes, count, new Float64Array(count));
  let value = 0;
  for (let i = 0; i < count; i++) out[i] = value += unfold(folded[i]);
  return out;
}

// 16-bit steps, low bytes first, then high bytes.
function planes(bytes, count) {
  const out = new Uint16Array(count);
  let value = 0;
  for (let i = 0; i < count; i++) {
    const folded = bytes[i] | (bytes[count + i] << 8);
    value = (value + ((folded >>> 1) ^ -(folded & 1))) & 0xffff;
    out[i] = value;
  }
  return out;
}

function lines(bytes) {
  return new TextDecoder().decode(bytes).split("\n");
}

// Outlines or lines of n things: `ring` (first ring of each), `point` (first point of each ring), coordinates, boxes.
function readShapes(sections, prefix, n) {
  const key = (name) => sections[`${prefix}${name}`];
  const perRow = varints(key("rings"), n);
  const ring = new Uint32Array(n + 1);
  for (let i = 0; i < n; i++) ring[i + 1] = ring[i] + perRow[i];
  const rings = ring[n];
  const sizes = varints(key("points"), rings);
  const point = new Uint32Array(rings + 1);
  for (let r = 0; r < rings; r++) point[r + 1] = point[r] + sizes[r];
  const shapes = { n, ring, point, x: readPath(key("x"), sizes), y: readPath(key("y"), sizes) };
  shapes.box = boxes(shapes);
  shapes.grid = makeGrid(shapes);
  return shapes;
}

// First where every path starts, then the steps of all.
function readPath(bytes, sizes) {
  let total = 0;
  for (let r = 0; r < sizes.length; r++) total += sizes[r];
  const written = varints(bytes, total, new Int32Array(total));
  const out = new Int32Array(total);
  let at = 0;
  let next = sizes.length;
  let start = 0;
  for (let r = 0; r < sizes.length; r++) {
    const size = sizes[r];
    let value = (start += (written[r] >>> 1) ^ -(written[r] & 1));
    let second = 0;
    out[at++] = value;
    for (let k = 1; k < size; k++, next++) {
      let step = (written[next] >>> 1) ^ -(written[next] & 1);
      if (size === 4 && k === 3) step -= second;
      if (k === 1) second = step;
      out[at++] = value += step;
    }
  }
  return out;
}

function boxes({ n, ring, point, x, y }) {
  const box = new Int32Array(4 * n);
  for (let i = 0; i < n; i++) {
    let west = 2147483647, north = 2147483647, east = -2147483648, south = -2147483648;
    for (let p = point[ring[i]]; p < point[ring[i + 1]]; p++) {
      if (x[p] < west) west = x[p];
      if (x[p] > east) east = x[p];
      if (y[p] < north) north = y[p];
      if (y[p] > south) south = y[p];
    }
    box[4 * i] = west;
    box[4 * i + 1] = north;
    box[4 * i + 2] = east;
    box[4 * i + 3] = south;
  }
  return box;
}

// A grid over the middles of the boxes. What is larger than a cell is kept apart and looked at every time.
function makeGrid({ n, box }) {
  let west = Infinity, north = Infinity, east = -Infinity, south = -Infinity;
  for (let i = 0; i < n; i++) {
    if (box[4 * i] > box[4 * i + 2]) continue;
    if (box[4 * i] < west) west = box[4 * i];
    if (box[4 * i + 1] < north) north = box[4 * i + 1];
    if (box[4 * i + 2] > east) east = box[4 * i + 2];
    if (box[4 * i + 3] > south) south = box[4 * i + 3];
  }
  if (west > east) return { large: [], start: new Uint32Array(1), columns: 0, rows: 0 };
  const span = Math.max(east - west, south - north, 1);
  const cell = Math.max(2048, span / 1024);
  const columns = Math.floor((east - west) / cell) + 1;
  const rows = Math.floor((south - north) / cell) + 1;
  const start = new Uint32Array(columns * rows + 1);
  const where = new Int32Array(n);
  const large = [];
  for (let i = 0; i < n; i++) {
    where[i] = -1;
    const w = box[4 * i], t = box[4 * i + 1], e = box[4 * i + 2], b = box[4 * i + 3];
    if (w > e) continue;
    if (e - w > cell || b - t > cell) {
      large.push(i);
      continue;
    }
    where[i] = Math.floor((((t + b) / 2) - north) / cell) * columns + Math.floor((((w + e) / 2) - west) / cell);
    start[where[i] + 1]++;
  }
  for (let c = 0; c < columns * rows; c++) start[c + 1] += start[c];
  const next = start.slice();
  const items = new Uint32Array(start[columns * rows]);
  for (let i = 0; i < n; i++) if (where[i] >= 0) items[next[where[i]]++] = i;
  return { west, north, east, south, cell, columns, rows, start, items, large };
}

// Calls `visit(i)` for everything whose box meets the window.
function within(shapes, west, north, east, south, visit) {
  const { grid, box } = shapes;
  const meets = (i) => box[4 * i] <= east && box[4 * i + 2] >= west && box[4 * i + 1] <= south && box[4 * i + 3] >= north;
  for (const i of grid.large) if (meets(i)) visit(i);
  if (!grid.columns) return;
  const half = grid.cell / 2;
  const clamp = (value, most) => Math.max(0, Math.min(most, value));
  const c0 = clamp(Math.floor((west - half - grid.west) / grid.cell), grid.columns);
  const c1 = clamp(Math.floor((east + half - grid.west) / grid.cell), grid.columns - 1);
  const r0 = clamp(Math.floor((north - half - grid.north) / grid.cell), grid.rows);
  const r1 = clamp(Math.floor((south + half - grid.north) / grid.cell), grid.rows - 1);
  for (let r = r0; r <= r1; r++) {
    for (let c = c0; c <= c1; c++) {
      const at = r * grid.columns + c;
      for (let k = grid.start[at]; k < grid.start[at + 1]; k++) if (meets(grid.items[k])) visit(grid.items[k]);
    }
  }
}

// Does the area hold the point? Odd number of edges to the east, over all its rings.
function holds(shapes, i, px, py) {
  const { ring, point, x, y } = shapes;
  let inside = false;
  for (let r = ring[i]; r < ring[i + 1]; r++) {
    const from = point[r], to = point[r + 1];
    for (let a = from, b = to - 1; a < to; b = a++) {
      if (y[a] > py !== y[b] > py && px < ((x[b] - x[a]) * (py - y[a])) / (y[b] - y[a]) + x[a]) inside = !inside;
    }
  }
  return inside;
}
