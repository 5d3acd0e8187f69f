// Title, headline, themes with their shares, legend, zones, method.

function renderHead(place) {
  const { meta } = place;
  const name = placeName(place);
  const title = label(meta.standard.title) || meta.standard.name;
  // paper and picture are headed by it, so that neither passes off a plan as what stands
  document.title = [title, name, scenarioTitle(meta)].filter(Boolean).join(" · ");
  fill("title", title);
  fill("subtitle", name ? [named(name), " · "] : [], dataDate(meta), meta.district ? [" · ", h("a", { href: "../map.html" }, t("atlas.back"))] : []);
  document.getElementById("synthetic").hidden = !meta.synthetic;
  document.getElementById("synthetic").title = t("page.synthetic_long");
  renderScenario(meta);
  const button = fill("language", t("page.language"));
  button.setAttribute("aria-label", t("page.language_label"));
  button.lang = language === "zh" ? "en" : "zh-CN";
  renderHeadline(place);
}

function renderHeadline(place) {
  const { meta } = place;
  const shares = place.model?.details ? sharesNow(place).all : meta.summary.shares.all;
  const { counts } = meta.summary;
  if (!shares?.buildings?.counted) {
    fill("headline", h("p", { class: "kpi-text" }, t("share.none")));
    return;
  }
  const { buildings, households } = shares;
  const services = meta.standard.services.length;
  const key = services === 1 ? "share.headline_one" : "share.headline";
  const by = meta.counted_by;
  fill(
    "headline",
    h("p", { class: "kpi" }, h("strong", {}, percent(buildings)), h("span", { class: "kpi-text" }, t(key, { met: whole(buildings.met), counted: whole(buildings.counted), n: countWord(services) }))),
    stack(buildings, t("share.of_buildings", wholeAll(buildings))),
    anyEdits(place.edits) ? h("p", { class: "kpi-change" }, planResult(place)) : null,
    meta.before && place.model?.details ? h("p", { class: "kpi-change" }, t("share.before", { before: percent(meta.before.shares.buildings), now: percent(buildings), name: meta.before.name })) : null,
    households?.counted ? h("p", { class: "kpi-more" }, t("share.households", { share: percent(households), ...wholeAll(households) })) : null,
    buildings.unmapped ? h("p", { class: "kpi-more" }, t("share.unmapped", { n: whole(buildings.unmapped), share: percent({ met: buildings.unmapped, counted: buildings.counted }) })) : null,
    buildings.fragile ? h("p", { class: "kpi-more" }, t("share.fragile", { n: whole(buildings.fragile), share: percent({ met: buildings.fragile, counted: buildings.counted }) })) : null,
    h("p", { class: "note" }, t("share.counted", { all: whole(counts.buildings), lived: whole(counts.residential), use: whole(by.use), area: whole(by.area), assumed: whole(by.assumed) })),
  );
}

function renderThemes(place) {
  const { meta, model } = place;
  const unit = place.unit;
  const shares = model.details ? sharesNow(place) : meta.summary.shares;
  const shareOf = (key) => shares[key]?.[unit] || { counted: 0, met: 0, gap: 0, unmapped: 0 };
  const row = (theme, sign, name, note, block) => {
    const id = `theme-${themeName(place, theme)}`;
    const input = h("input", { type: "radio", name: "theme", id, value: themeName(place, theme), checked: place.theme === theme, on: { change: () => place.setTheme(theme) } });
    return h(
      "li",
      {},
      input,
      h(
        "label",
        { for: id },
        sign,
        h("span", { class: "theme-name" }, h("span", {}, name), " ", h("span", { class: "theme-note" }, note)),
        block ? stack(block, t(`share.of_${unit}`, wholeAll(block))) : null,
        block ? h("span", { class: "theme-share" }, percent(block), gained(place, theme)) : null,
      ),
    );
  };
  const units = h(
    "div",
    { class: "switch", role: "group", "aria-label": t("share.by") },
    ["buildings", "households"].map((key) => h("button", { type: "button", "aria-pressed": String(unit === key), on: { click: () => place.setUnit(key) } }, t(`share.by_${key}`))),
  );
  fill(
    "themes",
    h("div", { class: "row" }, h("h2", { id: "themes-title" }, t("theme.title")), units),
    h(
      "ul",
      { class: "themes" },
      row("gaps", h("span", { class: "sign sign-gaps", "aria-hidden": "true" }), t("theme.gaps"), t("theme.gaps_note"), null),
      row("furthest", h("span", { class: "sign sign-furthest", "aria-hidden": "true" }), t("theme.furthest"), t("theme.furthest_note"), null),
      canCompare(place) ? row("change", h("span", { class: "sign sign-change", "aria-hidden": "true" }), t("change.title"), t("change.note"), null) : null,
      model.services.map((service) => row(service.index, signElement(service, language), label(service.label), t("theme.limit", { n: plain(service.limit) }), shareOf(service.key))),
    ),
    h("div", { id: "strip" }),
    place.model.details ? sliders(place) : null,
    h("label", { class: "tick" }, h("input", { type: "checkbox", id: "everything", checked: place.everything, on: { change: (event) => place.setEverything(event.target.checked) } }), t("theme.everything")),
  );
  renderStrip(place);
}

// By itself too, for another theme changes nothing else here: the radio that chose it keeps the focus.
const renderStrip = (place) => fill("strip", place.model.details ? strip(place) : null);

// What the edits change for a service, in buildings.
function gained(place, theme) {
  if (!place.before || !anyEdits(place.edits)) return null;
  const gain = gainOf(place, place.model.services[theme].key);
  return gain ? h("span", { class: gain > 0 ? "gain" : "loss" }, ` ${gain > 0 ? "+" : "−"}${whole(Math.abs(gain))}`) : null;
}

// Rows of the legend: class, words, and whether they lie within or beyond the limit.
function legendRows(place) {
  const { theme, model } = place;
  if (theme === "change") return ["gained", "better", "gap", "worse", "lost"].map((key, k) => [k, t(`change.${key}`)]);
  if (theme === "gaps") {
    const most = Math.min(3, model.services.length);
    const rows = [[0, t("class.gaps_0")]];
    for (let n = 1; n <= most; n++) rows.push([n + 1, n === 3 && model.services.length > 3 ? t("class.gaps_more", { n }) : t("class.gaps_n", { n })]);
    return rows;
  }
  const scale = theme === "furthest" ? 1 : model.services[theme].limit;
  const unit = theme === "furthest" ? " ×" : "";
  const [first, ...middle] = RATIOS;
  const text = (ratio) => plain(ratio * scale);
  const words = [
    t("class.upto", { b: text(first) + unit }),
    ...middle.map((ratio, k) => t("class.between", { a: text(RATIOS[k]), b: text(ratio) + unit })),
    t("class.beyond", { a: text(RATIOS[3]) + unit }),
  ];
  return words.map((text, cls) => [cls, text, cls < 2 ? t("class.within") : t("class.over")]);
}

function legendContent(place, prefix) {
  const { theme, model, counts } = place;
  const title =
    typeof theme === "number"
      ? t("class.title_service", { label: label(model.services[theme].label), limit: plain(model.services[theme].limit) })
      : t(`class.title_${theme}`);
  const item = (cls, text, count, note) =>
    h("li", {}, h("span", { class: `swatch swatch-${cls}`, "aria-hidden": "true" }), h("span", { class: "legend-text" }, text, note ? h("span", { class: "legend-note" }, ` ${note}`) : null), count === null ? null : h("span", { class: "legend-count" }, whole(count)));
  const rows = legendRows(place).map(([cls, text, note]) => item(cls, text, counts[cls], note));
  const extra = [
    [CLASS_UNMAPPED, "unmapped"],
    [CLASS_UNREACHABLE, "unreachable"],
    [CLASS_UNCOUNTED, theme === "change" ? "same" : "uncounted"],
  ].filter(([cls]) => counts[cls]);
  return [
    h("h2", { id: `${prefix}-title` }, title),
    h("ul", { class: "legend-rows" }, rows, extra.map(([cls, key]) => item(cls, t(`class.${key}`), counts[cls])), counts[CLASSES] ? item("fragile", t("class.fragile"), counts[CLASSES]) : null),
  ];
}

const renderLegend = (place) => fill("legend", legendContent(place, "legend"));

const ZONE_ROWS = 60;

// Zones with the least share first, by buildings or by households, as the switch above says.
function renderZones(place) {
  const section = document.getElementById("zones");
  const { list, layers } = place.zones;
  section.hidden = !layers.length;
  if (!layers.length) return;
  const live = zoneShares(place, place.zoneLayer);
  const blockOf = (zone) => live?.get(zone.row) || { buildings: { counted: zone.buildings, met: zone.met, gap: zone.gap, unmapped: zone.unmapped }, households: emptyBlock() };
  const share = ({ counted, met, unmapped }) => (counted > unmapped ? met / counted : 2);
  const shown = list
    .filter((zone) => zone.layer === place.zoneLayer)
    .map((zone) => ({ zone, block: blockOf(zone) }))
    .filter(({ block }) => block.buildings.counted > 0)
    .sort((a, b) => share(a.block[place.unit]) - share(b.block[place.unit]) || b.block.buildings.counted - a.block.buildings.counted);
  const name = (layer) => (words.zone[layer] ? t(`zone.${layer}`) : layer);
  const head = ["name", "met", "met_households", "gap", "buildings"].map((key) => h("th", { scope: "col" }, t(`zone.${key}`)));
  const rows = shown.slice(0, ZONE_ROWS).map(({ zone, block }) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, h("button", { type: "button", class: "link", on: { click: () => place.zoomToZone(zone) } }, named(zone.name || zone.zone))),
      h("td", {}, percent(block.buildings)),
      h("td", {}, percent(block.households)),
      h("td", {}, whole(block.buildings.gap)),
      h("td", {}, whole(block.buildings.counted)),
    ),
  );
  fill(
    "zones",
    h(
      "div",
      { class: "row" },
      h("h2", { id: "zones-title" }, t("zone.title")),
      h("div", { class: "switch", role: "group", "aria-labelledby": "zones-title" }, layers.map((layer) => h("button", { type: "button", "aria-pressed": String(layer === place.zoneLayer), on: { click: () => place.setZoneLayer(layer) } }, name(layer)))),
    ),
    h("table", { class: "zones" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows)),
    shown.length > ZONE_ROWS ? h("p", { class: "note" }, t("zone.rest", { n: whole(shown.length - ZONE_ROWS) })) : null,
  );
}

// How many buildings (or households) walk how long to the chosen service: one bar, parted by bands of minutes, coloured as on the map.
function strip(place) {
  if (typeof place.theme !== "number") return null;
  const service = place.model.services[place.theme];
  const { bands: all, none } = bands(place.model, service);
  const parts = all.filter((band) => band[place.unit] > 0);
  const name = ({ from, to }) => (Number.isFinite(to) ? t("class.between", { a: plain(from), b: plain(to) }) : t("class.beyond", { a: plain(from) }));
  const unit = t(`share.by_${place.unit}`);
  const words = [...parts.map((band) => `${name(band)}: ${whole(band[place.unit])}`), ...(none[place.unit] ? [`${t("verdict.unreachable")}: ${whole(none[place.unit])}`] : [])].join(dash());
  const bar = h("div", { class: "strip", "aria-hidden": "true" });
  for (const band of parts) {
    const ratio = (Number.isFinite(band.to) ? (band.from + band.to) / 2 : band.from * 1.1) / service.limit;
    const piece = h("span", { class: `swatch-${ratio <= 0.5 ? 0 : ratio <= 1 ? 1 : ratio <= 1.5 ? 2 : ratio <= 2.5 ? 3 : 4}`, title: `${name(band)}: ${whole(band[place.unit])}` }, plain(band.from));
    piece.style.flexGrow = band[place.unit];
    bar.append(piece);
  }
  return h("div", { class: "strip-box" }, h("p", { class: "note" }, t("share.strip", { label: label(service.label), unit })), bar, h("p", { class: "unseen" }, words));
}

// Pace and limits to try: the map is coloured anew at once.
function sliders(place) {
  const { edits } = place;
  const slide = (id, text, value, least, most, step, unit, change) =>
    h(
      "div",
      { class: "slider" },
      h("label", { for: id }, text),
      h("input", { type: "range", id, min: least, max: most, step, value, "aria-valuetext": t(unit, { n: plain(value) }), "aria-describedby": id === "slide-speed" ? "speed-note" : null, on: { change: (event) => change(Number(event.target.value)) } }),
      h("output", { for: id }, t(unit, { n: plain(value) })),
    );
  const limitOf = (service) => edits.limits[service.index] || service.plain?.limit || service.limit;
  const standard = (service) => place.meta.standard.services[service.index].limit_min;
  const setLimit = (service, value) => {
    const limits = { ...edits.limits };
    if (value === standard(service)) delete limits[service.index];
    else limits[service.index] = value;
    setEdits(place, { ...edits, limits });
  };
  const base = walkerSpeed(place);
  const open = document.getElementById("sliders")?.open || false;
  const details = h(
    "details",
    { id: "sliders" },
    h("summary", {}, t("theme.sliders")),
    h("p", { class: "note" }, t("theme.sliders_note")),
    slide("slide-speed", t("theme.speed"), edits.speed || base, 30, 110, 1, "theme.per_minute", (value) => setEdits(place, { ...edits, speed: Math.abs(value - base) < 0.5 ? 0 : value })),
    h("p", { class: "note", id: "speed-note" }, t("theme.speed_note")),
    place.model.services.map((service) => slide(`slide-${service.index}`, label(service.label), limitOf(service), 0.5, Math.max(15, 2 * standard(service)), 0.5, "theme.limit", (value) => setLimit(service, value))),
    edits.speed || Object.keys(edits.limits).length ? h("button", { type: "button", class: "quiet", on: { click: () => setEdits(place, { ...edits, speed: 0, limits: {} }) } }, t("theme.as_standard")) : null,
  );
  details.open = open;
  return details;
}

function renderMethod(place) {
  const { meta } = place;
  const { standard, walker, summary, check } = meta;
  const open = document.querySelector("#method details")?.open;
  const speed = Number(walker.speed_m_per_s) || 0;
  const entry = (term, ...text) => (text.flat().filter(Boolean).length ? [h("dt", {}, term), h("dd", {}, ...text)] : []);
  const services = h("ul", {}, standard.services.map((limit) => h("li", {}, `${label(limit.label)}: ${t("theme.limit", { n: plain(limit.limit_min) })}`, limit.circle ? ` · ${label(limit.circle)}` : "", h("span", { class: "small" }, ` ${limit.source || ""} (${confidence(limit.confidence)})`))));
  const counts = standard.services.map((limit) => `${label(limit.label)} ${whole(summary.counts.facilities?.[limit.service] || 0)}`).join(" · ");
  const findings = Object.entries(summary.findings || {}).map(([code, n]) => h("li", {}, h("code", {}, code), ` ${whole(n)}`));
  const inputs = meta.inputs.map((input) => h("li", {}, named(String(input.file || "")), input.data_date ? ` · ${String(input.data_date).slice(0, 10)}` : "", input.sha256 ? h("span", { class: "hash" }, ` ${t("method.sha")} ${input.sha256}`) : ""));
  const details = h(
    "details",
    { id: "method-details" },
    h("summary", {}, h("h2", {}, t("method.title"))),
    meta.synthetic ? h("p", { class: "warn" }, t("page.synthetic_long")) : null,
    meta.scenario ? h("p", { class: "warn" }, t("page.scenario_long")) : null,
    h("p", {}, t("method.how")),
    h("p", {}, t("method.limits")),
    isShifted(place) ? h("p", { class: "warn" }, t("basemap.shifted", { name: meta.basemap.credit })) : null,
    meta.district ? h("p", {}, t("atlas.cut", { n: whole(meta.district.margin_m) })) : null,
    place.background?.leftOut.length ? h("p", {}, t("method.left_out", { list: place.background.leftOut.map((name) => (words.way[name] ? t(`way.${name}`) : name)).join(dash()) })) : null,
    h(
      "dl",
      {},
      entry(t("method.scenario"), meta.scenario ? [meta.scenario.name ? h("p", {}, named(meta.scenario.name)) : null, h("ul", {}, measures(meta).map((one) => h("li", {}, one)))] : ""),
      entry(t("method.standard"), h("p", {}, label(standard.title), standard.description ? ` — ${label(standard.description)}` : ""), services),
      entry(t("method.source"), standard.source || ""),
      entry(t("method.walker"), t("method.speed", { label: label(walker.label) || walker.name || "", speed: plain(speed), metres: plain(speed * 60) })),
      entry(t("method.facilities"), counts),
      entry(t("method.findings"), findings.length ? h("ul", {}, findings) : ""),
      entry(t("method.inputs"), h("ul", {}, inputs)),
      entry(t("method.extent"), meta.extent ? meta.extent.map((v) => Number(v).toFixed(4)).join(", ") : ""),
      entry(t("method.check"), check.sample ? t("method.check_text", { n: whole(check.sample), s: Number(check.worst_difference_s || 0).toPrecision(1) }) : ""),
      entry(t("method.version"), `circle ${meta.circle}`),
    ),
    h("p", { class: "small" }, meta.attribution, " · ", t("method.licence")),
  );
  details.open = Boolean(open);
  fill("method", details);
}

// What a scenario changes, one measure after the other.
function measures({ scenario, standard }) {
  const offered = (keys) => (keys || []).map((key) => label(standard.services.find((limit) => limit.service === key)?.label) || key).join(dash());
  const colon = language === "zh" ? "：" : ": ";
  const one = (key, name, list = "") => [t(`measure.${key}`), name ? [" ", named(name)] : "", list ? [colon, list] : ""];
  return [
    ...scenario.stations.map(({ name, services }) => one("station", name, offered(services))),
    ...scenario.moves.map(({ facility }) => one("move", facility)),
    ...scenario.closings.map(({ facility, services }) => one("closing", facility, offered(services))),
    ...scenario.opened.map((gate) => one("opened", gate)),
    ...scenario.closed.map((gate) => one("closed", gate)),
    ...scenario.passages.map(({ name }) => one("passage", name)),
  ];
}

const confidence = (value) => (words.method[`confidence_${value}`] ? t(`method.confidence_${value}`) : t("method.confidence_unverified"));
