// The sign of one zone: how many places are free. It says when its number may be old, because a wrong sign is worse than none.

import { apply, empty, filled, zoneKey } from "./car_park.js";
import { byId, element, set, write } from "./element.js";
import { follow } from "./feed.js";
import { minute, now } from "./times.js";
import { audienceOf } from "./words.js";

/** Few places: at most this share of all. */
const FEW = 0.05;
/** So long after the connection was lost, the number is not shown any more. */
const UNKNOWN_AFTER_MS = 120_000;

const [site, zone] = location.pathname.split("/").slice(2).map(decodeURIComponent);
const key = zoneKey({ site, zone });
let park = empty();
let lostAt = now();
let isLive = false;

function draw() {
  const counts = park.zones.get(key);
  const isOld = !isLive && now() - lostAt > UNKNOWN_AFTER_MS;
  byId("place").replaceChildren(zone, element("small", {}, site));
  document.title = counts ? `${counts.free} free · ${zone}` : zone;
  set(byId("sign"), "data-sign", signOf(counts, isOld));
  write(byId("number"), counts && !isOld ? (counts.free > 0 ? counts.free : "FULL") : "–");
  write(byId("word"), counts && !isOld && counts.free > 0 ? "FREE" : "\u00a0");
  byId("audiences").replaceChildren(...(isOld ? [] : Object.entries(counts?.audiences ?? {}).map(([audience, { free }]) => element("li", {}, element("strong", {}, free), ` for ${audienceOf(audience)}`))));
  const note = byId("note");
  note.hidden = isLive && counts !== undefined;
  write(note, isLive ? "There is no such zone." : `No connection since ${minute(lostAt)}`);
}

function signOf(counts, isOld) {
  if (!counts) return isLive ? "unknown" : "waiting";
  if (isOld) return "unknown";
  if (counts.free <= 0) return "full";
  return counts.free <= counts.total * FEW ? "few" : "free";
}

follow({
  onPicture(picture) {
    park = filled(picture);
    draw();
  },
  onEvent(kind, message) {
    apply(park, kind, message);
    if (kind === "zone" || kind === "removed") draw();
  },
  onConnection(live) {
    if (isLive && !live) lostAt = now();
    isLive = live;
    draw();
  },
});
setInterval(draw, 10_000);
