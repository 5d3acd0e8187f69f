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
    paintScale(ctx, view);
  });
  return canvas;
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
    const compound = listed(model.details, "compound", i);
    return compound && !shortName(place, i).includes(compound) ? [" · ", named(compound)] : null;
  };
  const body = rows.map((i) => h("tr", {}, h("th", { scope: "row" }, named(shortName(place, i)), compoundOf(i)), model.services.map((s) => cells(s, i))));
  const block = sharesNow(place).all.buildings;
  fill(
    "print",
    h("div", { class: "print-head" }, h("h2", {}, document.title), h("p", {}, block?.counted ? `${percent(block)} — ` : "", block?.counted ? t("share.headline", { ...wholeAll(block), n: countWord(model.services.length) }) : t("share.none")), h("p", { class: "small" }, dataDate(meta), meta.synthetic ? ` · ${t("page.synthetic_long")}` : "")),
    printPicture(place),
    h("div", { class: "print-legend" }, legendContent(place, "print-legend")),
    h("p", { class: "small" }, meta.attribution, ` · circle ${meta.circle}`),
    rows.length ? h("div", { class: "print-list" }, h("h2", {}, t("print.gaps", { n: rows.length })), h("table", {}, h("thead", {}, h("tr", {}, head.map((text) => h("th", { scope: "col" }, text)))), h("tbody", {}, body))) : null,
  );
}
