// The edits of a what-if as they are written down: in the address, and in a scenario file that the program reads.

// Everything is rounded as it is written down, so that a link or a file brings back the very same spot.
const rounded = (latlng) => L.latLng(Number(latlng.lat.toFixed(6)), Number(latlng.lng.toFixed(6)));
// as many as an address brings back
const MOST_EDITS = 60;
const countEdits = ({ stations, gates, passages, speed, limits }) => stations.length + gates.length + passages.length + (speed ? 1 : 0) + Object.keys(limits).length;

function spotAt(place, latlng, tie = tieSpot) {
  const at = rounded(latlng);
  const [x, y] = toUnits(place, toMap(place, at));
  return { lat: at.lat, lng: at.lng, x, y, ties: tie(place, x, y) };
}

function makePassage(place, from, to) {
  const ends = [spotAt(place, from, tieEnd), spotAt(place, to, tieEnd)];
  const metres = Math.hypot(ends[0].x - ends[1].x, ends[0].y - ends[1].y) / place.unitsPerMetre;
  return { ends, metres, time: Math.floor(metres / place.graph.speed / place.graph.per + 0.5) };
}

const coordinate = (value) => String(Number(value.toFixed(6)));

// s(tation)latitude,longitude,services as bits,name; p(assage)latitude,longitude,latitude,longitude; g(ate)number; v(elocity) in metres per
// minute; l(imit)service,minutes.
function writeEdits({ stations, gates, passages, speed, limits }) {
  const bits = (services) => services.reduce((sum, k) => sum + 2 ** k, 0);
  return [
    ...stations.map((s) => `s${coordinate(s.lat)},${coordinate(s.lng)},${bits(s.services)},${encodeURIComponent(s.name)}`),
    ...passages.map(({ ends: [a, b] }) => `p${[a.lat, a.lng, b.lat, b.lng].map(coordinate).join(",")}`),
    ...gates.map((gate) => `g${gate.id}`),
    ...(speed ? [`v${plain(speed)}`] : []),
    ...Object.entries(limits).map(([k, minutes]) => `l${k},${plain(minutes)}`),
  ].join(";");
}

// What cannot be read is left out.
function readEdits(place, text) {
  const edits = emptyEdits();
  if (!text) return edits;
  const number = "(-?\\d{1,3}(?:\\.\\d{1,7})?)";
  const station = new RegExp(`^s${number},${number},(\\d{1,15}),([^,;]{0,300})$`), passage = new RegExp(`^p${number},${number},${number},${number}$`);
  const fits = (lat, lng) => Math.abs(lat) <= 85 && Math.abs(lng) <= 180;
  for (const one of text.split(";").slice(0, MOST_EDITS)) {
    const speed = /^v(\d{1,3}(?:\.\d{1,2})?)$/.exec(one), limit = /^l(\d{1,2}),(\d{1,2}(?:\.\d{1,2})?)$/.exec(one);
    if (speed && Number(speed[1]) >= 20 && Number(speed[1]) <= 150) edits.speed = Number(speed[1]);
    if (limit && place.model.services[limit[1]] && Number(limit[2]) > 0) edits.limits[Number(limit[1])] = Number(limit[2]);
    if (!place.graph) continue;
    let found = station.exec(one);
    if (found && fits(found[1], found[2])) {
      const services = place.model.services.map((s) => s.index).filter((k) => Math.floor(Number(found[3]) / 2 ** k) % 2);
      if (services.length) edits.stations.push({ ...spotAt(place, L.latLng(Number(found[1]), Number(found[2]))), services, name: decoded(found[4]) });
      continue;
    }
    found = passage.exec(one)?.slice(1).map(Number);
    if (found && fits(found[0], found[1]) && fits(found[2], found[3])) edits.passages.push(makePassage(place, L.latLng(found[0], found[1]), L.latLng(found[2], found[3])));
    const gate = /^g(\d{1,15})$/.exec(one);
    const k = gate ? place.graph.gates.id.indexOf(Number(gate[1])) : -1;
    if (k >= 0 && !edits.gates.some((other) => other.id === place.graph.gates.id[k])) edits.gates.push(gateAt(place, k));
  }
  return edits;
}

function decoded(text) {
  try {
    return decodeURIComponent(text).slice(0, 60);
  } catch {
    return "";
  }
}

const gateAt = ({ graph }, k) => ({ id: graph.gates.id[k], node: graph.gates.node[k], x: graph.nodeX[graph.gates.node[k]], y: graph.nodeY[graph.gates.node[k]] });

// Pace and limits are no part of a scenario: with these alone the file would be empty.
const fillsScenario = ({ stations, gates, passages }) => stations.length + gates.length + passages.length > 0;

// A scenario for `circle run --scenario`. Names are quoted as TOML wants: nothing in them can end the text.
function scenarioFile(place) {
  const { stations, gates, passages } = place.edits;
  const quoted = (text) => `"${text.replace(/[\\"]/g, "\\$&").replace(/[\u0000-\u001f\u007f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;
  const out = [];
  stations.forEach((s, k) => {
    out.push("[[station]]", `name = ${quoted(s.name || stationName(place, k))}`, `lon = ${coordinate(s.lng)}`, `lat = ${coordinate(s.lat)}`);
    out.push(`services = [${s.services.map((index) => quoted(place.model.services[index].key)).join(", ")}]`, "");
  });
  gates.forEach((gate) => out.push("[[close]]", `gate = "node/${gate.id}"`, ""));
  passages.forEach(({ ends: [a, b] }) => out.push("[[passage]]", `from = [${coordinate(a.lng)}, ${coordinate(a.lat)}]`, `to = [${coordinate(b.lng)}, ${coordinate(b.lat)}]`, ""));
  return out.join("\n");
}

const stationName = (place, k) => place.edits.stations[k].name || t("plan.station_n", { n: k + 1 });

// Hands a text, or what is a file already, to the reader.
function saveText(text, name, type) {
  const url = URL.createObjectURL(text instanceof Blob ? text : new Blob([text], { type }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
