// The last changes of spaces, and the last notices. They are no live regions: a busy car park would never be silent.

import { byId, element, keep } from "./element.js";
import { spaceKey } from "./car_park.js";
import { clock } from "./times.js";
import { noticeOf, stateOf } from "./words.js";

const SHOWN = 50;

/** Show the newest changes. */
export function showChanges(park, onOpen) {
  showSteps(byId("changes"), park.transitions.slice(0, SHOWN), { onOpen, none: "No change yet." });
}

/** Show the newest notices. */
export function showNotices(park, onOpen) {
  const shown = park.notices.slice(0, SHOWN);
  keep(byId("notices"), shown.length ? shown : [null], (notice) => `${notice?.id} ${notice?.over_at}`, (notice) => (notice ? noticeOfList(notice, onOpen) : nothing("No notice yet.")));
}

/** Show steps of spaces in a list. Without `onOpen` they have no links to their spaces. */
export function showSteps(list, steps, { onOpen, none }) {
  keep(list, steps.length ? steps : [null], (step) => `${step?.id} ${step?.withdrawn}`, (step) => (step ? stepOfList(step, onOpen) : nothing(none)));
}

const nothing = (sentence) => element("li", { "data-kind": "none" }, sentence);

function stepOfList(step, onOpen) {
  const corrected = step.withdrawn ? "withdrawn" : step.corrects ? "corrected" : null;
  return element("li", { "data-state": step.to, "data-withdrawn": step.withdrawn },
    element("time", { datetime: step.at }, clock(step.at)),
    onOpen && placeOf(step, onOpen),
    element("span", { class: "step" }, chip(step.from, stateOf(step.from).letter), element("i", { "aria-label": "to", role: "img" }, "→"), chip(step.to, stateOf(step.to).word)),
    element("small", { title: step.cause }, [corrected, causeOf(step.cause)].filter(Boolean).join(", ")));
}

const chip = (state, text) => element("span", { class: "chip", "data-state": state, title: stateOf(state).word }, text);

/** A person or a reservation; an uplink needs no mention. */
const causeOf = (cause) => (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(cause ?? "") ? "" : cause);

function placeOf(message, onOpen) {
  if (!message.space) return element("span", {}, [message.site, message.zone].filter(Boolean).join("/"));
  return element("button", { type: "button", class: "link", on: { click: () => onOpen(spaceKey(message)) } }, spaceKey(message));
}

function noticeOfList(notice, onOpen) {
  return element("li", { "data-kind": notice.kind },
    element("time", { datetime: notice.at }, clock(notice.at)),
    placeOf(notice.space ? notice : { site: notice.site ?? notice.details?.site, zone: notice.zone ?? notice.details?.zone }, onOpen),
    element("span", {}, noticeOf(notice)),
    notice.over_at && element("small", {}, `over ${clock(notice.over_at)}`),
    notice.dev_eui && !notice.space && element("small", {}, notice.dev_eui));
}
