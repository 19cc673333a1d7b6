// Everything about one space, beside the board: its facts, its last changes, and what an operator can do.

import { byId, element, set, write } from "./element.js";
import { actionsOf } from "./actions.js";
import { zoneKey } from "./car_park.js";
import { showSteps } from "./log.js";
import { clock, sinceOf } from "./times.js";
import { audienceOf, contactOf, isLow, problemOf, stateOf } from "./words.js";

let shown = null;

/** The key of the space that is shown, or null. */
export const shownSpace = () => shown?.key ?? null;

/** Show a space. `onClose(key)` comes when a person closes it. */
export function openDetails(park, key, onClose) {
  const panel = byId("details");
  const space = park.spaces.get(key);
  const close = element("button", { type: "button", class: "close", "aria-label": "Close the details", on: { click: () => closeDetails() } }, "×");
  const title = element("h2", { id: "details-title", tabindex: "-1" }, space.space, element("small", {}, ` ${zoneKey(space)}`));
  const facts = element("dl", { class: "facts" });
  const actions = element("div", { class: "actions" });
  const answer = element("p", { id: "answer", class: "answer", role: "status" });
  const steps = element("ol", { class: "log" });
  panel.replaceChildren(element("header", {}, title, close), facts, actions, answer, element("h3", {}, "Its last changes"), steps);
  panel.hidden = false;
  shown = { key, facts, actions, steps, onClose, offered: null };
  updateDetails(park);
  title.focus();
}

/** Close the panel, if it is open. */
export function closeDetails() {
  if (!shown) return;
  const { key, onClose } = shown;
  shown = null;
  byId("details").hidden = true;
  onClose(key);
}

/** Show what has changed. What a person is typing stays. */
export function updateDetails(park) {
  if (!shown) return;
  const space = park.spaces.get(shown.key);
  if (!space) {
    closeDetails();
    return;
  }
  set(byId("details"), "data-state", space.state);
  showFacts(shown.facts, factsOf(space, park));
  const steps = park.transitions.filter((step) => step.space === space.space && step.zone === space.zone && step.site === space.site);
  showSteps(shown.steps, steps, { onOpen: null, none: "None since this page was opened." });
  const { offered, nodes } = actionsOf(space);
  if (offered === shown.offered || shown.actions.matches(":focus-within") && shown.actions.querySelector("form:focus-within")) return;
  shown.offered = offered;
  shown.actions.replaceChildren(...nodes());
}

/** Only what differs is replaced, so that people can select and copy, and a screen reader keeps its place. */
function showFacts(list, facts) {
  const names = [...list.querySelectorAll("dt")].map((term) => term.textContent);
  if (names.join() !== facts.map(([name]) => name).join()) {
    list.replaceChildren(...facts.flatMap(([name]) => [element("dt", {}, name), element("dd")]));
  }
  for (const [n, value] of [...list.querySelectorAll("dd")].entries()) {
    const [, content, kind] = facts[n];
    set(value, "data-kind", kind);
    if (typeof content === "string") write(value, content);
    else if (value.textContent !== content.textContent) value.replaceChildren(content);
  }
}

function factsOf(space, park) {
  const { letter, word } = stateOf(space.state);
  const device = [...park.devices.values()].find((one) => one.space === space.space && one.zone === space.zone && one.site === space.site);
  const state = element("span", { class: "chip large", "data-state": space.state }, `${letter} ${word}`);
  return [
    ["State", state],
    ["Since", sinceOf(space.since)],
    space.previous && ["Before", stateOf(space.previous).word],
    space.overstay && ["Parked car", "stays longer than it may", "trouble"],
    ["Sensor sees", { vacant: "no car", occupied: "a car", unknown: "nothing yet" }[space.occupancy] ?? space.occupancy],
    ["Contact", contactOf(space.contact), space.contact === "live" ? null : "trouble"],
    ["Battery", typeof space.battery_percent === "number" ? battery(space.battery_percent) : "not reported", isLow(space) ? "trouble" : null],
    device && ["Problems", device.problems.map((problem) => problemOf(problem)[0]).join(", "), "trouble"],
    device?.observe && ["Observed", `changes nothing here ${device.observe === true ? "until a person ends it" : `for ${device.observe} more`}`],
    device && ["Device", `${device.name} · ${device.dev_eui}`],
    ["Reservation", reservationOf(space)],
    space.audience && ["For", audienceOf(space.audience)],
    space.state === "MAINTENANCE" && ["Reason", space.maintenance_reason ?? "none given"],
    space.maintenance_until && ["Back in service", clock(space.maintenance_until)],
    ["Cause", element("code", {}, space.cause ?? "none")],
    ["Updated", sinceOf(space.updated)],
  ].filter(Boolean);
}

function battery(percent) {
  const meter = element("meter", { min: 0, max: 100, low: 20, high: 40, optimum: 100, value: percent, "aria-hidden": "true" });
  const both = document.createDocumentFragment();
  both.append(meter, ` ${percent} %`);
  return both;
}

function reservationOf(space) {
  const id = space.reservation?.id ?? space.reservation;
  if (!id) return "none";
  const until = space.reserved_until ? `until ${clock(space.reserved_until)}` : "";
  return [`no. ${id}`, until, space.pending ? "waits for the parked car to leave" : "", space.reservation?.holder ?? ""].filter(Boolean).join(", ");
}
