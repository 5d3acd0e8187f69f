const told = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(document.getElementById("told").textContent), (c) => c.charCodeAt(0))));
const words = told.words;
const both = (text) => (text.zh && text.en && text.zh !== text.en ? `${text.zh} / ${text.en}` : text.zh || text.en || "");
const say = (key) => both(words[key]);
const whole = (number) => Math.round(number).toLocaleString("en-US");
// it never says 100 % while one is missing, nor 0 % while one is there
const shown = (share) => (share > 0 && share < 1 ? Math.min(Math.max(100 * share, 0.1), 99.9) : 100 * share);
const percent = (share) => (share === null || share === undefined ? "—" : `${shown(share).toFixed(1)} %`);
// whatever a file is called: a name in this folder, never an address
const beside = (name) => `./${encodeURIComponent(name)}`;

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) if (value) element.setAttribute(name, value);
  for (const child of children) if (child) element.append(child);  // text becomes a text node
  return element;
}

function picture(one) {
  return one.picture ? make("a", { href: beside(one.page || one.picture) }, make("img", { src: beside(one.picture), alt: both(one.title), loading: "lazy" })) : null;
}

function shares(one) {
  const head = make("tr", {}, make("th", { scope: "col" }, say("service")), make("th", { scope: "col" }, say("buildings")), make("th", { scope: "col" }, say("households")));
  const rows = one.shares.map((row) => make("tr", {},
    make("th", { scope: "row" }, row.limit === null ? say("all") : `${both(row.label)} ≤\u00a0${row.limit}\u00a0${words.minutes.en}`),
    make("td", {}, percent(row.buildings)), make("td", {}, percent(row.households))));
  return make("table", {}, make("caption", { class: "soft" }, `${say("shares")} · ${whole(one.homes)} ${say("homes")}`), make("thead", {}, head), make("tbody", {}, ...rows));
}

function facts(one) {
  const row = (key, ...values) => [make("dt", {}, say(key)), make("dd", {}, ...values)];
  return make("dl", {},
    ...row("date", one.date || say("unknown")),
    ...row("standard", both(one.standard)),
    ...row("walker", both(one.walker)),
    ...row("made", `circle ${one.version}`),
    ...one.inputs.flatMap((given) => row("inputs", `${given.file} `, make("code", {}, given.sha256.slice(0, 16)))));
}

function card(one) {
  return make("article", { class: "card" },
    make("div", {}, picture(one), make("p", {}, make("a", { class: "open", href: beside(one.page) }, say("open"))), facts(one)),
    make("div", {},
      make("h2", {}, one.title.zh || one.title.en, one.title.en && one.title.en !== one.title.zh ? make("span", { lang: "en" }, one.title.en) : null),
      one.synthetic ? make("span", { class: "flag" }, say("synthetic")) : null,
      one.note.zh ? make("p", {}, one.note.zh) : null, one.note.en ? make("p", { class: "soft", lang: "en" }, one.note.en) : null,
      shares(one), make("p", { class: "soft" }, one.attribution)));
}

const list = document.getElementById("list");
if (!told.pages.length) list.append(make("p", {}, say("none")));
for (const one of told.pages) list.append(card(one));
if (told.pictures.length) {
  const rows = told.pictures.map((one) => make("article", { class: "card" }, picture(one), make("h3", {}, both(one.title)), make("p", { class: "soft" }, both(one.note)), make("p", { class: "soft" }, one.attribution)));
  list.append(make("section", { class: "part" }, make("h2", {}, words.pictures.zh, make("span", { lang: "en" }, words.pictures.en)), make("div", { class: "rows" }, ...rows)));
}
document.documentElement.dataset.ready = "yes";
