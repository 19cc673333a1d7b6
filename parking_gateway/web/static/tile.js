// One space as a tile: a colour, a letter, its name and a mark. The same tile stands in a grid and on a plan.

import { element, set, write } from "./element.js";
import { markOf, sentenceOf, stateOf } from "./words.js";

/** Letters of a name that make the tiles of a zone wider. */
export const LONGEST = 16;

/** A tile; it is out of the tab order until its zone puts it there. */
export function tileOf(key, space) {
  const tile = element("button", { type: "button", class: "tile", tabindex: "-1", "data-key": key }, element("b"), element("span"));
  dress(tile, space);
  return tile;
}

/** Show the space as it is now. */
export function dress(tile, space) {
  const isChange = tile.dataset.state && tile.dataset.state !== space.state;
  set(tile, "data-state", space.state);
  set(tile, "data-contact", space.contact);
  set(tile, "data-audience", space.audience);
  set(tile, "data-mark", markOf(space));
  set(tile, "data-long", space.space.length > LONGEST);
  set(tile, "aria-label", sentenceOf(space));
  write(tile.firstChild, stateOf(space.state).letter);
  write(tile.lastChild, space.space);
  if (isChange) flash(tile);
}

/** A short ring around what has just changed; none where people asked for less motion. */
function flash(tile) {
  tile.classList.remove("changed");
  void tile.offsetWidth; // else the animation does not begin again
  tile.classList.add("changed");
}
