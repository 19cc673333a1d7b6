// What an operator can do with a space or a zone. Each form is a request of docs/reference/requests.md; its reply is shown below all of them.

import { byId, element } from "./element.js";
import { operator, request, showLogin } from "./operator.js";
import { clock, inputTime, now } from "./times.js";

/** `offered` changes when other actions are possible; `nodes()` makes their elements. */
export function actionsOf(space) {
  const { operator: name, can_log_in: canLogIn } = operator();
  const place = { site: space.site, zone: space.zone, space: space.space };
  if (!name) {
    return { offered: `nobody ${canLogIn}`, nodes: () => (canLogIn ? [element("button", { type: "button", class: "quiet", on: { click: showLogin } }, "Log in to reserve or close this space")] : []) };
  }
  const isClosed = space.state === "MAINTENANCE";
  const hasReservation = Boolean(space.reservation);
  const nodes = () => [
    space.overstay && button("Acknowledge the long stay", "space/acknowledge", place, () => "Acknowledged."),
    hasReservation && button("Release the reservation", "space/release", place, () => "Released."),
    isClosed && button("Back in service", "space/maintenance", { ...place, on: false }, () => "Back in service."),
    reserving(place),
    folded(isClosed ? "Change the maintenance" : "Put into maintenance", "space/maintenance", ...closing(place), () => "In maintenance."),
  ].filter(Boolean);
  return { offered: [name, space.overstay, hasReservation, isClosed].join(" "), nodes };
}

/** The maintenance of all spaces of a zone. Null: nobody is logged in. */
export function zoneActionsOf({ site, zone }) {
  if (!operator().operator) return null;
  const answer = element("p", { class: "answer", role: "status" });
  const wordsOf = ({ changed, spaces }) => `${changed} of ${spaces} spaces changed.`;
  const fields = folded(`Maintenance of ${zone}`, "zone/maintenance", ...closing({ site, zone }), wordsOf, { title: "Put all into maintenance", answer });
  fields.append(element("p", { class: "buttons" }, button("All back in service", "zone/maintenance", { site, zone, on: false }, wordsOf, { answer })), answer);
  return element("div", { class: "actions" }, fields);
}

function reserving(place) {
  return folded("Reserve", "reservation/create", [
    field("From", "start", { type: "datetime-local", required: true, value: inputTime(0) }),
    field("Until", "end", { type: "datetime-local", required: true, value: inputTime(60) }),
    field("For whom", "holder", { maxlength: 500, autocomplete: "off" }),
    field("Note", "note", { maxlength: 500, autocomplete: "off" }),
  ], ({ start, end, holder, note }) => ({
    ...place, start: exact(start), end: exact(end), holder: holder || null, note: note || null, request_id: randomId(),
  }), (data) => `Reserved${data?.reservation ?? data?.id ? `: no. ${data.reservation ?? data.id}` : ""}.`);
}

/** The fields of a maintenance, and the parameters of their values. */
function closing(place) {
  return [[
    field("Reason", "reason", { maxlength: 500, autocomplete: "off", placeholder: "wet paint" }),
    field("Until (optional)", "until", { type: "datetime-local" }),
  ], ({ reason, until }) => ({ ...place, on: true, reason: reason || null, until: until ? exact(until) : null })];
}

/** A form below its summary. The button has another title where one is given. */
function folded(summary, verb, fields, parametersOf, wordsOf, { title = summary, answer } = {}) {
  const form = element("form", {}, ...fields, element("p", { class: "buttons" }, element("button", { class: "main" }, title)));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(form.querySelector("button"), verb, parametersOf(Object.fromEntries(new FormData(form))), wordsOf, answer);
  });
  return element("details", {}, element("summary", {}, summary), form);
}

function button(title, verb, parameters, wordsOf, { answer } = {}) {
  const press = ({ currentTarget }) => ask(currentTarget, verb, parameters, wordsOf, answer);
  return element("button", { type: "button", class: "main", on: { click: press } }, title);
}

/** Ask, and show the reply in `answer`, else in that of the details of a space.
 *
 * Not `disabled` meanwhile, because a disabled button loses the focus. In the details the actions are others then, so the focus goes
 * to the title.
 */
async function ask(pressed, verb, parameters, wordsOf, answer = null) {
  if (pressed.ariaDisabled) return;
  pressed.ariaDisabled = "true";
  const { status, data, error } = await request(verb, parameters);
  pressed.ariaDisabled = null;
  const line = answer ?? byId("answer");
  line.dataset.status = status;
  line.textContent = status === "ok" ? `${clock(now())} ${wordsOf(data)}` : error?.message ?? "The gateway refused it.";
  if (!answer && status === "ok" && pressed === document.activeElement) byId("details-title").focus();
}

const field = (title, name, attributes) => element("label", {}, title, element("input", { name, ...attributes }));

/** The time of an input, which is this device's local time, with its offset. */
const exact = (local) => new Date(local).toISOString();

/** Not `crypto.randomUUID`, which is absent where the page came over plain HTTP from another machine. */
function randomId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
