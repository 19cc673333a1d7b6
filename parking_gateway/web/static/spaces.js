// The spaces of one zone: tiles in blocks that fill when they come near the screen, or on a plan. One of them is in the tab order.

import { element } from "./element.js";
import { neighbour, planOf } from "./plan.js";
import { LONGEST, dress, tileOf } from "./tile.js";

const BLOCK = 120;

/**
 * The spaces of a zone as an element with keys for people and functions for the page:
 * `update(key)`, `show(key)`, which returns its tile, and `node`.
 */
export function spacesOf({ park, zone, layout, onOpen }) {
  const keys = park.members.get(zone);
  const index = new Map(keys.map((key, n) => [key, n]));
  const tiles = new Map();
  const node = element("div", { class: "spaces" });
  let current = null;

  const tile = (key) => {
    if (!tiles.has(key)) tiles.set(key, tileOf(key, park.spaces.get(key)));
    return tiles.get(key);
  };

  const blocks = [];
  if (layout) {
    for (const key of layout.at.keys()) tile(key);
    node.append(planOf(layout, tiles, `Plan of ${zone}`));
  }
  const listed = layout ? keys.filter((key) => !layout.at.has(key)) : keys;
  for (let first = 0; first < listed.length; first += BLOCK) blocks.push(block(listed.slice(first, first + BLOCK)));
  node.append(...blocks.map((one) => one.list));
  const blockOf = new Map(blocks.flatMap((one) => one.keys.map((key) => [key, one])));
  choose(layout ? layout.at.keys().next().value : keys[0]);

  function block(members) {
    const range = members.length < listed.length ? ` ${park.spaces.get(members[0]).space} to ${park.spaces.get(members.at(-1)).space}` : "";
    const list = element("ul", { class: "tiles", "aria-label": `Spaces${range} of ${zone}` });
    const longest = Math.max(...members.map((key) => park.spaces.get(key).space.length));
    list.style.setProperty("--longest", String(Math.min(longest, LONGEST)));
    list.style.setProperty("--count", String(members.length));
    const one = { keys: members, list, isFilled: false };
    waiting.set(list, () => fill(one));
    nearby.observe(list);
    return one;
  }

  function fill(one) {
    if (one.isFilled) return;
    one.isFilled = true;
    one.list.append(...one.keys.map((key) => element("li", {}, tile(key))));
  }

  /** The one tile that Tab reaches. */
  function choose(key) {
    if (key === undefined) return;
    if (current !== null) tiles.get(current)?.setAttribute("tabindex", "-1");
    current = key;
    tile(key).setAttribute("tabindex", "0");
  }

  function show(key) {
    const one = blockOf.get(key);
    if (one) fill(one);
    choose(key);
    return tiles.get(key);
  }

  node.addEventListener("click", ({ target }) => {
    const key = target.closest(".tile")?.dataset.key;
    if (key === undefined) return;
    choose(key);
    onOpen(key);
  });
  node.addEventListener("keydown", (event) => {
    const key = event.target.closest?.(".tile")?.dataset.key;
    if (key === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    const next = nextOf(key, event.key);
    if (next === null) return;
    event.preventDefault();
    show(next).focus();
  });

  function nextOf(key, pressed) {
    if (pressed === "Home") return keys[0];
    if (pressed === "End") return keys.at(-1);
    if (!pressed.startsWith("Arrow")) return null;
    if (layout?.at.has(key)) return neighbour(layout, key, pressed);
    const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns(), ArrowUp: -columns() };
    return keys[Math.min(Math.max(index.get(key) + steps[pressed], 0), keys.length - 1)];
  }

  function columns() {
    const list = tiles.get(current).closest("ul");
    return getComputedStyle(list).gridTemplateColumns.split(" ").length;
  }

  return {
    node,
    show,
    update(key) {
      if (tiles.has(key)) dress(tiles.get(key), park.spaces.get(key));
    },
    close() {
      for (const one of blocks) nearby.unobserve(one.list);
    },
  };
}

const waiting = new WeakMap();
const nearby = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      waiting.get(target)();
      nearby.unobserve(target);
    }
  },
  { rootMargin: "100% 0px" },
);
