// Shares as the model stands now: how many counted buildings and households keep each promise, for the place and for every zone.
// As in the program, a close call (`fragile`) counts beside the verdict, and for all services together wherever one of them is close.

const emptyBlock = () => ({ counted: 0, met: 0, gap: 0, unmapped: 0, fragile: 0 });
const BLOCK_KEYS = ["met", "gap", "gap", "unmapped"];

// The worst of all services: a gap or no path before what cannot be judged, that before met.
function worstVerdict(model, i) {
  let verdict = MET;
  for (const service of model.services) {
    const one = service.state[i] & 3;
    if (isGap(one)) return GAP;
    if (one === UNMAPPED) verdict = UNMAPPED;
  }
  return verdict;
}

function computeShares(model) {
  const shares = { all: { buildings: emptyBlock(), households: emptyBlock() } };
  for (const service of model.services) shares[service.key] = { buildings: emptyBlock(), households: emptyBlock() };
  const blocks = [shares.all, ...model.services.map((service) => shares[service.key])];
  const add = (block, key, close, weight) => {
    block.counted += weight;
    block[key] += weight;
    if (close) block.fragile += weight;
  };
  const put = ({ buildings, households: homes }, key, close, households) => {
    add(buildings, key, close, 1);
    add(homes, key, close, households);
  };
  for (let i = 0; i < model.n; i++) {
    if (!isCounted(model, i)) continue;
    const households = model.households[i] / 10;
    put(blocks[0], BLOCK_KEYS[worstVerdict(model, i)], model.services.some((service) => fragileOf(service, i)), households);
    model.services.forEach((service, k) => put(blocks[k + 1], BLOCK_KEYS[service.state[i] & 3], fragileOf(service, i), households));
  }
  return shares;
}

function sharesNow(place) {
  place.shares ??= computeShares(place.model);
  return place.shares;
}

// Of every zone of a layer: buildings and households counted, and how many keep all promises. Rows of the zone list.
function zoneShares(place, layer) {
  const { model, zones } = place;
  const column = layer === "compound" ? "compound" : `zone_${layer}`;
  const names = model.details?.ids?.[column];
  if (!names) return null;
  const rowOf = new Map(zones.list.filter((zone) => zone.layer === layer).map((zone) => [zone.zone, zone.row]));
  const rows = new Map(zones.list.filter((zone) => zone.layer === layer).map((zone) => [zone.row, { buildings: emptyBlock(), households: emptyBlock() }]));
  const at = names.map((id) => rowOf.get(id));
  const number = model.details.columns[column];
  for (let i = 0; i < model.n; i++) {
    const row = number[i] ? rows.get(at[number[i] - 1]) : null;
    if (!row || !isCounted(model, i)) continue;
    const key = BLOCK_KEYS[worstVerdict(model, i)];
    for (const [block, weight] of [[row.buildings, 1], [row.households, model.households[i] / 10]]) {
      block.counted += weight;
      block[key] += weight;
    }
  }
  return rows;
}

// Buildings per band of minutes of a service, for the strip: even steps up to one and a half times the limit, then up to where the last
// colour begins, then all that is beyond.
function bands(model, service) {
  const width = service.limit > 5 ? 5 : service.limit > 2 ? 1 : 0.5;
  const edges = [];
  for (let edge = 0; edge < RATIOS[2] * service.limit - 1e-9; edge += width) edges.push(edge);
  const last = RATIOS[3] * service.limit;
  edges.push(RATIOS[2] * service.limit, last, Infinity);
  const out = edges.slice(1).map((to, k) => ({ from: edges[k], to, buildings: 0, households: 0 }));
  const none = { buildings: 0, households: 0 };
  for (let i = 0; i < model.n; i++) {
    if (!isCounted(model, i)) continue;
    const minutes = minutesOf(service, i);
    const band = Number.isFinite(minutes) ? out.find((one) => minutes <= one.to) : none;
    band.buildings++;
    band.households += model.households[i] / 10;
  }
  return { bands: out, none, width };
}
