// One sign per service, drawn on a field of 24 by 24, for the canvas and for the panel alike.
// A service without a sign of its own gets the first letter of its label.

const SIGNS = {
  shop: "M5 9.5h14l-1.4 9.5H6.4z M8.7 9.5v-1a3.3 3.3 0 0 1 6.6 0v1",
  market: "M4.5 9.5 6.5 5h11l2 4.5z M4.5 9.5a2.5 2.5 0 0 0 5 0 2.5 2.5 0 0 0 5 0 2.5 2.5 0 0 0 5 0 M6.5 12.5V19h11v-6.5",
  bus_stop: "M6 5.5h12v11H6z M6 12h12 M8.5 16.5V19 M15.5 16.5V19",
  service_centre: "M4.5 11.5 12 5.5l7.5 6 M6.5 10.5V19h11v-8.5 M12 14v5",
  clinic: "M12 6v12 M6 12h12",
};
const signPaths = new Map();

function signPath(key) {
  if (!signPaths.has(key)) signPaths.set(key, new Path2D(SIGNS[key]));
  return signPaths.get(key);
}

const initialOf = (service, lang) => [...(service.label[lang] || service.label.en || service.key)][0];

// A round badge on the canvas: dark, with a white sign, so that it is no class of building; of another colour where it is only planned.
function paintBadge(ctx, service, x, y, size, palette, lang, isPlanned = false) {
  ctx.save();
  ctx.translate(x, y);
  ctx.beginPath();
  ctx.arc(0, 0, size / 2, 0, 2 * Math.PI);
  ctx.fillStyle = isPlanned ? palette.planned : palette.badge;
  ctx.fill();
  ctx.lineWidth = 1.5;
  ctx.strokeStyle = palette.badgeRim;
  ctx.stroke();
  if (SIGNS[service.key]) {
    const scale = (size * 0.72) / 24;
    ctx.scale(scale, scale);
    ctx.translate(-12, -12);
    ctx.lineWidth = 2.4;
    ctx.lineJoin = ctx.lineCap = "round";
    ctx.strokeStyle = palette.badgeSign;
    ctx.stroke(signPath(service.key));
  } else {
    ctx.fillStyle = palette.badgeSign;
    ctx.font = `600 ${Math.round(size * 0.6)}px system-ui, sans-serif`;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.fillText(initialOf(service, lang), 0, size * 0.04);
  }
  ctx.restore();
}

function signElement(service, lang) {
  const NS = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "sign");
  svg.setAttribute("aria-hidden", "true");
  const add = (name, attributes) => {
    const node = document.createElementNS(NS, name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    svg.append(node);
    return node;
  };
  add("circle", { cx: 12, cy: 12, r: 11.5, class: "sign-disc" });
  if (SIGNS[service.key]) add("path", { d: SIGNS[service.key], class: "sign-line", transform: "translate(3 3) scale(.75)" });
  else add("text", { x: 12, y: 16.5, class: "sign-text" }).textContent = initialOf(service, lang);
  return svg;
}
