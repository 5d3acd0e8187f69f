// The list of gaps, its download, and the search: the map's text alternative.

const LIST_ROWS = 200;
const FIRST_ROWS = 30;
const FOUND_ROWS = 20;

const shortName = (place, i) => {
  const name = place.model.details ? nameOf(place.model.details, i) : "";
  return name || (place.model.details ? idOf(place.model.details, i) : "");
};

// Name of a building's compound. One that is mapped without a name goes by that, with its id where several could be meant (`apart`).
const UNNAMED = /^(?:enclosed\/)?(?:way|relation|node)\/\d/;

function compoundName({ model: { details } }, i, apart = false) {
  const name = details ? listed(details, "compound", i) : "";
  if (!UNNAMED.test(name)) return name;
  const several = apart && details.lists.compound.filter((other) => UNNAMED.test(other)).length > 1;
  return several ? `${t("zone.unnamed")} (${name})` : t("zone.unnamed");
}

function buildingButton(place, i, ...more) {
  const compound = compoundName(place, i, place.order === "zone");
  return h("button", { type: "button", class: "item", on: { click: () => place.choose(i, true) } }, h("span", { class: "item-name" }, named(shortName(place, i)), compound ? named(compound, { class: "item-note" }) : null), ...more);
}

function renderList(place) {
  const { model, theme } = place;
  const service = typeof theme === "number" ? model.services[theme] : null;
  const { rows, total } = worstBuildings(model, LIST_ROWS, service, place.order, zoneColumn(place));
  const row = (i) => {
    const lacking = model.services.filter((s) => isGap(verdictOf(s, i)) && (!service || s === service));
    const signs = h("span", { class: "item-signs" }, lacking.map((s) => h("span", { class: "unseen" }, `${label(s.label)} `)), lacking.map((s) => signElement(s, language)));
    return h("li", {}, buildingButton(place, i, more(i), signs, h("span", { class: "item-over" }, overText(lacking, i))));
  };
  // what one sees first comes first; the rest follows when the map stands
  const more = (i) => (place.order === "households" ? h("span", { class: "item-note" }, t("list.households", { n: whole(model.households[i] / 10) })) : null);
  const items = h("ol", { class: "items" }, rows.slice(0, FIRST_ROWS).map(row));
  setTimeout(() => items.isConnected && items.append(...rows.slice(FIRST_ROWS).map(row)), 60);
  fill(
    "list",
    h("div", { class: "row" }, h("h2", { id: "list-title" }, t("list.title"), " ", h("span", { class: "count" }, whole(total))), total ? h("button", { type: "button", class: "quiet", on: { click: () => download(place) } }, t("list.download")) : null),
    total ? orderSwitch(place) : null,
    h("p", { class: "note" }, total ? (service ? t("list.of_service", { label: label(service.label) }) : t("list.choose")) : t("list.none")),
    items,
    total > rows.length ? h("p", { class: "note" }, t("list.rest", { n: whole(total - rows.length) })) : null,
  );
}

// Column of the buildings that says their zone of the layer that is shown.
function zoneColumn(place) {
  if (!place.zoneLayer || !place.model.details) return null;
  const column = place.zoneLayer === "compound" ? "compound" : `zone_${place.zoneLayer}`;
  return place.model.details.columns[column] ? column : null;
}

function orderSwitch(place) {
  const orders = ["gaps", "excess", "households", ...(zoneColumn(place) ? ["zone"] : [])];
  const choose = (event) => {
    place.order = event.target.value;
    renderList(place);
    document.getElementById("list-order").focus();
  };
  return h("p", { class: "order" }, h("label", { for: "list-order" }, t("list.order")), h("select", { id: "list-order", on: { change: choose } }, orders.map((key) => h("option", { value: key, selected: place.order === key }, t(`list.by_${key}`)))));
}

function overText(lacking, i) {
  if (lacking.some((s) => verdictOf(s, i) === UNREACHABLE)) return t("verdict.unreachable");
  const over = lacking.reduce((sum, s) => sum + minutesOf(s, i) - s.limit, 0);
  return t("list.over", { n: over < 0.95 ? Math.max(over, 0.01).toFixed(over < 0.095 ? 2 : 1) : over.toFixed(1) });
}

// Quotes every text; an apostrophe keeps a spreadsheet from reading a name as a formula. Numbers stay numbers.
function csvText(value) {
  const text = String(value);
  const risky = /^[\s\uFEFF\u200B-\u200F\u2060]*[=+\-@＝＋－＠]/u.test(text) || /^[\t\r\n]/.test(text);
  return `"${(risky ? `'${text}` : text).replace(/"/g, '""')}"`;
}

const WITHHELD = 5; // how households are known: below five, and not published

function csv(place) {
  const { model } = place;
  const { details } = model;
  const head = ["building", "name", "use", "compound", "households", "gaps"];
  for (const s of model.services) head.push(`minutes_${s.key}`, `verdict_${s.key}`, `reason_${s.key}`, `facility_${s.key}`);
  const out = [head.map(csvText).join(",")];
  const names = ["met", "gap", "unreachable", "unmapped"];
  for (let i = 0; i < model.n; i++) {
    const gaps = isCounted(model, i) ? gapsOf(model, i) : 0;
    if (!gaps) continue;
    const row = [csvText(idOf(details, i)), csvText(nameOf(details, i)), csvText(listed(details, "use", i)), csvText(listed(details, "compound", i)), model.flags[i] >> 3 === WITHHELD ? "" : model.households[i] / 10, gaps];
    for (const s of model.services) {
      const minutes = minutesOf(s, i);
      row.push(Number.isFinite(minutes) ? minutes : "", csvText(names[verdictOf(s, i)]), csvText(reasonOf(s, i)), csvText(s.facility[i] < 0 ? "" : isStation(place, s.facility[i]) ? stationName(place, s.facility[i] - place.facilities.n) : idOf(place.facilities, s.facility[i])));
    }
    out.push(row.join(","));
  }
  return `\uFEFF${out.join("\r\n")}\r\n`;
}

const download = (place) => saveText(csv(place), `${t("list.file")}.csv`, "text/csv;charset=utf-8");

// Buildings whose name, compound or id holds the words: names first, as they are what one knows.
function search(place, query) {
  const { model } = place;
  const { details } = model;
  const wanted = query.trim().toLowerCase();
  if (!wanted) return [];
  const found = new Set();
  details.lower ??= details.names.map((name) => name.toLowerCase());
  const exact = details.lower.flatMap((name, k) => (name === wanted ? [details.nameAt[k]] : []));
  exact.slice(0, FOUND_ROWS + 1).forEach((i) => found.add(i));
  for (let k = 0; k < details.lower.length && found.size <= FOUND_ROWS; k++) if (details.lower[k].includes(wanted)) found.add(details.nameAt[k]);
  const number = /^(?:(?:way|relation|node|w|r|n)[/ ]?)?(\d{2,15})$/.exec(wanted);
  if (number) {
    const id = Number(number[1]);
    for (let i = 0; i < model.n && found.size <= FOUND_ROWS; i++) if (details.kind[i] < 3 && details.number[i] === id) found.add(i);
  }
  details.own.forEach((own, k) => {
    if (found.size <= FOUND_ROWS && own.toLowerCase().includes(wanted)) found.add(rowOfId(details, details.own[k], model.n));
  });
  const compounds = new Set(details.lists.compound.flatMap((name, k) => (name.toLowerCase().includes(wanted) ? [k + 1] : [])));
  for (let i = 0; compounds.size && i < model.n && found.size <= FOUND_ROWS; i++) if (compounds.has(details.columns.compound[i])) found.add(i);
  for (const i of alongStreets(place, wanted)) if (found.size <= FOUND_ROWS) found.add(i);
  return [...found].filter((i) => i >= 0);
}

// Buildings whose nearest path is a street of that name.
function alongStreets({ graph, model }, wanted) {
  if (!graph || wanted.length < 2) return [];
  graph.lowerStreets ??= graph.streets.map((name) => name.toLowerCase());
  const streets = new Set(graph.lowerStreets.flatMap((name, k) => (name.includes(wanted) ? [k + 1] : [])));
  const out = [];
  for (let i = 0; streets.size && i < model.n && out.length <= FOUND_ROWS; i++) {
    let nearest = -1;
    for (let at = graph.ownLinks[i]; at < graph.ownLinks[i + 1]; at++) {
      const k = graph.linksOf[at];
      if (nearest < 0 || graph.linkMetres[k] < graph.linkMetres[nearest]) nearest = k;
    }
    if (nearest >= 0 && streets.has(graph.street[graph.linkEdge[nearest]])) out.push(i);
  }
  return out;
}

function renderSearch(place) {
  const before = document.getElementById("search-words")?.value || "";
  const results = h("ul", { class: "items", id: "search-results" });
  let timer = 0;
  const run = (value) => {
    const found = search(place, value);
    results.replaceChildren(...found.slice(0, FOUND_ROWS).map((i) => h("li", {}, buildingButton(place, i, h("span", { class: "item-over" }, gapsText(place.model, i))))));
    if (value.trim()) say(!found.length ? t("search.nothing") : found.length > FOUND_ROWS ? t("search.found_more", { n: FOUND_ROWS }) : t("search.found", { n: found.length }));
    note.textContent = !value.trim() ? "" : !found.length ? t("search.nothing") : found.length > FOUND_ROWS ? t("search.found_more", { n: FOUND_ROWS }) : "";
  };
  const input = h("input", {
    type: "search", id: "search-words", placeholder: t("search.placeholder"), autocomplete: "off", "aria-labelledby": "search-title",
    on: { input: (event) => { clearTimeout(timer); timer = setTimeout(() => run(event.target.value), 120); } },
  });
  const note = h("p", { class: "note", id: "search-note" });
  input.value = before;
  fill("search", h("h2", { id: "search-title" }, t("search.title")), input, note, results);
  if (before) run(before);
}

function gapsText(model, i) {
  const gaps = gapsOf(model, i);
  if (gaps) return gaps === 1 ? t("list.gap") : t("list.gaps", { n: gaps });
  return model.services.some((s) => verdictOf(s, i) === UNMAPPED) ? t("verdict.unmapped") : t("verdict.met");
}
