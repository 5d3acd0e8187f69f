// Trying things out: the panel of stations, gates and passages, their marks on the map, undo, link and export.

const NUDGE_M = 5;

function startPlan(place) {
  place.plan = { mode: "", from: null, history: [], offered: [...place.model.services].sort((a, b) => gapsFor(place, b) - gapsFor(place, a)).slice(0, 1).map((s) => s.index) };
  place.before = sharesNow(place);
  renderPlan(place);
}

const gapsFor = (place, service) => sharesNow(place)[service.key].buildings.gap;

// Makes the edits what they are told to be, and everything that follows from them.
function setEdits(place, edits, { keep = true } = {}) {
  if (keep) place.plan.history.push(place.edits);
  const overflows = countEdits(edits) > MOST_EDITS && countEdits(place.edits) <= MOST_EDITS;
  place.edits = edits;
  applyEdits(place);
  drawPlan(place);
  // the warning is not talked over by the result
  place.refresh(keep && !overflows);
  if (overflows) tell(t("plan.too_many", { n: MOST_EDITS }));
}

function addStation(place, latlng, services = place.plan.offered, name = "") {
  if (!services.length) return tell(t("plan.no_service"));
  const station = { ...spotAt(place, latlng), services: [...services], name };
  setEdits(place, { ...place.edits, stations: [...place.edits.stations, station] });
  if (!station.ties.length) tell(t("plan.untied"));
  return station;
}

function moveStation(place, k, latlng, keep) {
  const stations = place.edits.stations.map((station, n) => (n === k ? { ...station, ...spotAt(place, latlng) } : station));
  setEdits(place, { ...place.edits, stations }, { keep });
}

function setServices(place, k, services) {
  if (!services.length) {
    // the last tick stays, as the station does
    renderPlan(place);
    return tell(t("plan.one_service"));
  }
  setEdits(place, { ...place.edits, stations: place.edits.stations.map((station, n) => (n === k ? { ...station, services } : station)) });
}

function addPassage(place, from, to) {
  if (rounded(from).equals(rounded(to), 0)) return;
  const passage = makePassage(place, from, to);
  if (passage.ends.some((end) => !end.ties.length)) return tell(t("plan.no_path"));
  setEdits(place, { ...place.edits, passages: [...place.edits.passages, passage] });
}

const GATE_REACH = 24; // pixels around its mark in which a click means a gate

// The gate whose mark was clicked on: closed, or opened again. Gives whether there was one.
function toggleGate(place, latlng) {
  const { graph } = place;
  const [x, y] = toUnits(place, toMap(place, latlng));
  let best = -1, least = (GATE_REACH * 2 ** (20 - place.map.getZoom())) ** 2;
  for (let k = 0; k < graph.gates.n; k++) {
    const away = (graph.nodeX[graph.gates.node[k]] - x) ** 2 + (graph.nodeY[graph.gates.node[k]] - y) ** 2;
    if (away < least) [best, least] = [k, away];
  }
  if (best < 0) {
    tell(t("plan.no_gate"));
    return false;
  }
  const gate = gateAt(place, best);
  const others = place.edits.gates.filter((one) => one.id !== gate.id), shut = others.length === place.edits.gates.length;
  setEdits(place, { ...place.edits, gates: shut ? [...others, gate] : others });
  tell(t(shut ? "plan.gate_shut" : "plan.gate_opened", { id: `node/${gate.id}` }));
  return true;
}

function removeEdit(place, kind, k) {
  setEdits(place, { ...place.edits, [kind]: place.edits[kind].filter((_, n) => n !== k) });
  document.getElementById("plan-title").focus();
}

const clearEdits = (place) => setEdits(place, emptyEdits());

function undoEdit(place) {
  const before = place.plan.history.pop();
  if (before) setEdits(place, before, { keep: false });
}

// Gates are marked as long as one is to be chosen.
function showMode(place, mode) {
  const marked = place.plan.mode === "gate";
  place.plan.mode = document.getElementById("stage").dataset.mode = mode;
  place.plan.from = null;
  if (marked !== (mode === "gate")) place.layers.buildings.repaint();
}

function setMode(place, mode) {
  showMode(place, place.plan.mode === mode ? "" : mode);
  renderPlan(place);
  if (place.plan.mode) tell(t(`plan.do_${place.plan.mode}`));
}

// A click on the map, or the middle of it: what the mode says. Gives whether it was one for the plan.
function planAt(place, latlng) {
  const { mode, from } = place.plan;
  if (!mode) return false;
  if (mode === "passage" && !from) {
    place.plan.from = latlng;
    drawPlan(place);
    tell(t("plan.do_passage_to"));
    return true;
  }
  // beside all gates one may try again
  if (mode === "gate" && !toggleGate(place, latlng)) return true;
  showMode(place, "");
  if (mode === "station") addStation(place, latlng);
  else if (mode === "passage") addPassage(place, from, latlng);
  requestAnimationFrame(() => renderPlan(place));
  return true;
}

// --- words

function planResult(place) {
  const now = sharesNow(place).all, { buildings, households } = place.before.all;
  const signed = (value) => `${value < 0 ? "−" : "+"}${whole(Math.abs(value))}`;
  // one service may gain much while those that keep every promise stay as many
  const all = t("plan.result", { buildings: signed(now.buildings.met - buildings.met), households: signed(Math.round(now.households.met - households.met)), share: percent(now.buildings), before: percent(buildings) });
  const each = place.model.services.filter((service) => gainOf(place, service.key)).map((service) => t("plan.result_service", { label: label(service.label), n: signed(gainOf(place, service.key)) }));
  return each.length && place.model.services.length > 1 ? `${all}${language === "zh" ? "；" : "; "}${each.join(dash())}` : all;
}

// How many buildings keep a service's promise now that did not before, or the other way round.
const gainOf = (place, key) => sharesNow(place)[key].buildings.met - place.before[key].buildings.met;

function serviceTicks(place, chosen, name, change) {
  return h(
    "div",
    { class: "ticks", role: "group", "aria-label": t("plan.services") },
    place.model.services.map((service) => {
      const input = h("input", { type: "checkbox", name, "data-key": `${name}-${service.index}`, checked: chosen.includes(service.index), on: { change: (event) => change(event.target.checked ? [...chosen, service.index].sort((a, b) => a - b) : chosen.filter((k) => k !== service.index)) } });
      return h("label", { class: "chip" }, input, signElement(service, language), h("span", {}, label(service.label)));
    }),
  );
}

function renderPlan(place) {
  const section = document.getElementById("plan");
  section.hidden = !place.drawn;
  if (!place.drawn || !place.plan) return;
  const { plan, edits } = place;
  const focus = section.contains(document.activeElement) ? document.activeElement.dataset.key : "";
  const open = section.querySelector("details")?.open || anyEdits(edits);
  const button = (key, run, more = {}) => h("button", { type: "button", class: "quiet", "data-key": key, on: { click: run }, ...more }, t(`plan.${key}`));
  const mode = (key) => button(key, () => setMode(place, key), { "aria-pressed": String(plan.mode === key) });
  const middle = () => place.middle();
  const row = (kind, k, name, note, at, more = null) =>
    h(
      "li",
      { class: "edit" },
      h("span", { class: "edit-name" }, name, " ", h("span", { class: "theme-note" }, note)),
      h("span", { class: "edit-tools" }, h("button", { type: "button", class: "quiet", on: { click: () => place.map.setView(toLatLng(place, at.x, at.y), Math.max(16, place.map.getZoom())) } }, t("plan.show")), h("button", { type: "button", class: "quiet", "aria-label": `${t("plan.remove")} ${typeof name === "string" ? name : ""}`, on: { click: () => removeEdit(place, kind, k) } }, t("plan.remove"))),
      more,
    );
  const details = h(
    "details",
    {},
    h("summary", {}, h("h2", { id: "plan-title", tabindex: -1, "data-key": "title" }, t("plan.title"))),
    h("p", { class: "note" }, t("plan.help")),
    serviceTicks(place, plan.offered, "offered", (chosen) => {
      plan.offered = chosen;
      renderPlan(place);
    }),
    h("div", { class: "buttons" }, mode("station"), button("station_here", () => addStation(place, middle())), mode("passage"), place.drawn.gates.n ? mode("gate") : null, plan.mode === "passage" || plan.mode === "gate" ? button("here", () => planAt(place, middle())) : null),
    anyEdits(edits) ? h("p", { class: "result" }, planResult(place)) : null,
    h(
      "ol",
      { class: "edits" },
      edits.stations.map((s, k) => row("stations", k, named(stationName(place, k)), "", s, serviceTicks(place, s.services, `station-${k}`, (chosen) => setServices(place, k, chosen)))),
      edits.passages.map((p, k) => row("passages", k, t("plan.passage_n", { n: k + 1 }), t("plan.metres", { n: whole(p.metres) }), p.ends[0])),
      edits.gates.map((g, k) => row("gates", k, t("plan.gate_n", { id: `node/${g.id}` }), t("plan.closed"), g)),
    ),
    edits.gates.length || edits.passages.length ? h("p", { class: "note" }, t("plan.near_note")) : null,
    anyEdits(edits) || plan.history.length
      ? h("div", { class: "buttons" }, button("undo", () => undoEdit(place), { "aria-disabled": String(!plan.history.length) }), anyEdits(edits) ? [button("clear", () => clearEdits(place)), fillsScenario(edits) && button("export", () => saveText(scenarioFile(place), `${t("plan.file")}.toml`, "application/toml"))] : null)
      : null,
  );
  details.open = open;
  fill("plan", details);
  if (focus) (section.querySelector(`[data-key="${focus}"]`) || document.getElementById("plan-title")).focus();
}

// --- marks on the map

function drawPlan(place) {
  place.marks ??= L.layerGroup().addTo(place.map);
  const { edits, plan } = place;
  const dragged = plan.dragged;
  place.marks.eachLayer((layer) => layer !== dragged && place.marks.removeLayer(layer));
  edits.stations.forEach((station, k) => (dragged?.number === k ? null : stationMark(place, station, k).addTo(place.marks)));
  const spot = (at, className, radius) => L.circleMarker(at, { interactive: false, radius, className }).addTo(place.marks);
  edits.passages.forEach(({ ends }) => {
    const line = ends.map((end) => toMap(place, [end.lat, end.lng]));
    L.polyline(line, { interactive: false, className: "passage-halo" }).addTo(place.marks);
    L.polyline(line, { interactive: false, className: "passage" }).addTo(place.marks);
  });
  edits.gates.forEach((gate) => spot(toLatLng(place, gate.x, gate.y), "gate-closed", 8));
  if (plan.from) spot(toMap(place, plan.from), "passage-end", 6);
}

function stationMark(place, station, k) {
  const face = h("span", { class: "station-face" }, String(k + 1));
  const icon = L.divIcon({ className: "station", html: face, iconSize: [34, 34], iconAnchor: [17, 17] });
  const mark = L.marker(toMap(place, [station.lat, station.lng]), { icon, draggable: true, keyboard: false, autoPan: true });
  mark.number = k;
  let waiting = 0;
  mark.on("dragstart", () => {
    place.plan.history.push(place.edits);
    place.plan.dragged = mark;
  });
  mark.on("drag", () => {
    if (waiting) return;
    waiting = requestAnimationFrame(() => {
      waiting = 0;
      if (place.plan.dragged === mark) moveStation(place, k, fromMap(place, mark.getLatLng()), false);
    });
  });
  mark.on("dragend", () => {
    place.plan.dragged = null;
    moveStation(place, k, fromMap(place, mark.getLatLng()), false);
  });
  mark.on("add", () => {
    const element = mark.getElement();
    element.setAttribute("role", "button");
    element.setAttribute("tabindex", "0");
    element.setAttribute("aria-label", t("plan.mark", { name: stationName(place, k) }));
    element.addEventListener("keydown", (event) => nudge(place, k, event));
  });
  return mark;
}

function nudge(place, k, event) {
  const step = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] }[event.key];
  const station = place.edits.stations[k];
  if (step) {
    const far = (event.shiftKey ? 5 : 1) * NUDGE_M * place.unitsPerMetre;
    moveStation(place, k, fromMap(place, toLatLng(place, station.x + step[0] * far, station.y + step[1] * far)), true);
    [...document.querySelectorAll(".station")].find((mark) => mark.textContent === String(k + 1))?.focus();
  } else if (event.key === "Delete" || event.key === "Backspace") removeEdit(place, "stations", k);
  else return;
  event.preventDefault();
  event.stopPropagation();
}
