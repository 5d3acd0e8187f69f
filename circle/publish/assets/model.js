// What the page knows about each building, and what class it has under a theme. Verdicts come from the file; nothing is judged here.

const MET = 0, GAP = 1, UNREACHABLE = 2, UNMAPPED = 3;
const NO_PATH = 65535;

// Classes: 0 to 4 are the colours from well within to far beyond the limit.
const CLASS_UNMAPPED = 5, CLASS_UNREACHABLE = 6, CLASS_UNCOUNTED = 7;
const CLASSES = 8;
// Painted in this order, so that the worst lies on top and wins a shared pixel.
const PAINT_ORDER = [CLASS_UNCOUNTED, 0, 1, CLASS_UNMAPPED, 2, 3, 4, CLASS_UNREACHABLE];
const RANK = new Uint8Array(CLASSES);
PAINT_ORDER.forEach((cls, rank) => (RANK[cls] = rank));
// Shares of the limit at which colours change; the limit itself (1) always parts blue from the rest.
const RATIOS = [0.5, 1, 1.5, 2.5];

const ID_KINDS = ["way", "relation", "node", ""];

function readModel({ header, sections }, standard) {
  const n = header.n;
  const services = standard.services.map((limit, index) => ({
    key: limit.service,
    index,
    limit: limit.limit_min,
    label: limit.label,
    circle: limit.circle,
    source: limit.source,
    confidence: limit.confidence,
    note: limit.note,
    minutes: planes(sections[`minutes_${limit.service}`], n),
    state: sections[`state_${limit.service}`].slice(),
    reasons: header.reasons[limit.service],
  }));
  return {
    n,
    origin: header.origin,
    world: header.world,
    shapes: readShapes(sections, "", n),
    flags: sections.flags.slice(),
    households: varints(sections.households, n),
    services,
    facilities: null,
    details: null,
  };
}

const verdictOf = (service, i) => service.state[i] & 3;
const fragileOf = (service, i) => (service.state[i] >> 2) & 1;
const reasonOf = (service, i) => service.reasons[(service.state[i] >> 3) - 1] || "";
const minutesOf = (service, i) => (service.minutes[i] === NO_PATH ? Infinity : service.minutes[i] / 100);
const isCounted = (model, i) => model.flags[i] & 1;
const isGap = (verdict) => verdict === GAP || verdict === UNREACHABLE;

function gapsOf(model, i) {
  let gaps = 0;
  for (const service of model.services) if (isGap(service.state[i] & 3)) gaps++;
  return gaps;
}

function ratioClass(hundredths, limit) {
  const ratio = hundredths / 100 / limit;
  return ratio <= RATIOS[2] ? 2 : ratio <= RATIOS[3] ? 3 : 4;
}

// One class per building under a theme: "gaps", "furthest", or the number of a service.
function classify(model, theme, everything) {
  const { n, services, flags } = model;
  const cls = new Uint8Array(n);
  const dotted = new Uint8Array(n);
  if (theme === "change") return classifyChange(model, everything, cls, dotted);
  const one = typeof theme === "number" ? services[theme] : null;
  for (let i = 0; i < n; i++) {
    if (!everything && !(flags[i] & 1)) {
      cls[i] = CLASS_UNCOUNTED;
      continue;
    }
    if (one) {
      cls[i] = serviceClass(one, i);
      dotted[i] = (one.state[i] >> 2) & 1;
    } else {
      combinedClass(services, i, theme === "gaps", cls, dotted);
    }
  }
  return { cls, dotted };
}

// Against the run before, or the run without edits: lost, more gaps, as before (kept or not), fewer gaps, gained.
const CHANGE_GAINED = 0, CHANGE_BETTER = 1, CHANGE_SAME = CLASS_UNCOUNTED, CHANGE_GAP = 2, CHANGE_WORSE = 3, CHANGE_LOST = 4;

function classifyChange(model, everything, cls, dotted) {
  for (let i = 0; i < model.n; i++) {
    cls[i] = CHANGE_SAME;
    if (!everything && !(model.flags[i] & 1)) continue;
    let was = 0, now = 0, wasOpen = 0, nowOpen = 0;
    for (const service of model.services) {
      const b = service.state[i] & 3;
      const a = service.other ? (service.other[i] === NOT_THERE ? b : service.other[i]) : (service.run?.state || service.state)[i] & 3;
      was += isGap(a);
      now += isGap(b);
      wasOpen += a === UNMAPPED;
      nowOpen += b === UNMAPPED;
    }
    const [a, b] = [was + wasOpen, now + nowOpen];
    if (b < a) cls[i] = b ? CHANGE_BETTER : CHANGE_GAINED;
    else if (b > a) cls[i] = a ? CHANGE_WORSE : CHANGE_LOST;
    else if (now) cls[i] = CHANGE_GAP;
  }
  return { cls, dotted };
}

const canCompare = (place) => place.meta.before || anyEdits(place.edits);

function serviceClass(service, i) {
  const verdict = service.state[i] & 3;
  if (verdict === UNMAPPED) return CLASS_UNMAPPED;
  if (verdict === UNREACHABLE) return CLASS_UNREACHABLE;
  if (verdict === GAP) return ratioClass(service.minutes[i], service.limit);
  return service.minutes[i] / 100 <= service.limit * RATIOS[0] ? 0 : 1;
}

function combinedClass(services, i, byNumber, cls, dotted) {
  let gaps = 0, unmapped = 0, unreachable = 0, fragile = 0, close = 0, worst = 0, most = -1;
  for (const service of services) {
    const verdict = service.state[i] & 3;
    if (verdict === UNMAPPED) {
      unmapped++;
      continue;
    }
    fragile |= (service.state[i] >> 2) & 1;
    if (verdict !== MET) gaps++;
    if (verdict === UNREACHABLE) {
      unreachable++;
      continue;
    }
    const ratio = service.minutes[i] / service.limit + (verdict === GAP ? 1e9 : 0);
    if (ratio > most) {
      most = ratio;
      worst = serviceClass(service, i);
      close = (service.state[i] >> 2) & 1;
    }
  }
  dotted[i] = byNumber ? fragile : close;
  if (unreachable && !byNumber) cls[i] = CLASS_UNREACHABLE;
  else if (byNumber && gaps) cls[i] = unreachable === services.length ? CLASS_UNREACHABLE : Math.min(1 + gaps, 4);
  else if (!gaps && unmapped) cls[i] = CLASS_UNMAPPED;
  else cls[i] = byNumber ? 0 : worst;
}

function countClasses(cls, dotted) {
  const counts = new Uint32Array(CLASSES + 1);
  for (let i = 0; i < cls.length; i++) {
    counts[cls[i]]++;
    if (dotted[i] && cls[i] !== CLASS_UNCOUNTED) counts[CLASSES]++;
  }
  return counts;
}

// Minutes over the limits, summed; no path counts as ten limits, so that it leads the list among equals.
function excessOf(model, i) {
  let sum = 0;
  for (const service of model.services) {
    const verdict = service.state[i] & 3;
    if (verdict === GAP) sum += service.minutes[i] / 100 - service.limit;
    if (verdict === UNREACHABLE) sum += 10 * service.limit;
  }
  return sum;
}

// The `most` worst counted buildings: number of gaps, then minutes too many, then the order of the page. Gives rows and how many there are.
function worstBuildings(model, most, service = null, order = "gaps", column = null) {
  const keys = new Float64Array(model.n);
  const zones = column ? model.details.columns[column] : null;
  let total = 0;
  for (let i = 0; i < model.n; i++) {
    if (!(model.flags[i] & 1)) continue;
    let key = 0;
    if (service) {
      const verdict = service.state[i] & 3;
      if (verdict === GAP) key = service.minutes[i] / 100 - service.limit;
      if (verdict === UNREACHABLE) key = 1e6;
    } else {
      const gaps = gapsOf(model, i);
      if (gaps) key = gaps * 1e7 + Math.min(excessOf(model, i), 9e6);
    }
    if (key > 0) {
      if (order === "households") key = model.households[i] * 1e3 + Math.min(key / 1e5, 999);
      if (order === "excess" && !service) key = excessOf(model, i);
      if (order === "zone" && zones) key = key / 1e9 + (zones[i] ? 1e6 - zones[i] : 0) + 1;
      keys[i] = key;
      total++;
    }
  }
  const least = total > most ? nthLargest(keys.filter((key) => key > 0), most) : 0;
  const rows = [], equal = [];
  for (let i = 0; i < model.n; i++) {
    if (keys[i] > least) rows.push(i);
    else if (keys[i] === least && least && equal.length < most) equal.push(i);
  }
  rows.sort((a, b) => keys[b] - keys[a] || a - b);
  rows.push(...equal);
  return { rows: rows.slice(0, most), total };
}

// The n-th largest of many numbers, without sorting them all. The array is shuffled.
function nthLargest(values, n) {
  let low = 0, high = values.length - 1;
  const target = n - 1;
  while (low < high) {
    const pivot = values[(low + high) >> 1];
    let a = low, b = high;
    while (a <= b) {
      while (values[a] > pivot) a++;
      while (values[b] < pivot) b--;
      if (a <= b) {
        [values[a], values[b]] = [values[b], values[a]];
        a++;
        b--;
      }
    }
    if (target <= b) high = b;
    else if (target >= a) low = a;
    else break;
  }
  return values[target];
}

// The run before, building by building: verdicts, or that it was not there; minutes as hundredths.
const NOT_THERE = 4;

function readBefore({ header, sections }, model) {
  if (!header.n) return;
  for (const service of model.services) {
    if (!sections[`state_${service.key}`]) continue;
    service.other = sections[`state_${service.key}`].slice();
    service.otherMinutes = planes(sections[`minutes_${service.key}`], header.n);
  }
}

// Minutes as text: one decimal, two where one would contradict the verdict.
function minutesText(minutes, limit, verdict) {
  if (!Number.isFinite(minutes)) return "–";
  const short = minutes.toFixed(1);
  const wrong = (verdict === MET && Number(short) > limit) || (verdict === GAP && Number(short) <= limit);
  return wrong ? minutes.toFixed(2) : short;
}

function readDetails({ header, sections }, model) {
  const n = header.n;
  const details = { ...readIds(sections, n), ...readNames(sections), lists: header.lists, columns: {} };
  details.ids = { ...header.lists };
  for (const column of Object.keys(header.lists)) details.columns[column] = varints(sections[column], n);
  details.levels = varints(sections.levels, n, new Uint16Array(n));
  let before = new Float64Array(n);
  for (const service of model.services) {
    service.facility = deltas(sections[`facility_${service.key}`], n);
    service.leg = null;
    if (!sections[`leg_${service.key}`]) continue;
    const folded = varints(sections[`leg_${service.key}`], n, new Float64Array(n));
    before = folded.map((value, i) => before[i] + unfold(value));
    service.leg = Uint16Array.from(before);
  }
  model.details = details;
}

function readIds(sections, n) {
  const kind = sections.id_kind.slice();
  const numbered = countVarints(sections.id_number);
  const numbers = deltas(sections.id_number, numbered, new Float64Array(numbered));
  const own = lines(sections.id_own);
  const number = new Float64Array(n);
  for (let i = 0, a = 0, b = 0; i < n; i++) number[i] = kind[i] === 3 ? b++ : numbers[a++];
  return { kind, number, own };
}

function readNames(sections) {
  const count = countVarints(sections.name_at);
  return { nameAt: deltas(sections.name_at, count), names: count ? lines(sections.name) : [] };
}

const idOf = (table, i) => (table.kind[i] === 3 ? table.own[table.number[i]] : `${ID_KINDS[table.kind[i]]}/${table.number[i]}`);

// A link only where the id is one of OSM's: a kind out of three and a number.
function osmLink(table, i) {
  return table.kind[i] < 3 && Number.isSafeInteger(table.number[i]) ? `https://www.openstreetmap.org/${ID_KINDS[table.kind[i]]}/${table.number[i]}` : null;
}

function nameOf(table, i) {
  let low = 0, high = table.nameAt.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (table.nameAt[middle] === i) return table.names[middle];
    if (table.nameAt[middle] < i) low = middle + 1;
    else high = middle - 1;
  }
  return "";
}

function rowOfId(table, id, n) {
  const match = /^(way|relation|node)\/([1-9][0-9]{0,14})$/.exec(id);
  if (match) {
    const kind = ID_KINDS.indexOf(match[1]), number = Number(match[2]);
    for (let i = 0; i < n; i++) if (table.number[i] === number && table.kind[i] === kind) return i;
    return -1;
  }
  const own = table.own.indexOf(id);
  for (let i = 0; own >= 0 && i < n; i++) if (table.kind[i] === 3 && table.number[i] === own) return i;
  return -1;
}

const listed = (details, column, i) => details.lists[column][details.columns[column][i] - 1] || "";

function readFacilities({ header, sections }) {
  const n = header.n;
  return { n, service: sections.service.slice(), x: deltas(sections.x, n), y: deltas(sections.y, n), outlines: readShapes(sections, "area_", n), planned: new Set(deltas(sections.planned, countVarints(sections.planned))), ...readIds(sections, n), ...readNames(sections) };
}
