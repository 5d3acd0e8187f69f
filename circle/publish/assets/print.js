// Paper: one static picture (Leaflet's tiles do not survive the change of size), legend, shares, the worst buildings.

const PRINT_WIDTH = 1120;
const PRINT_HEIGHT = 700;
const PRINT_ROWS = 40;

// What the screen shows, without the empty land around the buildings.
function printWindow(place) {
  const bounds = place.map.getBounds();
  const shown = [...toUnits(place, bounds.getNorthWest()), ...toUnits(place, bounds.getSouthEast())];
  const all = [Infinity, Infinity, -Infinity, -Infinity];
  const { box } = place.model.shapes;
  within(place.model.shapes, ...shown, (i) => {
    for (let k = 0; k < 2; k++) {
      all[k] = Math.min(all[k], box[4 * i + k]);
      all[k + 2] = Math.max(all[k + 2], box[4 * i + k + 2]);
    }
  });
  if (!(all[0] < all[2])) return shown;
  const rim = 0.03 * Math.max(all[2] - all[0], all[3] - all[1]);
  return [0, 1, 2, 3].map((k) => (k < 2 ? Math.max(shown[k], all[k] - rim) : Math.min(shown[k], all[k] + rim)));
}

function printPicture(place) {
  const [west, north, east, south] = printWindow(place);
  const scale = Math.min(PRINT_WIDTH / (east - west), PRINT_HEIGHT / (south - north));
  const zoom = 20 + Math.log2(scale);
  const view = {
    x: (west + east - PRINT_WIDTH / scale) / 2, y: (north + south - PRINT_HEIGHT / scale) / 2, scale, width: PRINT_WIDTH, height: PRINT_HEIGHT,
    zoom, metre: place.unitsPerMetre * scale, ratio: 2, paper: true,
  };
  const canvas = h("canvas", { id: "print-map" });
  paintOn(canvas, view, (ctx) => {
    for (const paint of [paintGround, paintBarriers, paintBuildings, paintMarks]) paint(ctx, place, view, LIGHT);
    paintPlan(ctx, place, view);
    paintScale(ctx, view);
    paintNorth(ctx, view);
  });
  return canvas;
}

// Stations, passages and closed gates that are being tried belong on paper too.
function paintPlan(ctx, place, view) {
  const at = (spot) => [(spot.x - view.x) * view.scale, (spot.y - view.y) * view.scale];
  ctx.lineWidth = 4;
  ctx.strokeStyle = "#7a2a8a";
  for (const { ends } of place.edits.passages) {
    ctx.beginPath();
    ends.forEach((end, k) => (k ? ctx.lineTo(...at(end)) : ctx.moveTo(...at(end))));
    ctx.stroke();
  }
  place.edits.gates.forEach((gate) => {
    ctx.beginPath();
    ctx.arc(...at(gate), 7, 0, 2 * Math.PI);
    ctx.fillStyle = "#ffffff";
    ctx.fill();
    ctx.strokeStyle = "#b00020";
    ctx.stroke();
  });
  place.edits.stations.forEach((station, k) => {
    const [x, y] = at(station);
    ctx.beginPath();
    ctx.arc(x, y, 13, 0, 2 * Math.PI);
    ctx.fillStyle = "#7a2a8a";
    ctx.fill();
    ctx.lineWidth = 2.5;
    ctx.strokeStyle = "#ffffff";
    ctx.stroke();
    ctx.fillStyle = "#ffffff";
    ctx.font = "700 13px system-ui, sans-serif";
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillText(String(k + 1), x, y);
  });
}

// The map's north is up everywhere; the arrow says so.
function paintNorth(ctx, view) {
  const x = view.width - 26, y = 18;
  ctx.fillStyle = "rgba(255,255,255,.85)";
  ctx.fillRect(x - 15, y - 12, 30, 50);
  ctx.fillStyle = "#111";
  ctx.beginPath();
  ctx.moveTo(x, y - 8);
  ctx.lineTo(x + 7, y + 14);
  ctx.lineTo(x, y + 9);
  ctx.lineTo(x - 7, y + 14);
  ctx.fill();
  ctx.font = "600 13px system-ui, sans-serif";
  ctx.textAlign = "center";
  ctx.textBaseline = "alphabetic";
  ctx.fillText(t("print.north"), x, y + 32);
}

const standardLimit = ({ meta }, service) => meta.standard.services[service.index].limit_min;
const triedLimit = (place, service) => t("print.tried_limit", { label: label(service.label), n: plain(service.limit), standard: plain(standardLimit(place, service)) });
const triedSpeed = (place) => t("print.tried_speed", { n: plain(place.edits.speed), standard: plain(walkerSpeed(place)) });

// All that is otherwise than in the run, in words: who finds the paper or the picture must not take it for the place as it is.
function triedWords(place) {
  const { edits, model } = place;
  return [
    ...["stations", "passages", "gates"].filter((kind) => edits[kind].length).map((kind) => t(`print.tried_${kind}`, { n: edits[kind].length })),
    ...(edits.speed ? [triedSpeed(place)] : []),
    ...model.services.filter((service) => service.limit !== standardLimit(place, service)).map((service) => triedLimit(place, service)),
  ];
}

// The same in as many lines as it needs.
function triedLines(place, font, width) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = font;
  return triedWords(place).reduce((lines, piece) => {
    if (!lines.length) return [t("print.tried", { list: piece })];
    const longer = `${lines[lines.length - 1]}${dash()}${piece}`;
    return pen.measureText(longer).width > width ? [...lines, piece] : [...lines.slice(0, -1), longer];
  }, []);
}

// The view as a picture: map, legend, title, what is being tried, date and whose data these are.
function savePicture(place) {
  const box = place.map.getContainer().getBoundingClientRect();
  const zoom = place.map.getZoom();
  const corner = place.map.project(place.map.getBounds().getNorthWest(), zoom);
  const view = { ...windowOf(place, corner.x, corner.y, box.width, box.height, zoom), ratio: 2 };
  const canvas = document.createElement("canvas"), family = getComputedStyle(document.body).fontFamily;
  const tried = triedLines(place, `12px ${family}`, view.width - 28);
  const foot = 62 + 18 * tried.length;
  paintOn(canvas, { ...view, height: box.height + foot }, (ctx) => {
    for (const paint of [paintGround, paintBarriers, paintBuildings, paintMarks]) paint(ctx, place, view, LIGHT);
    paintPlan(ctx, place, view);
    paintLegend(ctx, place, view);
    paintNorth(ctx, view);
    ctx.save();
    ctx.translate(view.width - 220, 0);
    paintScale(ctx, view);
    ctx.restore();
    ctx.fillStyle = "#ffffff";
    ctx.fillRect(0, view.height, view.width, foot);
    ctx.fillStyle = "#1a2027";
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    ctx.font = `650 16px ${family}`;
    ctx.fillText(document.title, 14, view.height + 25, view.width - 28);
    ctx.font = `12px ${family}`;
    tried.forEach((line, k) => ctx.fillText(line, 14, view.height + 46 + 18 * k, view.width - 28));
    ctx.fillText([dataDate(place.meta), place.meta.synthetic ? t("page.synthetic_long") : "", place.meta.scenario ? t("page.scenario_long") : "", place.meta.attribution, `circle ${place.meta.circle}`].filter(Boolean).join(" · "), 14, view.height + foot - 15, view.width - 28);
  });
  canvas.toBlob((blob) => saveText(blob, `${t("print.picture_file")}.png`, "image/png"));
}

function paintLegend(ctx, place, view) {
  const family = getComputedStyle(document.body).fontFamily;
  const title = document.getElementById("legend-title").textContent;
  const rows = [...document.querySelectorAll("#legend li")].map((row) => [row.firstChild.className.replace(/\D+/g, ""), row.children[1].textContent, row.children[2]?.textContent || ""]);
  ctx.font = `12.5px ${family}`;
  const width = Math.max(ctx.measureText(title).width, ...rows.map(([, text, count]) => ctx.measureText(`${text}  ${count}`).width + 40)) + 30;
  const height = 34 + rows.length * 20, x = 12, y = view.height - height - 12;
  ctx.fillStyle = "#ffffff";
  ctx.fillRect(x, y, width, height);
  ctx.fillStyle = "#1a2027";
  ctx.textBaseline = "middle";
  ctx.textAlign = "left";
  ctx.font = `650 12.5px ${family}`;
  ctx.fillText(title, x + 12, y + 16);
  ctx.font = `12.5px ${family}`;
  rows.forEach(([cls, text, count], k) => {
    const at = y + 38 + k * 20;
    ctx.fillStyle = cls ? fillOf(ctx, Number(cls), LIGHT) : "#ffffff";
    ctx.fillRect(x + 12, at - 7, 22, 13);
    ctx.setLineDash(cls ? [] : [2, 2]);
    ctx.lineWidth = 1;
    ctx.strokeStyle = "#555";
    ctx.strokeRect(x + 12, at - 7, 22, 13);
    ctx.setLineDash([]);
    ctx.fillStyle = "#1a2027";
    ctx.fillText(text, x + 42, at);
    ctx.textAlign = "right";
    ctx.fillText(count, x + width - 12, at);
    ctx.textAlign = "left";
  });
}

function paintScale(ctx, view) {
  const metres = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000].filter((m) => m * view.metre < 180).pop() || 10;
  const width = metres * view.metre, x = 14, y = view.height - 16;
  ctx.fillStyle = "rgba(255,255,255,.85)";
  ctx.fillRect(x - 6, y - 20, width + 12, 28);
  ctx.strokeStyle = ctx.fillStyle = "#111";
  ctx.lineWidth = 2;
  ctx.beginPath();
  ctx.moveTo(x, y - 5);
  ctx.lineTo(x, y);
  ctx.lineTo(x + width, y);
  ctx.lineTo(x + width, y - 5);
  ctx.stroke();
  ctx.font = "12px system-ui, sans-serif";
  ctx.textAlign = "center";
  ctx.fillText(metres < 1000 ? `${metres} m` : `${metres / 1000} km`, x + width / 2, y - 6);
}

// Standard with its source, walker, what is counted: what a plan on a wall must say of itself. A limit or pace that is tried says so.
function printMethod(place) {
  const { meta, model, edits } = place;
  const limitOf = (s) => (s.limit === standardLimit(place, s) ? `${label(s.label)} ${t("theme.limit", { n: plain(s.limit) })}` : triedLimit(place, s));
  const speed = Number(meta.walker.speed_m_per_s) || 0;
  return [
    `${label(meta.standard.title)}: ${model.services.map(limitOf).join(dash())}`,
    meta.standard.source ? `${t("method.source")}: ${meta.standard.source}` : "",
    edits.speed ? triedSpeed(place) : t("method.speed", { label: label(meta.walker.label) || meta.walker.name || "", speed: plain(speed), metres: plain(speed * 60) }),
    t("method.how"),
    t("print.limits"),
  ].filter(Boolean).join(" · ");
}

function preparePrint(place) {
  const { meta, model } = place;
  const { rows } = worstBuildings(model, PRINT_ROWS, typeof place.theme === "number" ? model.services[place.theme] : null);
  const head = [t("zone.name"), ...model.services.map((s) => `${label(s.label)} (${t("theme.limit", { n: plain(s.limit) })})`)];
  const cells = (s, i) => {
    const verdict = verdictOf(s, i);
    const minutes = minutesOf(s, i);
    return h("td", { class: isGap(verdict) ? "over" : null }, verdict === UNMAPPED ? "?" : minutesText(minutes, s.limit, verdict));
  };
  const compoundOf = (i) => {
    const compound = compoundName(place, i);
    return compound && !shortName(place, i).includes(compound) ? [" · ", named(compound)] : null;
  };
  const body = rows.map((i) => h("tr", {}, h("th", { scope: "row" }, named(shortName(place, i)), compoundOf(i)), model.services.map((s) => cells(s, i))));
  const block = sharesNow(place).all.buildings;
  fill(
    "print",
    h("div", { class: anyEdits(place.edits) ? "print-head with-tried" : "print-head" }, h("h2", {}, document.title), h("p", {}, block?.counted ? `${percent(block)} — ` : "", block?.counted ? t("share.headline", { ...wholeAll(block), n: countWord(model.services.length) }) : t("share.none")), h("p", { class: "small" }, dataDate(meta), meta.synthetic ? ` · ${t("page.synthetic_long")}` : "", meta.scenario ? [" · ", t("page.scenario_long"), " ", measures(meta).flatMap((one, k) => (k ? ["; ", one] : [one]))] : ""), anyEdits(place.edits) ? [h("p", { class: "print-tried" }, t("print.tried", { list: triedWords(place).join(dash()) })), h("p", {}, planResult(place))] : null),
    printPicture(place),
    h("div", { class: "print-legend" }, legendContent(place, "print-legend")),
    h("p", { class: "small" }, printMethod(place)),
    h("p", { class: "small print-foot" }, h("span", {}, meta.attribution, ` · circle ${meta.circle}`), h("span", { class: "approval" }, t("print.approval"))),
    rows.length ? h("div", { class: "print-list" }, h("h2", {}, t("print.gaps", { n: rows.length })), h("table", {}, h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, body))) : null,
  );
}
