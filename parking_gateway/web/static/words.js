// The words of the contract as people read them.

import { clock, minute, now } from "./times.js";

/** State by its name: the letter on its tile, and its word. */
export const STATES = {
  FREE: { letter: "F", word: "free" },
  OCCUPIED: { letter: "O", word: "occupied" },
  RESERVED: { letter: "R", word: "reserved" },
  MAINTENANCE: { letter: "M", word: "in maintenance" },
};

export const stateOf = (name) => STATES[name] ?? { letter: "?", word: String(name).toLowerCase() };

const CONTACTS = { live: "heard", lost: "not heard any more", never: "never heard" };
export const contactOf = (contact) => CONTACTS[contact] ?? contact;

const AUDIENCES = {
  disabled: "disabled people", ev: "electric cars", family: "families", women: "women", carsharing: "shared cars", taxi: "taxis",
  delivery: "deliveries", resident: "residents", staff: "staff", motorcycle: "motorcycles", bus: "buses",
};
export const audienceOf = (audience) => AUDIENCES[audience] ?? audience;

/** Problem of a device by its name: what is wrong, and what a person does about it. */
const PROBLEMS = {
  silent: ["silent", "Look whether it is there, has power and reaches a LoRaWAN gateway."],
  unassigned: ["watches no space", "Assign it to a space, or remove it in ChirpStack."],
  no_codec: ["no codec", "Choose a codec for it in the register."],
  undecodable: ["not decodable", "Its codec or its options are wrong for this model."],
  fault: ["reports a fault", "Look at it, or replace it."],
  tamper: ["was moved or opened", "Put it back in its place."],
  clock: ["wrong clock", "Set the clock of the network server or of the LoRaWAN gateway."],
  stuck: ["does not change", "A car covers it, or it needs a new calibration."],
  battery_low: ["battery low", "Replace its battery."],
  uplinks_lost: ["loses uplinks", "Its radio link is weak: look at its antenna and the next LoRaWAN gateway."],
};
export const problemOf = (name) => PROBLEMS[name] ?? [String(name).replaceAll("_", " "), ""];

const NOTICES = {
  conflict: () => "A reservation began under a parked car",
  no_show: () => "Nobody came for a reservation",
  overstay: () => "A car stays longer than it may",
  maintenance_due: () => "The planned end of maintenance has come",
  silent: () => "A sensor fell silent",
  heard_again: () => "A silent sensor is heard again",
  battery_low: ({ percent }) => `The battery of a sensor is low${percent == null ? "" : `: ${percent} %`}`,
  tamper: () => "A sensor was moved or opened",
  fault: ({ fault }) => `A sensor reports a fault${fault ? `: ${fault}` : ""}`,
  stuck: () => "A sensor does not change",
  undecodable: () => "Frames of a sensor cannot be decoded",
  observed: () => "A sensor was observed long enough, and decides its space now",
  clock: () => "A clock is wrong",
  uplinks_lost: ({ uplinks }) => (uplinks === 1 ? "1 uplink was lost" : `${uplinks ?? "Some"} uplinks were lost`),
  downlink_failed: () => "A downlink failed",
  drift: ({ drift }) => `A counted zone has a drift of ${drift ?? "some"} cars`,
};
export const noticeOf = (notice) => NOTICES[notice.kind]?.(notice.details ?? {}) ?? notice.kind.replaceAll("_", " ");

/** Everything about a space in one sentence: the name of its tile for those who cannot see it. */
export function sentenceOf(space) {
  const parts = [`${space.space}, ${stateOf(space.state).word} since ${clock(space.since)}`];
  if (space.audience) parts.push(`for ${audienceOf(space.audience)}`);
  if (space.overstay) parts.push("stays too long");
  if (space.pending) parts.push("reserved next");
  if (space.contact !== "live") parts.push(`sensor ${contactOf(space.contact)}`);
  if (isLow(space)) parts.push("battery low");
  return parts.join(", ");
}

/** The mark in the corner of a tile: `!` stays too long, `?` its sensor is not heard, `…` reserved next, a battery that is low. */
export function markOf(space) {
  if (space.overstay) return "!";
  if (space.contact !== "live") return "?";
  if (space.pending) return "…";
  return isLow(space) ? "low" : null;
}

/** Whether the battery is as low as the gateway's default limit. */
export const isLow = (space) => typeof space.battery_percent === "number" && space.battery_percent <= 20;

/** So long after a gateway was last there, a person should look. */
const AWAY_AFTER_MS = 60_000;

/** What is wrong with a gateway: a sentence for each, and what it means. */
export function troublesOf({ instance, health, watched_at: watchedAt }) {
  if (health === null) {
    const isAway = watchedAt !== null && now() - Date.parse(watchedAt) > AWAY_AFTER_MS;
    return isAway ? [{ text: `Gateway ${instance} was last there at ${clock(watchedAt)}`, detail: "Start it again, or remove it from the table of gateways." }] : [];
  }
  const found = [];
  if (health.broker === "down") found.push({ text: `Gateway ${instance} has no broker`, detail: "Nothing arrives, and nothing is published." });
  if (health.database === "down") {
    const since = health.database_since ? ` since ${minute(health.database_since)}` : "";
    found.push({ text: `Gateway ${instance} has no database${since}`, detail: "The board shows the car park as it was then. Events go into the journal." });
  }
  const waiting = health.journal.rows;
  if (waiting > 0) found.push({ text: `${waiting} ${waiting === 1 ? "event waits" : "events wait"} in the journal`, detail: "They are recorded when the database is back." });
  const sentences = new Set([...health.problems, ...(health.ready ? [] : health.why)]);
  return [...found, ...[...sentences].map((text) => ({ text, detail: "" }))];
}
