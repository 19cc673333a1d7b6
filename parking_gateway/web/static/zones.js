// The sites and their zones: numbers, a bar of shares, the day's curve, and the spaces.

import { zoneActionsOf } from "./actions.js";
import { curveOf, extend } from "./curve.js";
import { element, set, write } from "./element.js";
import { operator } from "./operator.js";
import { layoutOf } from "./plan.js";
import { inOrder } from "./car_park.js";
import { spacesOf } from "./spaces.js";
import { audienceOf } from "./words.js";

const SHARES = ["free", "reserved", "occupied", "maintenance"];

/** All sites as elements. Returns functions for the page: `site`, `zone`, `space` update one; `operator` comes after a login or logout;
 * `show(key)` returns a tile. */
export function layOut(container, park, { onOpen, grids }) {
  const sites = new Map();
  const zones = new Map();
  for (const name of inOrder(park.sites.keys())) {
    const number = element("p", { class: "free" });
    const body = element("div", { class: "zones" });
    const title = `site:${name}`;
    sites.set(name, { number, node: element("section", { class: "site", "aria-labelledby": title }, element("header", {}, element("h2", { id: title }, name), number), body) });
    for (const key of inOrder(park.zones.keys())) {
      if (park.zones.get(key).site !== name) continue;
      const zone = zoneOf(key, park, { onOpen, grids });
      zones.set(key, zone);
      body.append(zone.node);
    }
  }
  container.replaceChildren(...[...sites.values()].map((site) => site.node));
  const view = {
    site(name) {
      const counts = park.sites.get(name);
      if (sites.has(name)) sites.get(name).number.replaceChildren(element("strong", {}, counts.free), ` free of ${counts.total}`);
    },
    zone: (key) => zones.get(key)?.update(),
    operator: () => zones.forEach((zone) => zone.act()),
    space: (key, zone) => zones.get(zone)?.spaces?.update(key),
    show: (key, zone) => zones.get(zone)?.spaces?.show(key),
    node: (key) => zones.get(key)?.node,
    close: () => zones.forEach((zone) => zone.spaces?.close()),
  };
  for (const name of sites.keys()) view.site(name);
  return view;
}

function zoneOf(key, park, { onOpen, grids }) {
  const zone = park.zones.get(key);
  const title = `zone:${key}`;
  const free = element("strong");
  const total = element("span");
  const more = element("p", { class: "more" });
  const bar = element("div", { class: "shares", "aria-hidden": "true" }, ...SHARES.map((share) => element("i", { "data-share": share })));
  const links = element("p", { class: "links" });
  const node = element("article", { class: "zone", id: key, tabindex: "-1", "aria-labelledby": title });
  const curve = curveOf(zone, node);
  const names = element("div", {}, element("h3", { id: title }, zone.zone), element("p", { class: "free" }, free, total));
  const actions = element("div");
  node.append(element("header", {}, names, curve.figure, links), bar, more, actions);
  const one = { node, spaces: null, update, act };

  const members = () => new Map(park.members.get(key).map((member) => [member, park.spaces.get(member)]));
  const layout = layoutOf(zone, members());
  if (layout) links.append(planSwitch());
  links.append(element("a", { href: `/sign/${encodeURIComponent(zone.site)}/${encodeURIComponent(zone.zone)}`, "aria-label": `Sign of ${zone.zone}` }, "Sign"));
  act();
  draw();
  update();
  return one;

  /** A form that is open stays, unless somebody else is logged in. */
  function act() {
    const name = operator().operator ?? "";
    if (actions.dataset.operator === name) return;
    actions.dataset.operator = name;
    actions.replaceChildren(...[zoneActionsOf(zone)].filter(Boolean));
  }

  function planSwitch() {
    const button = element("button", { type: "button", class: "quiet", "aria-pressed": String(!grids.has(key)), on: { click: press } }, "Plan");
    function press() {
      if (!grids.delete(key)) grids.add(key);
      set(button, "aria-pressed", String(!grids.has(key)));
      draw();
    }
    return button;
  }

  function draw() {
    one.spaces?.close();
    one.spaces?.node.remove();
    if (!park.members.get(key).length) return;
    one.spaces = spacesOf({ park, zone: key, layout: grids.has(key) ? null : layout, onOpen });
    node.append(one.spaces.node);
  }

  function update() {
    const counts = park.zones.get(key);
    write(free, counts.free);
    write(total, ` free of ${counts.total}`);
    set(node, "data-full", counts.free === 0 && counts.total > 0);
    for (const share of bar.children) share.style.setProperty("--share", counts[share.dataset.share]);
    write(more, moreOf(counts));
    more.hidden = !more.textContent;
    extend(curve, counts);
  }
}

function moreOf(counts) {
  const parts = Object.entries(counts.audiences ?? {}).map(([audience, { free, total }]) => `${free} of ${total} for ${audienceOf(audience)}`);
  if (counts.source === "counter") parts.push("counted at its gates");
  if (counts.drift) parts.push(`drift ${counts.drift}`);
  if (counts.unreachable) parts.push(`${counts.unreachable} ${counts.unreachable === 1 ? "sensor" : "sensors"} not heard`);
  return parts.join(" · ");
}
