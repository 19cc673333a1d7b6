// The list of sites and zones with their free counts: a rail beside the zones, and a row above them on a phone.

import { inOrder } from "./car_park.js";
import { element, set, write } from "./element.js";

/** Lay the list out. Returns `update(key)` for a zone. */
export function listPlaces(container, park) {
  const counts = new Map();
  const lists = inOrder(park.sites.keys()).map((site) => {
    const items = inOrder(park.zones.keys()).filter((key) => park.zones.get(key).site === site).map(item);
    return element("div", {}, element("h2", {}, site), element("ul", {}, ...items));
  });

  function item(key) {
    const number = element("strong");
    const meter = element("i", { "aria-hidden": "true" });
    const link = element("a", { href: `#${encodeURI(key)}` }, element("span", {}, park.zones.get(key).zone), number, meter);
    counts.set(key, { number, meter, link });
    return element("li", {}, link);
  }

  function update(key) {
    const shown = counts.get(key);
    if (!shown) return;
    const zone = park.zones.get(key);
    write(shown.number, zone.free);
    set(shown.link, "aria-label", `${zone.zone}: ${zone.free} free of ${zone.total}`);
    set(shown.link, "data-full", zone.free === 0 && zone.total > 0);
    shown.meter.style.setProperty("--part", zone.total ? zone.free / zone.total : 0);
  }

  container.replaceChildren(...lists);
  for (const key of counts.keys()) update(key);
  return { update };
}
