// Find a space, a zone or a device by a part of its name. `/` leads here.

import { found, zoneKey } from "./car_park.js";
import { byId, element, set } from "./element.js";
import { problemOf, stateOf } from "./words.js";

const SHOWN = 12;

/** Let people find. `park()` is the present car park; `onSpace(key)` and `onZone(key)` open what they chose. */
export function startSearch({ park, onSpace, onZone }) {
  const field = byId("search");
  const list = byId("found");
  let results = [];
  let active = -1;

  function show() {
    results = found(park(), field.value, SHOWN);
    active = results.length ? 0 : -1;
    list.replaceChildren(...results.map(optionOf), ...(field.value && !results.length ? [element("li", { role: "option", "aria-disabled": "true", "aria-selected": "false" }, "Nothing has this name.")] : []));
    list.hidden = !field.value;
    set(field, "aria-expanded", String(!list.hidden));
    mark();
  }

  function mark() {
    for (const [n, option] of [...list.children].entries()) set(option, "aria-selected", String(n === active));
    set(field, "aria-activedescendant", active < 0 ? null : `found-${active}`);
    if (active >= 0) list.children[active].scrollIntoView({ block: "nearest" });
  }

  function close() {
    list.hidden = true;
    set(field, "aria-expanded", "false");
    set(field, "aria-activedescendant", null);
  }

  function open(result) {
    close();
    field.value = "";
    if (result.kind === "zone") onZone(result.key);
    else if (result.kind === "space") onSpace(result.key);
    else if (result.device.space) onSpace(`${result.device.site}/${result.device.zone}/${result.device.space}`);
    else if (result.device.zone) onZone(zoneKey(result.device));
    else byId("now").focus();
  }

  function optionOf(result, n) {
    return element("li", { role: "option", id: `found-${n}`, on: { mousedown: (event) => { event.preventDefault(); open(result); } } }, ...wordsOf(result));
  }

  field.addEventListener("input", show);
  field.addEventListener("blur", close);
  field.addEventListener("focus", () => field.value && show());
  field.addEventListener("keydown", (event) => {
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (event.key in steps && results.length) {
      event.preventDefault();
      active = (active + steps[event.key] + results.length) % results.length;
      mark();
    } else if (event.key === "Enter" && active >= 0 && !list.hidden) {
      event.preventDefault();
      open(results[active]);
    } else if (event.key === "Escape") {
      field.value = "";
      close();
      field.blur();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.closest("input, textarea, select, dialog[open]") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
}

function wordsOf(result) {
  if (result.kind === "zone") return [element("b", {}, result.key), element("small", {}, "zone")];
  if (result.kind === "device") return [element("b", {}, result.device.name || result.device.dev_eui), element("small", {}, `${result.device.dev_eui} · ${problemOf(result.device.problems[0])[0]}`)];
  const { space } = result;
  return [element("span", { class: "chip", "data-state": space.state }, stateOf(space.state).letter), element("b", {}, space.space), element("small", {}, zoneKey(space))];
}
