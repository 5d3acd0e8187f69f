// Opens the page: reads the blocks, draws, and keeps map, panel, card and address in step.

const place = {
  map: map_main, meta: null, model: null, facilities: null, background: null, zones: null,
  theme: "gaps", unit: "buildings", everything: false, lang: "zh", building: -1, facility: -1,
  classes: null, counts: null, labels: null, drawn: null, order: "gaps", edits: emptyEdits(), shares: null,
  // the network as it is walked; `drawn` is the same object as long as it is only drawn
  get graph() {
    return finishGraph(this.drawn);
  },
};

const themeName = (p, theme) => (typeof theme === "number" ? p.model.services[theme].key : theme);

// After an edit: what is seen first comes first, words and lists follow when it stands.
place.refresh = (aloud = false) => {
  place.shares = null;
  place.aloud ||= aloud;
  if (place.theme === "change" && !canCompare(place)) place.theme = "gaps";
  const { classes, theme } = place;
  reclassify();
  place.layers.buildings.repaint(place.painted === theme ? changedRows(place.classes, classes) : null);
  place.painted = theme;
  cancelAnimationFrame(place.waiting);
  place.waiting = requestAnimationFrame(() => {
    renderHeadline(place);
    renderThemes(place);
    renderPlan(place);
    if (place.aloud && place.plan) say(planResult(place));
    place.aloud = false;
    renderLegend(place);
    renderList(place);
    renderZones(place);
    showChosen(place, place.building);
    renderCard(place);
    writeAddress();
  });
};

// Buildings that look otherwise by one classification than by another.
function changedRows(now, before) {
  const rows = [];
  for (let i = 0; i < now.cls.length; i++) if (now.cls[i] !== before.cls[i] || now.dotted[i] !== before.dotted[i]) rows.push(i);
  return rows;
}

place.middle = () => fromMap(place, place.map.getCenter());

function reclassify() {
  place.classes = classify(place.model, place.theme, place.everything);
  place.counts = countClasses(place.classes.cls, place.classes.dotted);
}

place.setTheme = (theme) => {
  place.theme = place.painted = theme;
  reclassify();
  place.layers.buildings.repaint();
  showChosen(place, place.building);
  renderStrip(place);
  renderLegend(place);
  renderList(place);
  say(document.getElementById("legend-title").textContent);
  writeAddress();
};

place.setUnit = (unit) => {
  place.unit = unit;
  renderThemes(place);
  renderZones(place);
  document.querySelector('#themes .switch [aria-pressed="true"]').focus();
};

place.setEverything = (everything) => {
  place.everything = everything;
  reclassify();
  place.layers.buildings.repaint();
  renderLegend(place);
};

place.setZoneLayer = (layer) => {
  place.zoneLayer = layer;
  if (place.order === "zone") renderList(place);
  place.labels = null;
  place.layers.all.forEach((sheet) => sheet.repaint());
  renderZones(place);
};

place.zoomTo = (i) => {
  const bounds = boundsOf(place, place.model.shapes, i);
  if (!bounds) return;
  const zoom = Math.max(17, place.map.getZoom());
  // into the middle of what the card leaves free
  const aside = matchMedia("(max-width: 820px)").matches ? 0 : 215;
  const middle = place.map.project(bounds.getCenter(), zoom).add([aside, 0]);
  place.map.setView(place.map.unproject(middle, zoom), zoom);
};

place.zoomToZone = (zone) => {
  const bounds = boundsOf(place, place.zones.shapes, zone.row);
  if (bounds) place.map.fitBounds(bounds, { padding: [40, 40], maxZoom: 18 });
};

// Opens the card of a building; from the list or the search the map goes there and the focus moves to the card.
place.choose = (i, goThere = false) => {
  const before = place.building;
  place.building = i;
  place.facility = -1;
  if (i >= 0 && goThere) {
    place.opener = document.activeElement;
    place.zoomTo(i);
  }
  showChosen(place, i);
  renderCard(place);
  if (i >= 0 && goThere) document.getElementById("card-title").focus();
  else if (i < 0 && before >= 0 && place.opener?.isConnected) place.opener.focus();
  if (i < 0) place.opener = null;
  writeAddress();
};

place.chooseFacility = (k) => {
  place.building = -1;
  place.facility = k;
  showChosen(place, -1);
  renderCard(place);
};

function renderAll() {
  applyWords();
  renderHead(place);
  renderThemes(place);
  renderLegend(place);
  renderSearch(place);
  renderList(place);
  renderZones(place);
  renderPlan(place);
  renderMethod(place);
  renderCard(place);
  renderControls();
}

function renderControls() {
  place.controls?.forEach((control) => control.remove());
  const Whole = L.Control.extend({
    onAdd() {
      const button = h("button", { type: "button", class: "map-button", title: t("page.whole_label"), "aria-label": t("page.whole_label"), on: { click: showWhole } }, "⤢");
      const box = h("div", { class: "leaflet-bar" }, button, place.meta.basemap ? basemapButton(place) : null);
      L.DomEvent.disableClickPropagation(box);
      return box;
    },
  });
  place.controls = [
    L.control.zoom({ position: "topright", zoomInText: "+", zoomOutText: "−", zoomInTitle: "+", zoomOutTitle: "−" }),
    new Whole({ position: "topright" }),
    new (L.Control.extend({ onAdd: () => h("p", { class: "north", title: t("page.north_up") }, h("span", { "aria-hidden": "true" }, "▲"), t("print.north")) }))({ position: "topright" }),
    new (L.Control.extend({ onAdd: credit }))({ position: "bottomright" }),
    L.control.scale({ position: "bottomright", imperial: false, maxWidth: 140 }),
  ];
  place.controls.forEach((control) => control.addTo(place.map));
  const container = place.map.getContainer();
  container.setAttribute("role", "application");
  container.setAttribute("aria-label", t("page.map"));
  container.setAttribute("aria-description", t("page.map_help"));
}

function credit() {
  return h("p", { class: "credit" }, place.basemapOn ? `${place.meta.basemap.credit} · ` : "", place.meta.synthetic ? `${t("page.synthetic")} · ` : "", h("a", { href: "https://www.openstreetmap.org/copyright", target: "_blank", rel: "noopener noreferrer" }, "© OpenStreetMap contributors"));
}

function showWhole() {
  if (place.whole) place.map.fitBounds(place.whole, { animate: false, padding: [12, 12] });
}

// At first the map shows where 99 of 100 counted buildings lie: one farm far out would shrink the town.
function showMost() {
  const { model } = place;
  const { box, n } = model.shapes;
  const step = Math.ceil(n / 20000);
  const pick = (counted) => {
    const rows = [];
    for (let i = 0; i < n; i += step) if (box[4 * i] <= box[4 * i + 2] && (!counted || isCounted(model, i))) rows.push(i);
    return rows;
  };
  const lived = pick(true);
  const drawn = lived.length ? lived : pick(false);
  if (!drawn.length) return;
  const spread = (k) => Int32Array.from(drawn, (i) => box[4 * i + k]).sort();
  const at = (sorted, share) => sorted[Math.round(share * (sorted.length - 1))];
  const [west, north, east, south] = [0, 1, 2, 3].map(spread);
  place.map.fitBounds(L.latLngBounds(toLatLng(place, at(west, 0.005), at(south, 0.995)), toLatLng(place, at(east, 0.995), at(north, 0.005))), { animate: false, padding: [12, 12] });
}

// #zoom/latitude/longitude/theme/building/language/edits. What cannot be read is ignored; in a notebook's frame the address may not be written.
function writeAddress() {
  if (!place.opened) return;
  const centre = place.middle();
  const building = place.building >= 0 ? encodeURIComponent(idOf(place.model.details, place.building)) : "-";
  const theme = encodeURIComponent(themeName(place, place.theme));
  const edits = writeEdits(place.edits);
  place.address = `#${place.map.getZoom()}/${centre.lat.toFixed(5)}/${centre.lng.toFixed(5)}/${theme}/${building}/${language}${edits ? `/${encodeURIComponent(edits)}` : ""}`;
  try {
    history.replaceState(null, "", place.address);
  } catch {
    place.address = "";
  }
}

async function copyLink() {
  writeAddress();
  try {
    await navigator.clipboard.writeText(location.href);
    tell(t("page.copied"));
  } catch {
    tell(t("page.not_copied"));
  }
}

function readAddress() {
  const wanted = {};
  try {
    const [zoom, lat, lng, theme, building, lang, edits] = location.hash.slice(1).split("/").map(decodeURIComponent);
    const numbers = [zoom, lat, lng].map((text) => (text ? Number(text) : NaN));
    if (numbers.every(Number.isFinite) && numbers[0] >= 0 && numbers[0] <= 22 && Math.abs(numbers[1]) <= 90 && Math.abs(numbers[2]) <= 180) {
      wanted.view = [[numbers[1], numbers[2]], Math.round(numbers[0])];
    }
    wanted.theme = theme;
    wanted.building = building && building !== "-" ? building : "";
    wanted.lang = lang === "zh" || lang === "en" ? lang : "";
    wanted.edits = edits || "";
  } catch {
    return {};
  }
  return wanted;
}

function readTheme(name) {
  if (!name && place.meta.before) return "change";
  if (name === "furthest" || (name === "change" && canCompare(place))) return name;
  const service = place.model.services.find((s) => s.key === name);
  return service ? service.index : "gaps";
}

function setLanguage(lang) {
  language = place.lang = lang;
  place.labels = null;
  renderAll();
  place.layers?.buildings.repaint();
  writeAddress();
}

function readBackground({ header, sections }) {
  const background = { layers: header.layers.map((layer) => ({ ...layer, shapes: readShapes(sections, `${layer.key}_`, layer.n) })), leftOut: header.left_out, streets: null };
  const n = header.streets;
  if (n) {
    const length = varints(sections.street_length, n);
    background.streets = {
      names: sections.street_name.length ? lines(sections.street_name) : null, text: varints(sections.street_text, n), x: deltas(sections.street_x, n), y: deltas(sections.street_y, n),
      slope: Array.from(varints(sections.street_slope, n), unfold), length, order: Array.from(length.keys()).sort((a, b) => length[b] - length[a]),
    };
  }
  return background;
}

function readZones({ header, sections }) {
  const list = header.zones.map((zone, row) => ({ ...zone, row }));
  const layers = [...new Set(list.filter((zone) => zone.layer !== "place" && zone.buildings > 0).map((zone) => zone.layer))];
  place.zoneLayer = layers.includes("compound") ? "compound" : layers[0];
  return { list, layers, shapes: readShapes(sections, "", header.n) };
}

// The tables name a building's zones by id; people know them by name.
function nameZones(zones, details) {
  const names = new Map(zones.list.filter((zone) => zone.name).map((zone) => [`${zone.layer} ${zone.zone}`, zone.name]));
  for (const column of Object.keys(details.lists)) {
    const layer = column.replace("zone_", "");
    details.lists[column] = details.lists[column].map((id) => names.get(`${layer} ${id}`) || id);
  }
}

function seen() {
  const { x, y } = place.map.getSize();
  return Math.min(x, y) > 60;
}

function openMap() {
  const { map, model } = place;
  const circumference = 40075016.686;
  const top = 1 - (2 * model.origin[1]) / model.world;
  place.unitsPerMetre = (model.world / circumference) * Math.cosh(Math.PI * top);
  const { grid } = model.shapes;
  place.whole = Number.isFinite(grid.west) ? L.latLngBounds(toLatLng(place, grid.west, grid.south), toLatLng(place, grid.east, grid.north)) : null;
  const wanted = readAddress();
  if (wanted.view) map.setView(toMap(place, wanted.view[0]), wanted.view[1], { animate: false });
  else showMost();
  // a frame in a notebook may get its size later than its page
  place.unseen = !wanted.view && !seen();
  place.layers = makeLayers(place);
  place.layers.all.forEach((layer) => layer.addTo(map));
  return wanted;
}

function listen() {
  const { map } = place;
  map.on("moveend", writeAddress);
  map.on("zoomend", () => showChosen(place, place.building));
  map.on("click", (event) => {
    if (place.graph && planAt(place, fromMap(place, event.latlng))) return;
    const found = hit(place, event.latlng);
    if (found.facility !== undefined) place.chooseFacility(found.facility);
    else place.choose(found.building);
  });
  map.getContainer().addEventListener("keydown", (event) => {
    if (event.target !== map.getContainer()) return;
    if (event.key === "s" && place.graph && !event.ctrlKey && !event.metaKey) addStation(place, place.middle());
    if (event.key !== "Enter") return;
    if (place.graph && planAt(place, place.middle())) return;
    const found = hit(place, map.getCenter());
    if (found.building >= 0) place.choose(found.building, true);
  });
  document.addEventListener("keydown", (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === "z" && place.graph && event.target.tagName !== "INPUT") undoEdit(place);
    if (event.key === "Escape" && place.plan?.mode) setMode(place, place.plan.mode);
    else if (event.key === "Escape" && !document.getElementById("card").hidden) place.choose(-1);
  });
  document.getElementById("language").addEventListener("click", () => setLanguage(language === "zh" ? "en" : "zh"));
  document.getElementById("paper").addEventListener("click", () => window.print());
  document.getElementById("picture").addEventListener("click", () => savePicture(place));
  document.getElementById("copy").addEventListener("click", copyLink);
  window.addEventListener("hashchange", () => location.hash !== place.address && applyAddress(readAddress()));
  window.addEventListener("beforeprint", () => preparePrint(place));
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", (event) => {
    document.documentElement.dataset.scheme = event.matches ? "dark" : "light";
    place.layers.all.forEach((layer) => layer.repaint());
  });
  new ResizeObserver(() => {
    map.invalidateSize({ animate: false });
    if (place.unseen && seen()) {
      place.unseen = false;
      showMost();
    }
  }).observe(map.getContainer());
}

function applyAddress(wanted) {
  if (wanted.view) place.map.setView(toMap(place, wanted.view[0]), wanted.view[1], { animate: false });
  if (wanted.lang && wanted.lang !== language) setLanguage(wanted.lang);
  if (place.graph && wanted.edits !== writeEdits(place.edits)) setEdits(place, readEdits(place, wanted.edits));
  const theme = readTheme(wanted.theme);
  if (theme !== place.theme) place.setTheme(theme);
  document.getElementById(`theme-${themeName(place, place.theme)}`).checked = true;
  place.choose(wanted.building ? rowOfId(place.model.details, wanted.building, place.model.n) : -1);
}

const serviceNamed = (key) => place.model.services.find((s) => s.key === key);

// What a script beside the page may ask: ids, minutes and verdicts as they stand, and stations to try.
window.circle = {
  ids: () => Array.from({ length: place.model.n }, (_, i) => idOf(place.model.details, i)),
  minutes: (key) => Array.from(serviceNamed(key).minutes),
  verdicts: (key) => Array.from(serviceNamed(key).state, (state) => VERDICT_KEYS[state & 3]),
  reasons: (key) => Array.from(serviceNamed(key).state, (_, i) => reasonOf(serviceNamed(key), i)),
  fragile: (key) => Array.from(serviceNamed(key).state, (state) => Boolean(state & 4)),
  edit: (text) => setEdits(place, readEdits(place, text)),
  undo: () => undoEdit(place),
  scenario: () => scenarioFile(place),
  addStation: (lat, lng, keys) => addStation(place, L.latLng(lat, lng), keys.map((key) => serviceNamed(key).index).sort((a, b) => a - b)) && undefined,
  clear: () => clearEdits(place),
  ties: (lat, lng) => spotAt(place, L.latLng(lat, lng)).ties.map(({ metres, doubt }) => [metres, doubt]),
  gates: () => Array.from(place.graph.gates.id),
  // metres on foot and in a straight line, from every building that has a walk
  walks: (key) => Array.from(serviceNamed(key).facility, (goal, i) => (goal < 0 ? null : [metresOf(routeOf(place, serviceNamed(key), i)), straightMetres(place, i, goal)])),
  ground: (key) => {
    const service = serviceNamed(key);
    return Array.from(baseOf(place, service).time, (time) => hundredthsOf(place.graph, time, service.limit));
  },
};

const frame = () => new Promise((resolve) => requestAnimationFrame(() => resolve()));

async function open() {
  document.documentElement.dataset.scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  const blocks = Object.fromEntries(["meta", "buildings", "facilities", "background", "graph", "zones", "before", "details"].map((name) => [name, readBlock(name)]));
  // one that fails is reported where it is awaited below
  Object.values(blocks).forEach((block) => block.catch(() => {}));
  place.meta = (await blocks.meta).header;
  words = place.meta.texts;
  language = place.lang = readAddress().lang || ((navigator.language || "zh").startsWith("zh") ? "zh" : "en");
  applyWords();
  renderHead(place);
  place.model = readModel(await blocks.buildings, place.meta.standard);
  place.theme = readTheme(readAddress().theme);
  reclassify();
  place.background = readBackground(await blocks.background);
  place.drawn = readGraph(await blocks.graph, place.model);
  if (place.drawn) place.background.layers.push(...place.drawn.layers);
  if (place.background.streets) place.background.streets.names ??= place.drawn.streets;
  place.zones = readZones(await blocks.zones);
  place.facilities = readFacilities(await blocks.facilities);
  const wanted = openMap();
  renderThemes(place);
  renderLegend(place);
  await frame();
  readDetails(await blocks.details, place.model);
  readBefore(await blocks.before, place.model);
  nameZones(place.zones, place.model.details);
  listen();
  startPlan(place);
  if (wanted.edits) setEdits(place, readEdits(place, wanted.edits), { keep: false });
  if (readTheme(wanted.theme) === "change") place.theme = "change";
  if (place.theme === "change") {
    reclassify();
    place.layers.buildings.repaint();
  }
  place.painted = place.theme;
  renderAll();
  place.opened = true;
  if (wanted.building) {
    const row = rowOfId(place.model.details, wanted.building, place.model.n);
    if (row >= 0) place.choose(row);
  }
  await frame();
  await frame();
  document.documentElement.dataset.ready = performance.now().toFixed(0);
  say(t("page.ready"));
  if (place.drawn) warm([() => place.graph, ...place.model.services.flatMap((service) => [() => baseOf(place, service), () => keepRun(service)]), () => rehearse(place)]);
}

// While nobody waits, piece by piece, what a first station would wait for.
function warm([task, ...more]) {
  const next = () => {
    task();
    if (more.length) warm(more);
  };
  if (window.requestIdleCallback) requestIdleCallback(next, { timeout: 4000 });
  else setTimeout(next, 100);
}

open().catch((error) => {
  const banner = document.getElementById("banner");
  banner.hidden = false;
  banner.textContent = words.page ? t("page.failed", { error: String(error.message || error) }) : `地图打不开，请换用较新的浏览器（Chrome 80、Firefox 113、Safari 16.4 或更高）。 The map cannot be opened; please use a newer browser (Chrome 80, Firefox 113, Safari 16.4 or later). ${String(error.message || error)}`;
  throw error;
});
