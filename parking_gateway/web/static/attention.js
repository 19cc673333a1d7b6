// What is wrong right now, and which sensors need a person.

import { byId, element, keep, set, write } from "./element.js";
import { clock } from "./times.js";
import { problemOf, troublesOf } from "./words.js";

const SHOWN = 100;

/** Show both lists. `isLive` says whether the gateway answers this page. */
export function showAttention(park, { isLive, onOpen }) {
  const gateways = [...park.gateways.values()];
  // The page gets the times of other gateways from the database. Without it they grow old, although these gateways are there.
  const isCurrent = isLive && gateways.every(({ health }) => health?.database !== "down");
  const troubles = gateways.filter(({ health }) => health !== null || isCurrent).flatMap(troublesOf);
  if (!isLive) troubles.unshift({ text: "This page has no connection to the gateway", detail: "It tries again by itself." });
  keep(byId("troubles"), troubles.length ? troubles : [{ well: wellOf(park) }], (trouble) => trouble.well ?? trouble.text, troubleOfList);
  const devices = [...park.devices.values()].sort((one, other) => rank(one) - rank(other) || one.name.localeCompare(other.name));
  const items = devices.slice(0, SHOWN).map((device) => ({ device }));
  if (devices.length > SHOWN) items.push({ more: `and ${devices.length - SHOWN} more` });
  if (!devices.length) items.push({ well: "None. Every sensor is well." });
  keep(byId("sensors"), items, ({ device, more, well }) => (device ? [device.dev_eui, device.space, device.problems, factOf(device)].join() : more ?? well),
    ({ device, more, well }) => (device ? deviceOfList(device, onOpen) : element("li", { "data-kind": well && "good" }, more ?? well)));
  const link = byId("attention");
  const parts = [];
  if (troubles.length) parts.push(troubles.length === 1 ? "1 thing is wrong" : `${troubles.length} things are wrong`);
  if (devices.length) parts.push(devices.length === 1 ? "1 sensor needs a person" : `${devices.length} sensors need a person`);
  write(link, parts.join(" · "));
  set(link, "data-kind", troubles.length ? "trouble" : null);
  link.hidden = !parts.length;
}

const ORDER = ["silent", "unassigned", "no_codec", "undecodable", "fault", "tamper", "clock", "stuck", "battery_low", "uplinks_lost"];
const rank = (device) => ORDER.indexOf(device.problems[0]);

function wellOf(park) {
  const health = [...park.gateways.values()].map((gateway) => gateway.health).find(Boolean);
  if (!health) return "Nothing is wrong.";
  const rate = health.uplinks_per_second;
  return `Gateway, broker and database work. ${rate < 10 ? rate.toFixed(1) : Math.round(rate)} uplinks a second.`;
}

function troubleOfList({ well, text, detail }) {
  if (well) return element("li", { "data-kind": "good" }, well);
  return element("li", { "data-kind": "trouble" }, element("strong", {}, text), detail && element("span", {}, detail));
}

function deviceOfList(device, onOpen) {
  const where = device.space ? `${device.site}/${device.zone}/${device.space}` : device.zone ? `${device.site}/${device.zone}` : null;
  const words = device.problems.map((problem) => problemOf(problem)[0]).join(", ");
  const facts = [device.name === device.dev_eui ? null : device.name, device.dev_eui, factOf(device)].filter(Boolean).join(" · ");
  const title = device.space
    ? element("button", { type: "button", class: "link", on: { click: () => onOpen(where) } }, where)
    : element("b", {}, where ?? (device.name || device.dev_eui));
  return element("li", { "data-kind": "sensor", "data-problem": device.problems[0] },
    element("strong", {}, title, ` ${words}`), element("span", {}, facts), element("span", { class: "todo" }, problemOf(device.problems[0])[1]));
}

function factOf(device) {
  switch (device.problems[0]) {
    case "silent":
      return device.last_heard ? `last heard ${clock(device.last_heard)}` : "never heard";
    case "battery_low":
      return device.battery_percent !== null ? `${device.battery_percent} %` : device.battery_volts !== null ? `${device.battery_volts} V` : null;
    case "fault":
      return device.fault;
    case "uplinks_lost":
      return `${device.uplinks_lost} lost`;
    default:
      return null;
  }
}
