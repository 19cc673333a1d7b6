import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { changes, read } from "./contract.mjs";

const DOCUMENT = new URL("../../schemas/asyncapi.json", import.meta.url).pathname;
const CHECK = new URL("check.mjs", import.meta.url).pathname;
const RELEASED = readFileSync(DOCUMENT, "utf8");
const { document: released } = await read(RELEASED);

// The changes of a document in which all of this was changed. To read a document takes half a second.
async function changesAfter(planted) {
  const changed = JSON.parse(RELEASED);
  for (const plant of planted) plant(changed, changed.components.schemas, changed.components.messages);
  const { document, complaints } = await read(JSON.stringify(changed));
  assert.deepEqual(complaints, []);
  return changes(released, document).map((one) => [one.type, `${one.action} ${one.path}`]);
}

const without = (list, name) => list.splice(list.indexOf(name), 1);

// Each with the beginning of the change that is found.
const BREAKING = {
  "a topic is gone": [
    "remove /channels/session",
    (one) => {
      delete one.channels.session;
      delete one.operations.sendSession;
    },
  ],
  "a topic has another name": ["edit /channels/zone/address", (one) => (one.channels.zone.address = "parking/v1/levels/{site}/{zone}")],
  "a topic is not retained any more": [
    "edit /operations/sendSpace/bindings/mqtt/retain",
    (one) => (one.operations.sendSpace.bindings.mqtt.retain = false),
  ],
  "a published field is gone": [
    "remove /channels/space/messages/space/payload/properties/battery_percent",
    (_, { SpaceMessage }) => {
      delete SpaceMessage.properties.battery_percent;
      without(SpaceMessage.required, "battery_percent");
    },
  ],
  "a published field can be absent": [
    'remove /channels/health/messages/health/payload/required/"version"',
    (_, { HealthMessage }) => without(HealthMessage.required, "version"),
  ],
  "a published field has another type": [
    "edit /channels/marker/messages/marker/payload/properties/number/type",
    (_, { MarkerMessage }) => (MarkerMessage.properties.number.type = "string"),
  ],
  "a request has a new parameter that is required": [
    'add /channels/requestSpaceGet/messages/requestSpaceGet/payload/required/"why"',
    (_, { SpaceGet }) => {
      SpaceGet.properties.why = { type: "string" };
      SpaceGet.required.push("why");
    },
  ],
  "a parameter of a request is gone": [
    "remove /channels/requestSpaceMaintenance/messages/requestSpaceMaintenance/payload/properties/until",
    (_, { SpaceMaintenance }) => delete SpaceMaintenance.properties.until,
  ],
  "a verb is gone": [
    "remove /operations/receiveRequestStateRepublish",
    (one) => {
      delete one.channels.requestStateRepublish;
      delete one.operations.receiveRequestStateRepublish;
    },
  ],
  "a kind of notice is gone": ['remove /channels/notice/parameters/kind/enum/"overstay"', (one) => without(one.components.parameters.kind.enum, "overstay")],
};

const found = (await changesAfter(Object.values(BREAKING).map(([, plant]) => plant))).filter(([type]) => type === "breaking");
for (const [what, [expected]] of Object.entries(BREAKING)) {
  test(`It is breaking that ${what}`, () => {
    assert.ok(found.some(([, change]) => change === expected), `${expected} is not in ${JSON.stringify(found, null, 1)}`);
  });
}

test("New topics, fields, optional parameters, kinds of notices, versions and sentences break nothing", async () => {
  const harmless = await changesAfter([
    (one) => (one.info.version = "99.0.0"),
    (one) => one.components.parameters.kind.enum.push("flood"),
    (one) => {
      one.channels.weather = { address: "parking/v1/weather", messages: { cleared: { $ref: "#/components/messages/cleared" } } };
      one.operations.sendWeather = { action: "send", channel: { $ref: "#/channels/weather" } };
    },
    (_, { SpaceMessage }) => (SpaceMessage.properties.level = { type: "integer" }),
    (_, { SpaceMessage }) => (SpaceMessage.properties.since.description = "Since when."),
    (_, { SpaceMessage }) => SpaceMessage.required.reverse(),
    (_, { SpaceGet }) => (SpaceGet.properties.why = { type: "string" }),
    (_, { SpaceGet }) => without(SpaceGet.required, "space"),
  ]);
  assert.deepEqual(harmless.filter(([type]) => type !== "non-breaking"), []);
  assert.ok(harmless.length >= 7);
});

test("A new word in a published field is shown to a person", async () => {
  const [[type]] = await changesAfter([(_, { SpaceState }) => SpaceState.enum.push("CLOSED")]);
  assert.equal(type, "unclassified");
});

test("An unchanged document has no changes", () => {
  assert.deepEqual(changes(released, released), []);
});

test("A document with a reference that leads nowhere is not valid", async () => {
  const wrong = JSON.parse(RELEASED);
  wrong.channels.space.messages.space.$ref = "#/components/messages/nothing";
  assert.notDeepEqual((await read(JSON.stringify(wrong))).complaints, []);
});

test("The check fails with the change where a release had one topic more", () => {
  const before = JSON.parse(RELEASED);
  before.channels.weather = { address: "parking/v1/weather", messages: { cleared: { $ref: "#/components/messages/cleared" } } };
  before.operations.sendWeather = { action: "send", channel: { $ref: "#/channels/weather" } };
  const folder = mkdtempSync(join(tmpdir(), "asyncapi-"));
  const file = join(folder, "released.json");
  writeFileSync(file, JSON.stringify(before));
  const { status, stderr } = spawnSync("node", [CHECK, DOCUMENT, file], { encoding: "utf8" });
  rmSync(folder, { recursive: true });
  assert.equal(status, 1);
  assert.match(stderr, /break subscribers or requesters[^]*remove \/channels\/weather/);
});

test("Before the first release the check passes, and says so", () => {
  const { status, stdout } = spawnSync("node", [CHECK, DOCUMENT, "/nowhere.json"], { encoding: "utf8" });
  assert.equal(status, 0);
  assert.match(stdout, /no release to compare it with/);
});
