// The day's curve of free places: the changes of the past from the gateway, and then every one that comes. A number holds until the next.

import { drawing, element, set, write } from "./element.js";
import { minute, now } from "./times.js";

const WIDTH = 240;
const HEIGHT = 48;
const REFRESH_MS = 300_000;
const SHORTEST_MS = 60_000;
/** Of the time since the first change, so much is shown before it. */
const QUIET_SHARE = 0.08;

/** A curve for a zone. It loads when `node` comes near the screen. */
export function curveOf(zone, node) {
  const line = drawing("path", { class: "line", "vector-effect": "non-scaling-stroke" });
  const area = drawing("path", { class: "area" });
  const picture = drawing("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" }, area, line);
  const from = element("span");
  const figure = element("figure", { class: "curve", "aria-label": "Curve of the day", hidden: true }, picture, element("figcaption", { "aria-hidden": "true" }, from, element("span", {}, "now")));
  const curve = { figure, picture, line, area, from, zone, points: [], loadedAt: null };
  curves.set(node, curve);
  nearby.observe(node);
  return curve;
}

/** Add the present number, and draw. */
export function extend(curve, zone) {
  curve.zone = zone;
  const last = curve.points.at(-1);
  if (last === undefined || last.free === zone.free) return;
  add(curve, zone.free);
  draw(curve);
}

/** More points than the curve is wide would not be seen, so a point replaces one that is nearer than that. */
function add({ points }, free) {
  const at = now();
  const nearest = points.length ? (at - beginOf(points)) / WIDTH : 0;
  if (points.length > 2 && at - points.at(-2).at < nearest) points.pop();
  points.push({ at, free });
}

const curves = new WeakMap();
const nearby = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => load(curves.get(entry.target))),
  { rootMargin: "50% 0px" },
);

async function load(curve) {
  if (curve.loadedAt !== null && now() - curve.loadedAt < REFRESH_MS) return;
  curve.loadedAt = now();
  const names = new URLSearchParams({ site: curve.zone.site, zone: curve.zone.zone });
  try {
    const response = await fetch(`/board/curve?${names}`);
    const points = response.ok ? await response.json() : [];
    curve.points = points.map((point) => ({ at: Date.parse(point.at), free: point.free }));
  } catch {
    curve.loadedAt = null; // it is drawn when the gateway is back
    return;
  }
  add(curve, curve.zone.free); // of a counted zone the first one: the gateway has no past of it
  draw(curve);
}

/** The day begins at midnight, or just before its first change: a car park that was opened a minute ago has no flat hours before. */
function beginOf(points) {
  const first = points.find((point) => point.free !== points[0].free);
  return first ? Math.max(points[0].at, first.at - QUIET_SHARE * (now() - first.at)) : points[0].at;
}

function draw(curve) {
  const { points, zone } = curve;
  const begin = beginOf(points);
  const end = Math.max(now(), begin + SHORTEST_MS);
  const x = (at) => (Math.max(at - begin, 0) / (end - begin)) * WIDTH;
  const y = (free) => HEIGHT - 1.5 - (Math.min(Math.max(free, 0), zone.total) / Math.max(zone.total, 1)) * (HEIGHT - 3);
  const steps = points.map((point) => `H${x(point.at).toFixed(1)}V${y(point.free).toFixed(1)}`);
  const line = `M0 ${y(points[0].free).toFixed(1)}${steps.join("")}H${WIDTH}`;
  set(curve.line, "d", line);
  set(curve.area, "d", `${line}V${HEIGHT}H0Z`);
  const numbers = points.map((point) => point.free);
  set(curve.picture, "aria-label", `Free today: between ${Math.min(...numbers)} and ${Math.max(...numbers)}, now ${zone.free} of ${zone.total}`);
  write(curve.from, minute(begin));
  curve.figure.hidden = false;
}
