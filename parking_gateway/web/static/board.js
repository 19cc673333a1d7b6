// The board: keeps the page equal to the car park. Changes collect, and are drawn together before the next frame.

import { showAttention } from "./attention.js";
import { apply, counted, empty, filled, spaceKey, zoneKey } from "./car_park.js";
import { closeDetails, openDetails, shownSpace, updateDetails } from "./details.js";
import { byId, element, set, write } from "./element.js";
import { follow } from "./feed.js";
import { showChanges, showNotices } from "./log.js";
import { askWho, startOperator } from "./operator.js";
import { listPlaces } from "./places.js";
import { startSearch } from "./search.js";
import { clock, now } from "./times.js";
import { STATES } from "./words.js";
import { layOut } from "./zones.js";

const TICK_MS = 10_000;

let park = empty();
let zones = null;
let places = null;
let connection = { isLive: false, since: null };
const grids = new Set();
let dirty = new Map();
let scheduled = false;

/** Draw before the next frame what this kind of message changes: one place by its key, or the whole kind. */
function need(kind, key = "") {
  if (!dirty.has(kind)) dirty.set(kind, new Set());
  dirty.get(kind).add(key);
  if (scheduled) return;
  scheduled = true;
  // A hidden page has no frames; its title shows the free places all the same.
  if (document.hidden) setTimeout(draw, 1_000);
  else requestAnimationFrame(draw);
}

const DRAWINGS = {
  all: () => layOutAgain(),
  space: (key) => park.spaces.has(key) && zones.space(key, zoneKey(park.spaces.get(key))),
  zone(key) {
    zones.zone(key);
    places.update(key);
  },
  site: (key) => zones.site(key),
  transition: () => showChanges(park, openSpace),
  notice: () => showNotices(park, openSpace),
  attention: () => showAttention(park, { isLive: connection.isLive, onOpen: openSpace }),
};

function draw() {
  const drawn = dirty;
  dirty = new Map();
  scheduled = false;
  for (const [kind, drawing] of Object.entries(DRAWINGS)) drawn.get(kind)?.forEach(drawing);
  showSummary();
  updateDetails(park);
}

function layOutAgain() {
  const focused = document.activeElement?.dataset?.key;
  zones?.close();
  zones = layOut(byId("zones"), park, { onOpen: openSpace, grids });
  places = listPlaces(byId("places"), park);
  byId("summary").hidden = park.sites.size === 0;
  if (park.sites.size === 0) byId("zones").replaceChildren(nothing());
  if (focused && park.spaces.has(focused)) tileAt(focused)?.focus({ preventScroll: true });
}

const nothing = () => element("p", { class: "nothing" }, "There is no space yet. Register some: ", element("code", {}, "parking-gateway spaces import spaces.csv"));

function showSummary() {
  const counts = counted(park);
  const [free, total] = [...park.sites.values()].reduce(([one, other], site) => [one + site.free, other + site.total], [0, 0]);
  write(byId("all-free"), free);
  write(byId("all-total"), ` free of ${total}`);
  document.title = park.sites.size ? `${free} free · Car park` : "Car park";
  for (const button of byId("legend").children) write(button.lastChild, counts[button.dataset.only]);
}

function startLegend() {
  const words = [...Object.entries(STATES).map(([state, { letter, word }]) => [state, letter, word]), ["unheard", "?", "not heard"]];
  byId("legend").append(...words.map(([only, letter, word]) =>
    element("button", { type: "button", "data-only": only, "aria-pressed": "false", on: { click: () => showOnly(only) } },
      element("i", { class: "chip", "data-state": only, "aria-hidden": "true" }, letter), element("span", {}, word), element("strong", {}, "0"))));
}

function showOnly(only) {
  const chosen = byId("zones").dataset.only === only ? null : only;
  set(byId("zones"), "data-only", chosen);
  for (const button of byId("legend").children) set(button, "aria-pressed", String(button.dataset.only === chosen));
}

function tileAt(key) {
  const space = park.spaces.get(key);
  return space && zones.show(key, zoneKey(space));
}

/** Show a space: its tile on the screen, its details beside it, its name in the address. */
function openSpace(key) {
  const tile = tileAt(key);
  if (!tile) return;
  byId("zones").querySelector(".tile[aria-current]")?.removeAttribute("aria-current");
  set(tile, "aria-current", "true");
  tile.scrollIntoView({ block: "nearest", inline: "nearest" });
  history.replaceState(null, "", `#${encodeURI(key)}`);
  openDetails(park, key, (closed) => {
    history.replaceState(null, "", location.pathname);
    const last = tileAt(closed);
    last?.removeAttribute("aria-current");
    last?.focus({ preventScroll: true });
  });
}

function openZone(key) {
  const node = zones.node(key);
  node?.scrollIntoView({ block: "start" });
  node?.focus({ preventScroll: true });
}

/** What the address names: a space or a zone. */
function openAddress() {
  const key = decodeURI(location.hash.slice(1));
  if (park.spaces.has(key)) openSpace(key);
  else if (park.zones.has(key)) openZone(key);
}

function showConnection(isLive, reason = "") {
  const since = isLive !== connection.isLive || connection.since === null ? now() : connection.since;
  connection = { isLive, since, reason };
  const line = byId("connection");
  set(line, "data-connection", isLive ? "live" : "lost");
  write(line, isLive ? "Live" : "Disconnected");
  const banner = byId("disconnected");
  banner.hidden = isLive;
  if (!isLive) write(banner, `Disconnected since ${clock(connection.since)}. ${reason || "The board shows the car park as it was then, and tries again."}`);
  document.body.classList.toggle("stale", !isLive);
  need("attention");
}

function changeOf(kind, message) {
  if (kind === "space") return [kind, spaceKey(message)];
  if (kind === "zone") return [kind, zoneKey(message)];
  if (kind === "site") return [kind, message.site];
  return [kind in DRAWINGS ? kind : "attention"];
}

startLegend();
startOperator(() => {
  updateDetails(park);
  zones?.operator();
});
startSearch({ park: () => park, onSpace: openSpace, onZone: openZone });
follow({
  onPicture(picture) {
    const isFirst = zones === null;
    park = filled(picture);
    if (shownSpace() !== null && !park.spaces.has(shownSpace())) closeDetails();
    for (const kind of ["all", "transition", "notice", "attention"]) need(kind);
    if (isFirst) requestAnimationFrame(openAddress);
  },
  onEvent(kind, message) {
    if (apply(park, kind, message)) need("all");
    else need(...changeOf(kind, message));
  },
  onConnection(isLive, reason) {
    if (isLive && !connection.isLive && connection.since !== null) askWho();
    showConnection(isLive, reason);
  },
});
window.addEventListener("hashchange", openAddress);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && !document.querySelector("dialog[open]") && event.target !== byId("search")) closeDetails();
});
setInterval(() => {
  need("attention"); // ages grow
  if (!connection.isLive && connection.since !== null) showConnection(false, connection.reason);
}, TICK_MS);
