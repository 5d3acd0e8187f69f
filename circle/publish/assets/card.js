// What is known about the chosen building or facility.

function closeButton(place) {
  return h("button", { type: "button", class: "close", "aria-label": t("card.close"), on: { click: () => place.choose(-1) } }, "×");
}

function verdictSummary(model, i) {
  const gaps = model.services.filter((s) => isGap(verdictOf(s, i)));
  const unmapped = model.services.filter((s) => verdictOf(s, i) === UNMAPPED);
  const names = (list) => list.map((s) => label(s.label)).join(dash());
  const out = [];
  if (gaps.length) out.push(h("p", { class: "verdict verdict-gap" }, t("card.gaps", { n: gaps.length, list: names(gaps) })));
  if (unmapped.length) out.push(h("p", { class: "verdict verdict-unmapped" }, t("card.unmapped", { list: names(unmapped) })));
  if (!out.length) out.push(h("p", { class: "verdict verdict-met" }, model.services.length === 1 ? t("card.one_met") : t("card.all_met", { n: countWord(model.services.length) })));
  return out;
}

const goalName = (place, k) => (isStation(place, k) ? stationName(place, k - place.facilities.n) : nameOf(place.facilities, k) || t("card.unnamed"));

const MARKS = ["✓", "✗", "⊘", "?"];
const VERDICT_KEYS = ["met", "gap", "unreachable", "unmapped"];

// The way from the building to the path is mostly the same for every service; then it is said once. Tenths of a metre, or nothing.
function oneLeg(place, i) {
  const { services } = place.model;
  const legs = new Set(services.filter((s) => s.facility[i] >= 0).map((s) => legOf(place, s, i)).filter((leg) => leg !== null).map(Math.round));
  return legs.size === 1 ? [...legs][0] : null;
}

// Metres from door to path on the way to the nearest facility of a service.
function legOf(place, service, i) {
  if (service.leg) return service.leg[i] < 65535 ? service.leg[i] / 10 : null;
  if (!place.graph) return null;
  const { link } = bestWalk(place.graph, service.field || baseOf(place, service).field, i);
  return link < 0 ? null : place.graph.linkMetres[link] * place.graph.unit_m;
}

function serviceRow(place, service, i) {
  const verdict = verdictOf(service, i);
  const key = VERDICT_KEYS[verdict];
  const minutes = minutesOf(service, i);
  const reason = reasonOf(service, i);
  const k = service.facility[i];
  const notes = [];
  const barrier = reason === "barrier" && place.model.details?.lists[`barrier_${service.key}`] ? listed(place.model.details, `barrier_${service.key}`, i) : "";
  if (reason) notes.push(h("span", { class: "why" }, words.reason[reason] ? t(`reason.${reason}`) : reason, barrier ? ": " : "", barrier ? named(barrier) : ""));
  if (k >= 0) notes.push(h("span", {}, parts(place.facilities.planned.has(k) ? "card.nearest_planned" : "card.nearest", { name: named(goalName(place, k)) })));
  const leg = k >= 0 && oneLeg(place, i) === null ? legOf(place, service, i) : null;
  if (leg !== null) notes.push(h("span", {}, t("card.leg", { n: whole(leg) })));
  if (service.other && service.other[i] !== NOT_THERE && service.otherMinutes[i] !== service.minutes[i]) notes.push(h("span", {}, t("card.before", { n: service.otherMinutes[i] === NO_PATH ? "–" : plain(service.otherMinutes[i] / 100) })));
  if (fragileOf(service, i)) notes.push(h("span", { class: "fragile", title: t("card.fragile_long") }, `${t("card.fragile")}: ${t("card.fragile_long")}`));
  return [
    h(
      "tr",
      { class: `is-${key}` },
      h("th", { scope: "row" }, signElement(service, language), label(service.label)),
      h("td", { class: "minutes" }, Number.isFinite(minutes) ? t("card.min", { n: minutesText(minutes, service.limit, verdict) }) : "–"),
      h("td", { class: "limit" }, t("card.limit_short", { n: plain(service.limit) })),
      h("td", { class: "mark" }, h("span", { class: "mark-sign", "aria-hidden": "true" }, MARKS[verdict]), " ", t(`verdict.${key}`)),
    ),
    h("tr", { class: `is-${key} notes` }, h("td", { colspan: 4 }, notes.flatMap((note, n) => (n ? [" · ", note] : [note])), place.graph && k >= 0 ? wayOf(place, service, i) : null)),
  ];
}

// The walk in words, leg by leg, made when somebody asks for it; and what the straight line would be.
function wayOf(place, service, i) {
  const details = h("details", { class: "way", on: { toggle: () => details.open && details.children.length < 2 && details.append(legsOf(place, service, i)) } }, h("summary", {}, t("card.way")));
  return details;
}

function legsOf(place, service, i) {
  const legs = routeOf(place, service, i);
  const text = (leg) => {
    if (leg.kind !== "way") return t(`card.leg_${leg.kind}`);
    const kind = words.way[leg.way] ? t(`way.${leg.way}`) : t("way.street");
    return leg.street ? [named(leg.street)] : kind;
  };
  const seconds = (leg) => t("card.seconds", { n: whole(leg.time * place.graph.per) });
  return h(
    "div",
    { "data-legs": "" },
    h("ol", {}, legs.filter((leg) => leg.metres >= 0.5 || leg.time * place.graph.per >= 0.5).map((leg) => h("li", {}, text(leg), h("span", { class: "leg-note" }, ` ${t("plan.metres", { n: whole(leg.metres) })} · ${seconds(leg)}`)))),
    h("p", {}, t("card.straight_line", { metres: whole(metresOf(legs)), line: whole(straightMetres(place, i, service.facility[i])) })),
  );
}

function facts(place, i) {
  const { model } = place;
  const { details } = model;
  const rows = [];
  const add = (term, value) => value && rows.push(h("dt", {}, term), h("dd", {}, value));
  const use = listed(details, "use", i);
  add(t("card.use"), use && use !== "yes" ? named(wordOf(`use.${use}`)) : "");
  add(t("card.levels"), details.levels[i] ? plain(details.levels[i] / 2) : "");
  const source = model.flags[i] >> 3;
  if (model.households[i]) add(t("card.households"), t(["card.estimate", "card.estimate", "card.ledger", "card.flats", "card.raster", "card.withheld"][source], { n: plain(Math.round(model.households[i]) / 10) }));
  const compound = compoundName(place, i, true);
  add(t("card.compound"), compound ? named(compound) : "");
  for (const column of Object.keys(details.lists)) {
    const zone = column.startsWith("zone_") && column !== "zone_compound" && column !== "zone_place" ? listed(details, column, i) : "";
    const layer = column.slice(5);
    if (zone) add(words.zone[layer] ? t(`zone.${layer}`) : layer, named(zone));
  }
  const leg = oneLeg(place, i);
  if (leg !== null) add(t("card.leg_term"), t("card.leg_metres", { n: whole(leg) }));
  const by = ["use", "area", "assumed", "ledger"][(model.flags[i] >> 1) & 3];
  add(t("card.counted"), t(`card.counted_${isCounted(model, i) ? by : by === "assumed" ? "too_large" : "not"}`));
  return h("dl", { class: "facts" }, rows);
}

function renderCard(place) {
  const card = document.getElementById("card");
  const i = place.building;
  if (i < 0 && place.facility < 0) {
    card.hidden = true;
    card.replaceChildren();
    return;
  }
  card.hidden = false;
  card.scrollTop = 0;
  if (i < 0) {
    renderFacilityCard(place, card);
    return;
  }
  const { details } = place.model;
  const id = idOf(details, i);
  const name = nameOf(details, i);
  const link = osmLink(details, i);
  card.replaceChildren(
    h("div", { class: "card-head" }, h("h2", { id: "card-title", tabindex: -1 }, name ? named(name) : parts("card.building", { id: named(id) })), closeButton(place)),
    ...verdictSummary(place.model, i),
    h(
      "table",
      { class: "services" },
      h("thead", { class: "unseen" }, h("tr", {}, ["service", "minutes", "limit", "verdict"].map((key) => h("th", { scope: "col" }, t(`card.${key}`))))),
      h("tbody", {}, place.model.services.map((service) => serviceRow(place, service, i))),
    ),
    facts(place, i),
    h("p", { class: "note" }, t(place.graph ? "card.walked" : "card.straight")),
    h(
      "p",
      { class: "card-foot" },
      h("button", { type: "button", class: "quiet", on: { click: () => place.zoomTo(i) } }, t("card.zoom")),
      link ? h("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, named(id)) : named(id),
    ),
  );
  if (link) card.querySelector(".card-foot a").title = t("card.osm");
}

function renderFacilityCard(place, card) {
  const k = place.facility;
  const { facilities, model } = place;
  const service = model.services[facilities.service[k]];
  const id = idOf(facilities, k);
  const link = osmLink(facilities, k);
  let served = 0;
  for (let i = 0; i < model.n; i++) if (service.facility[i] === k && isCounted(model, i)) served++;
  card.replaceChildren(
    h("div", { class: "card-head" }, h("h2", { id: "card-title", tabindex: -1 }, signElement(service, language), " ", nameOf(facilities, k) ? named(nameOf(facilities, k)) : parts("card.facility", { id: named(id) })), closeButton(place)),
    ...(facilities.planned.has(k) ? [h("p", { class: "warn" }, t("card.planned"))] : []),
    h("p", {}, t("card.offers", { list: label(service.label) })),
    h("p", {}, t("card.serves", { n: whole(served), service: label(service.label) })),
    h("p", { class: "card-foot" }, link ? h("a", { href: link, target: "_blank", rel: "noopener noreferrer", title: t("card.osm") }, named(id)) : named(id)),
  );
}
