// The overview of a large run: its districts coloured by the share that is met, a list, and links to their pages.

const atlas = { map: map_main, meta: null, list: [], shapes: null, origin: [0, 0], theme: "all", unit: "buildings", layer: null };
const LABEL = [64, 44]; // pixels that a name and a share need
const STEPS = [0.8, 0.6, 0.4, 0.2];

const blockOf = (one) => one.shares[atlas.theme]?.[atlas.unit] || { counted: 0, met: 0, gap: 0, unmapped: 0 };
// of what can be judged; nothing where that is nothing
const shareOf = ({ counted, met, unmapped }) => (counted > unmapped ? met / (counted - unmapped) : null);
const classOf = (share) => (share === null ? "none" : String(STEPS.filter((step) => share < step).length));
const pageOf = (one) => `map/d${one.number}.html`;
const nameOf = (one) => (one.name ? named(one.name) : t("atlas.elsewhere"));
const nameText = (one) => one.name || t("atlas.elsewhere");

function renderHead() {
  const { meta } = atlas;
  const title = label(meta.standard.title) || meta.standard.name;
  const name = placeName(atlas);
  document.title = [title, name, scenarioTitle(meta)].filter(Boolean).join(" · ");
  fill("title", title);
  fill("subtitle", name ? [named(name), " · "] : [], dataDate(meta));
  document.getElementById("synthetic").hidden = !meta.synthetic;
  renderScenario(meta);
  const button = fill("language", t("page.language"));
  button.setAttribute("aria-label", t("page.language_label"));
  button.lang = language === "zh" ? "en" : "zh-CN";
  const { buildings, households } = meta.summary.shares.all;
  const services = meta.standard.services.length;
  fill(
    "headline",
    h("p", { class: "kpi" }, h("strong", {}, percent(buildings)), h("span", { class: "kpi-text" }, t(services === 1 ? "share.headline_one" : "share.headline", { met: whole(buildings.met), counted: whole(buildings.counted), n: countWord(services) }))),
    stack(buildings, t("share.of_buildings", wholeAll(buildings))),
    households.counted ? h("p", { class: "kpi-more" }, t("share.households", { share: percent(households), ...wholeAll(households) })) : null,
  );
}

function renderThemes() {
  const row = (key, name, note) => {
    const block = atlas.meta.summary.shares[key][atlas.unit];
    const input = h("input", { type: "radio", name: "theme", id: `theme-${key}`, value: key, checked: atlas.theme === key, on: { change: () => choose({ theme: key }) } });
    return h("li", {}, input, h("label", { for: `theme-${key}`, class: "unsigned" }, h("span", { class: "theme-name" }, h("span", {}, name), " ", h("span", { class: "theme-note" }, note)), stack(block, t(`share.of_${atlas.unit}`, wholeAll(block))), h("span", { class: "theme-share" }, percent(block))));
  };
  const units = h("div", { class: "switch", role: "group", "aria-label": t("share.by") }, ["buildings", "households"].map((key) => h("button", { type: "button", "aria-pressed": String(atlas.unit === key), "data-unit": key, on: { click: () => choose({ unit: key }) } }, t(`share.by_${key}`))));
  fill(
    "themes",
    h("div", { class: "row" }, h("h2", { id: "themes-title" }, t("theme.title")), units),
    h("ul", { class: "themes" }, row("all", t("atlas.all"), ""), atlas.meta.standard.services.map((service) => row(service.service, label(service.label), t("theme.limit", { n: plain(service.limit_min) })))),
  );
}

function renderList() {
  const rows = [...atlas.list].sort((a, b) => (shareOf(blockOf(a)) ?? 2) - (shareOf(blockOf(b)) ?? 2) || blockOf(b).counted - blockOf(a).counted || a.number - b.number);
  const head = ["name", "met", "gap", atlas.unit === "buildings" ? "buildings" : "households"].map((key) => h("th", { scope: "col" }, t(key === "households" ? "share.by_households" : `zone.${key}`)));
  fill(
    "districts",
    h("h2", { id: "districts-title" }, t("atlas.title", { n: whole(rows.length) })),
    h("p", { class: "note" }, t("atlas.help")),
    h("table", { class: "zones" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows.map((one) => {
      const block = blockOf(one);
      return h("tr", {}, h("th", { scope: "row" }, h("a", { href: pageOf(one) }, nameOf(one))), h("td", {}, percent(block)), h("td", {}, whole(block.gap)), h("td", {}, whole(block.counted)));
    }))),
  );
}

function renderLegend() {
  const step = (k) => (k === 0 ? t("atlas.from", { a: 80 }) : t("atlas.between", { a: [80, 60, 40, 20, 0][k], b: [100, 80, 60, 40, 20][k] }));
  fill(
    "legend",
    h("h2", { id: "legend-title" }, t("atlas.legend")),
    h("ul", { class: "legend-rows" }, [0, 1, 2, 3, 4].map((k) => h("li", {}, h("span", { class: `swatch swatch-${k}`, "aria-hidden": "true" }), h("span", {}, step(k)), h("span", { class: "legend-count" }, whole(atlas.list.filter((one) => classOf(shareOf(blockOf(one))) === String(k)).length)))),
      h("li", {}, h("span", { class: "swatch swatch-7", "aria-hidden": "true" }), h("span", {}, t("atlas.unknown")), h("span", { class: "legend-count" }, whole(atlas.list.filter((one) => shareOf(blockOf(one)) === null).length)))),
  );
}

function renderMethod() {
  const { meta } = atlas;
  const inputs = meta.inputs.map((input) => h("li", {}, named(String(input.file || "")), input.data_date ? ` · ${String(input.data_date).slice(0, 10)}` : ""));
  fill("method", h("h2", {}, t("method.title")), h("p", {}, t("method.how")), h("p", {}, t("atlas.made", { n: whole(meta.summary.counts.buildings) })), h("ul", {}, inputs), h("p", { class: "small" }, meta.attribution, " · ", t("method.licence"), ` · circle ${meta.circle}`));
}

const latLng = (x, y) => atlas.map.options.crs.pointToLatLng(L.point(x + atlas.origin[0], y + atlas.origin[1]), 20);

function outline(i) {
  const { ring, point, x, y } = atlas.shapes;
  const rings = [];
  for (let r = ring[i]; r < ring[i + 1]; r++) {
    const line = [];
    for (let p = point[r]; p < point[r + 1]; p++) line.push(latLng(x[p], y[p]));
    rings.push(line);
  }
  return rings;
}

function draw() {
  atlas.layer?.remove();
  atlas.layer = L.featureGroup();
  atlas.list.forEach((one, i) => {
    const rings = outline(i);
    if (!rings.length) return;
    const area = L.polygon(rings, { className: `district district-${classOf(shareOf(blockOf(one)))}`, fillRule: "evenodd" });
    area.on("click", () => location.assign(pageOf(one)));
    area.on("mouseover focus", () => say(`${nameText(one)}: ${percent(blockOf(one))}`));
    area.addTo(atlas.layer);
    const box = L.bounds(atlas.map.latLngToLayerPoint(area.getBounds().getNorthWest()), atlas.map.latLngToLayerPoint(area.getBounds().getSouthEast())).getSize();
    if (box.x < LABEL[0] || box.y < LABEL[1]) return;
    const face = h("span", { class: "district-face" }, nameOf(one), h("br"), percent(blockOf(one)));
    L.marker(area.getBounds().getCenter(), { interactive: false, keyboard: false, icon: L.divIcon({ className: "district-label", html: face, iconSize: [0, 0] }) }).addTo(atlas.layer);
  });
  atlas.layer.addTo(atlas.map);
}

function choose(what) {
  Object.assign(atlas, what);
  draw();
  renderThemes();
  renderList();
  renderLegend();
  document.querySelector(what.unit ? `[data-unit="${atlas.unit}"]` : `#theme-${atlas.theme}`).focus();
}

function renderAll() {
  applyWords();
  renderHead();
  renderThemes();
  renderList();
  renderLegend();
  renderMethod();
  atlas.controls?.forEach((control) => control.remove());
  const credit = () => h("p", { class: "credit" }, h("a", { href: "https://www.openstreetmap.org/copyright", target: "_blank", rel: "noopener noreferrer" }, "© OpenStreetMap contributors"));
  atlas.controls = [L.control.zoom({ position: "topright", zoomInTitle: "+", zoomOutTitle: "−" }), new (L.Control.extend({ onAdd: credit }))({ position: "bottomright" }), L.control.scale({ position: "bottomright", imperial: false })];
  atlas.controls.forEach((control) => control.addTo(atlas.map));
  const container = atlas.map.getContainer();
  container.setAttribute("role", "application");
  container.setAttribute("aria-label", t("page.map"));
}

async function open() {
  document.documentElement.dataset.scheme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  atlas.meta = (await readBlock("meta")).header;
  words = atlas.meta.texts;
  language = (navigator.language || "zh").startsWith("zh") ? "zh" : "en";
  const { header, sections } = await readBlock("districts");
  atlas.list = header.districts.map((one, i) => ({ ...one, number: i + 1 }));
  atlas.shapes = readShapes(sections, "", header.n);
  atlas.origin = header.origin;
  atlas.map.setView([0, 0], 5, { animate: false });
  renderAll();
  const bounds = L.latLngBounds(atlas.list.flatMap((_, i) => outline(i).flat()));
  if (bounds.isValid()) atlas.map.fitBounds(bounds, { animate: false, padding: [12, 12] });
  draw();
  atlas.map.on("zoomend", draw);
  document.getElementById("language").addEventListener("click", () => {
    language = language === "zh" ? "en" : "zh";
    renderAll();
    draw();
  });
  new ResizeObserver(() => atlas.map.invalidateSize({ animate: false })).observe(atlas.map.getContainer());
  document.documentElement.dataset.ready = performance.now().toFixed(0);
}

open().catch((error) => {
  const banner = document.getElementById("banner");
  banner.hidden = false;
  banner.textContent = `地图打不开。 The map cannot be opened: ${String(error.message || error)}`;
  throw error;
});
