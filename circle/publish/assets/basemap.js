// An online map under the page, where whoever made the page asked for one. It is off until the reader turns it on. One that is drawn in
// GCJ-02 has all of the page in GCJ-02; addresses and scenarios leave the page in WGS 84.

const GCJ_AXIS = 6378245, GCJ_EE = 0.00669342162296594323, GCJ_STEPS = 5;

function gcjOffset(lat, lng) {
  const x = lng - 105, y = lat - 35, { PI, sin, abs, sqrt } = Math;
  const wave = ((20 * sin(6 * x * PI) + 20 * sin(2 * x * PI)) * 2) / 3;
  let north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * sqrt(abs(x)) + wave;
  north += ((20 * sin(y * PI) + 40 * sin((y / 3) * PI)) * 2) / 3 + ((160 * sin((y / 12) * PI) + 320 * sin((y / 30) * PI)) * 2) / 3;
  let east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * sqrt(abs(x)) + wave;
  east += ((20 * sin(x * PI) + 40 * sin((x / 3) * PI)) * 2) / 3 + ((150 * sin((x / 12) * PI) + 300 * sin((x / 30) * PI)) * 2) / 3;
  const latitude = (lat * PI) / 180, degree = 180 / PI;
  const magic = 1 - GCJ_EE * sin(latitude) ** 2;
  return [(north / ((GCJ_AXIS * (1 - GCJ_EE)) / (magic * sqrt(magic)))) * degree, (east / ((GCJ_AXIS / sqrt(magic)) * Math.cos(latitude))) * degree];
}

const isShifted = (place) => place.meta?.basemap?.system === "GCJ-02";

// From WGS 84 to what the map is drawn in, and back.
function toMap(place, at) {
  const { lat, lng } = L.latLng(at);
  if (!isShifted(place)) return L.latLng(lat, lng);
  const [north, east] = gcjOffset(lat, lng);
  return L.latLng(lat + north, lng + east);
}

function fromMap(place, at) {
  const { lat, lng } = L.latLng(at);
  if (!isShifted(place)) return L.latLng(lat, lng);
  let [y, x] = [lat, lng];
  for (let k = 0; k < GCJ_STEPS; k++) {
    const [north, east] = gcjOffset(y, x);
    [y, x] = [lat - north, lng - east];
  }
  return L.latLng(y, x);
}

function setBasemap(place, on) {
  const { basemap } = place.meta;
  place.under ??= basemap.layers.map((url) => L.tileLayer(url, { maxZoom: 21, maxNativeZoom: basemap.max_zoom, zIndex: 0, referrerPolicy: "strict-origin-when-cross-origin" }));
  place.basemapOn = on;
  for (const layer of place.under) on ? layer.addTo(place.map) : layer.remove();
  on ? place.layers.ground.remove() : place.layers.ground.addTo(place.map);
  renderControls();
  document.getElementById("basemap").focus();
}

function basemapButton(place) {
  const { basemap } = place.meta;
  const title = t("basemap.button", { name: basemap.credit, host: basemap.host.replace("https://", "") });
  return h("button", { type: "button", class: "map-button", id: "basemap", title, "aria-label": title, "aria-pressed": String(Boolean(place.basemapOn)), on: { click: () => setBasemap(place, !place.basemapOn) } }, t("basemap.short"));
}
