// Where spaces have positions: on the plan of the zone, or on the ground, as a map without tiles.

import { drawing, element } from "./element.js";

const TILE = 44;
const WIDEST = 4_000;
const METRES_PER_DEGREE = 111_320;
const SCALES = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000];

/** The layout of a zone's spaces, `{width, height, at: Map of key to [x, y], image, metres}`, or null without positions. */
export function layoutOf(zone, spaces) {
  const placed = [...spaces].filter(([, space]) => space.position);
  if (!placed.length) return null;
  const onPlan = placed.filter(([, space]) => "x" in space.position);
  if (zone.plan && onPlan.length) {
    const at = new Map(onPlan.map(([key, space]) => [key, [space.position.x, space.position.y]]));
    return { width: zone.plan.width, height: zone.plan.height, at, image: zone.plan.url };
  }
  return map(placed.filter(([, space]) => "lat" in space.position));
}

/** Metres east and south of the north-western space, with a margin. */
function map(placed) {
  if (!placed.length) return null;
  const north = Math.max(...placed.map(([, { position }]) => position.lat));
  const west = Math.min(...placed.map(([, { position }]) => position.lon));
  const narrowing = Math.cos((north * Math.PI) / 180);
  const points = placed.map(([key, { position }]) => [
    key, (position.lon - west) * METRES_PER_DEGREE * narrowing, (north - position.lat) * METRES_PER_DEGREE,
  ]);
  const far = [Math.max(...points.map(([, x]) => x)), Math.max(...points.map(([, , y]) => y))];
  const margin = Math.max(4, Math.max(...far) * 0.06);
  const at = new Map(points.map(([key, x, y]) => [key, [x + margin, y + margin]]));
  return { width: far[0] + 2 * margin, height: far[1] + 2 * margin, at, image: null, metres: true };
}

/** The picture with the tiles on it. It scrolls where neighbours would cover each other. */
export function planOf(layout, tiles, label) {
  const ground = element("div", { class: "ground", role: "group", "aria-label": label });
  const narrowest = Math.min(WIDEST, (TILE + 2) * (layout.width / nearest(layout)));
  ground.style.setProperty("--ratio", layout.width / layout.height);
  ground.style.setProperty("--narrowest", `${Math.round(narrowest)}px`);
  if (layout.image) ground.append(element("img", { src: layout.image, alt: "", decoding: "async" }));
  if (layout.metres) ground.append(scale(layout));
  for (const [key, [x, y]] of layout.at) {
    const tile = tiles.get(key);
    tile.style.setProperty("--x", `${(100 * x) / layout.width}%`);
    tile.style.setProperty("--y", `${(100 * y) / layout.height}%`);
    ground.append(tile);
  }
  return element("div", { class: "plan" }, ground);
}

/** The least distance of two spaces, in the larger of both directions, because tiles are squares. */
function nearest({ at, width }) {
  const points = [...at.values()].sort(([one], [other]) => one - other);
  let least = width;
  for (let n = 0; n < points.length; n += 1) {
    for (let m = n + 1; m < points.length && points[m][0] - points[n][0] < least; m += 1) {
      const distance = Math.max(points[m][0] - points[n][0], Math.abs(points[m][1] - points[n][1]));
      if (distance > 0) least = Math.min(least, distance);
    }
  }
  return least;
}

function scale({ width }) {
  const metres = SCALES.findLast((one) => one <= width / 4) ?? SCALES[0];
  const bar = element("p", { class: "scale", "aria-hidden": "true" }, `${metres} m`);
  bar.style.setProperty("--part", `${(100 * metres) / width}%`);
  const north = drawing("svg", { class: "north", viewBox: "0 0 20 28", "aria-hidden": "true" },
    drawing("path", { d: "M10 1 17 18 10 14 3 18Z" }), drawing("text", { x: 10, y: 27, "text-anchor": "middle" }, "N"));
  const both = document.createDocumentFragment();
  both.append(bar, north);
  return both;
}

/** The tile that the arrow key leads to: the nearest one in a quarter of the circle. */
export function neighbour(layout, key, direction) {
  const [x, y] = layout.at.get(key);
  const [right, down] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[direction];
  let best = null;
  for (const [other, [otherX, otherY]] of layout.at) {
    const along = (otherX - x) * right + (otherY - y) * down;
    const across = Math.abs((otherX - x) * down) + Math.abs((otherY - y) * right);
    const cost = along + 2 * across;
    if (along > 0 && across <= along && (best === null || cost < best.cost)) best = { other, cost };
  }
  return best?.other ?? key;
}
