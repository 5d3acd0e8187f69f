// Words and elements. Text from data enters the page here alone, as text.

const ATTRIBUTES = new Set([
  "id", "class", "type", "for", "name", "value", "placeholder", "lang", "dir", "role", "scope", "tabindex", "title", "hidden", "checked", "colspan",
  "autocomplete", "rel", "target", "selected", "min", "max", "step",
]);

function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "on") for (const [event, listener] of Object.entries(value)) node.addEventListener(event, listener);
    else if (key === "href" && /^(https:\/\/www\.openstreetmap\.org\/|https:\/\/opendatacommons\.org\/|#|\.\.\/map\.html$|map\/d\d{1,4}\.html$)/.test(value)) node.setAttribute("href", value);
    else if (ATTRIBUTES.has(key) || key.startsWith("aria-") || key.startsWith("data-")) node.setAttribute(key, value === true ? "" : value);
    else throw new Error(`attribute ${key} is not allowed`);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

// A name from the map: kept apart from the words around it, whichever way it is written.
const named = (text, attributes = {}) => h("bdi", attributes, text);

function fill(id, ...children) {
  const node = document.getElementById(id);
  node.replaceChildren(...children.flat().filter(Boolean));
  return node;
}

let words = {};
let language = "zh";

function t(key, values = {}) {
  const [section, name] = key.split(".");
  const entry = words[section]?.[name];
  const text = entry ? entry[language] : key;
  return text.replace(/\{(\w+)\}/g, (_, slot) => (slot in values ? values[slot] : ""));
}

// A word for a value from the map, where there is one; the value itself else. It may be any text, also one that every object knows.
function wordOf(key) {
  const at = key.indexOf("."), section = key.slice(0, at), value = key.slice(at + 1);
  return Object.prototype.hasOwnProperty.call(words[section], value) ? t(key) : value;
}

// The same as `t`, but a value may be an element: gives a list of texts and elements.
function parts(key, values) {
  const [section, name] = key.split(".");
  return words[section][name][language].split(/(\{\w+\})/).map((piece) => (/^\{\w+\}$/.test(piece) ? values[piece.slice(1, -1)] : piece));
}

const label = (both) => (both ? both[language] || both.en || both.zh || "" : "");
// thousands parted by commas, as both languages do; Intl would take 40 ms to start
const whole = (value) => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
const plain = (value) => String(Number(value.toFixed(2)));
const countWord = (n) => (words.count[n] ? t(`count.${n}`) : String(n));
const dash = () => (language === "zh" ? "、" : ", ");

// A share as text. It never says 100 % while one is missing, nor 0 % while one is there.
function percent({ met, counted, unmapped = 0 }) {
  if (!counted || unmapped >= counted) return "–";
  const share = (100 * met) / counted;
  const text = share.toFixed(share < 10 || share > 90 ? 1 : 0).replace(/\.0$/, "");
  if (met < counted && Number(text) >= 100) return "99.9 %";
  if (met > 0 && Number(text) === 0) return "0.1 %";
  return `${text} %`;
}

// The same for those who see: a line that goes away by itself.
function tell(text) {
  say(text);
  const toast = h("p", { class: "toast", "aria-hidden": "true" }, text);
  document.body.append(toast);
  setTimeout(() => toast.remove(), 2500);
}

const say = (text) => (document.getElementById("status").textContent = text);

function applyWords() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-t]")) node.textContent = t(node.dataset.t);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", t(`page.${node.dataset.label}`));
}

function dataDate(meta) {
  const date = meta.inputs.map((input) => input.data_date).find(Boolean);
  return date ? t("page.data_of", { date: String(date).slice(0, 10) }) : t("page.data_undated");
}

const wholeAll = (block) => Object.fromEntries(["counted", "met", "gap", "unmapped"].map((key) => [key, whole(block[key] || 0)]));

// One bar: met, gap, cannot be judged. Widths by script, so that the policy needs no inline style.
function stack(block, title) {
  const bar = h("span", { class: "stack", role: "img", "aria-label": title, title });
  for (const key of ["met", "gap", "unmapped"]) {
    const part = h("span", { class: `stack-${key}` });
    part.style.flexGrow = block.counted ? (block[key] || 0) / block.counted : 0;
    bar.append(part);
  }
  return bar;
}

// The place's own name; else that of the one community in it; else the file's.
function placeName({ meta, zones }) {
  const communities = (zones?.list || []).filter((zone) => zone.layer === "community" && zone.name);
  const input = meta.inputs[0]?.file || "";
  return meta.place || (communities.length === 1 ? communities[0].name : "") || input.replace(/(\.osm)?(\.(pbf|gz|bz2|osm))?$/i, "").replace(/[_]+/g, " ");
}

// A badge has one line; the whole name stands under method and limits.
const BADGE = 16;

function scenarioTitle({ scenario }) {
  if (!scenario) return "";
  const name = [...scenario.name];
  return name.length ? t("page.scenario", { name: name.length > BADGE ? `${name.slice(0, BADGE - 1).join("")}…` : scenario.name }) : t("page.scenario_unnamed");
}

// What a scenario made is never to be taken for what stands.
function renderScenario(meta) {
  const badge = fill("scenario", named(scenarioTitle(meta)));
  badge.hidden = !meta.scenario;
  badge.title = meta.scenario ? t("page.scenario_long") : "";
}
