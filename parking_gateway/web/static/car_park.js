// The picture of the car park in memory: what the gateway last sent, by name. No DOM.

/** Changes and notices that are remembered while the page is open. */
const KEPT = 500;
const ORDER = new Intl.Collator("en", { numeric: true });

export const zoneKey = (message) => `${message.site}/${message.zone}`;
export const spaceKey = (message) => `${message.site}/${message.zone}/${message.space}`;

/** The names in their natural order: A-2 before A-10. */
export const inOrder = (keys) => [...keys].sort(ORDER.compare);

/** A car park without anything. */
export function empty() {
  return {
    sites: new Map(), zones: new Map(), spaces: new Map(), devices: new Map(), gateways: new Map(),
    transitions: [], notices: [],
    /** The keys of the spaces of each zone, in order. */
    members: new Map(),
  };
}

/** The car park of a picture. */
export function filled(picture) {
  const park = empty();
  for (const site of picture.sites) park.sites.set(site.site, site);
  for (const zone of picture.zones) park.zones.set(zoneKey(zone), zone);
  for (const space of picture.spaces) park.spaces.set(spaceKey(space), space);
  for (const device of picture.devices) keepDevice(park, device);
  for (const gateway of picture.gateways) park.gateways.set(gateway.instance, gateway);
  park.transitions = newest(picture.transitions);
  park.notices = newest(picture.notices);
  for (const zone of park.zones.keys()) park.members.set(zone, []);
  for (const [key, space] of park.spaces) park.members.get(zoneKey(space))?.push(key);
  for (const [zone, keys] of park.members) park.members.set(zone, inOrder(keys));
  return park;
}

/** Take one event. Returns whether places came or went, so that the page has to be laid out again. */
export function apply(park, kind, message) {
  switch (kind) {
    case "space":
      return keepSpace(park, message);
    case "zone":
      return keep(park.zones, zoneKey(message), { ...park.zones.get(zoneKey(message)), ...message }, () => park.members.set(zoneKey(message), []));
    case "site":
      return keep(park.sites, message.site, message);
    case "device":
      keepDevice(park, message);
      return false;
    case "gateway":
      keep(park.gateways, message.instance, message);
      return false;
    case "gateways":
      keepOthers(park, message);
      return false;
    case "transition":
      park.transitions = newest([message, ...park.transitions.filter((step) => step.id !== message.id)]);
      return false;
    case "notice":
      park.notices = newest([message, ...park.notices.filter((notice) => notice.id !== message.id)]);
      return false;
    case "removed":
      return remove(park, message);
    default:
      return false;
  }
}

function keepSpace(park, message) {
  const key = spaceKey(message);
  const before = park.spaces.get(key);
  if (before && before.id === message.id) {
    // A picture may be newer than an event that was on its way meanwhile.
    if (message.version >= before.version) park.spaces.set(key, { ...before, ...message });
    return false;
  }
  // Another space has the name now. The versions of both have nothing to do with each other.
  park.spaces.set(key, message);
  if (before) return true;
  const members = park.members.get(zoneKey(message)) ?? [];
  park.members.set(zoneKey(message), inOrder([...members, key]));
  return true;
}

function keep(map, key, message, onNew = () => {}) {
  const isNew = !map.has(key);
  map.set(key, message);
  if (isNew) onNew();
  return isNew;
}

/** All gateways except the one that serves the page, which has its health. */
function keepOthers(park, others) {
  for (const { instance, health } of [...park.gateways.values()]) if (health === null) park.gateways.delete(instance);
  for (const other of others) park.gateways.set(other.instance, other);
}

function keepDevice(park, device) {
  if (device.problems.length) park.devices.set(device.dev_eui, device);
  else park.devices.delete(device.dev_eui);
}

function remove(park, { kind, id, site, zone, space, dev_eui: device }) {
  if (kind === "space") {
    const key = spaceKey({ site, zone, space });
    // Another space may have the name by now, and may have come before.
    if (park.spaces.get(key)?.id !== id) return false;
    park.members.set(zoneKey({ site, zone }), (park.members.get(zoneKey({ site, zone })) ?? []).filter((member) => member !== key));
    return park.spaces.delete(key);
  }
  if (kind === "zone") {
    park.members.delete(zoneKey({ site, zone }));
    return park.zones.delete(zoneKey({ site, zone }));
  }
  if (kind === "site") return park.sites.delete(site);
  if (kind === "device") park.devices.delete(device);
  return false;
}

function newest(messages) {
  return [...messages].sort((one, other) => other.id - one.id).slice(0, KEPT);
}

/** How many spaces have each state, and how many sensors are not heard. */
export function counted(park) {
  const counts = { FREE: 0, OCCUPIED: 0, RESERVED: 0, MAINTENANCE: 0, unheard: 0 };
  for (const space of park.spaces.values()) {
    counts[space.state] += 1;
    if (space.contact !== "live") counts.unheard += 1;
  }
  return counts;
}

/** Up to `limit` spaces, zones and devices with this text in their names. */
export function found(park, text, limit) {
  const words = text.toLowerCase().split(/[\s/]+/).filter(Boolean);
  if (!words.length) return [];
  const has = (name) => words.every((word) => name.toLowerCase().includes(word));
  const results = [];
  for (const device of park.devices.values()) if (has(`${device.dev_eui} ${device.name}`)) results.push({ kind: "device", device });
  for (const [key] of park.zones) if (has(key)) results.push({ kind: "zone", key });
  const exact = [];
  for (const [key, space] of park.spaces) {
    if (!has(key)) continue;
    if (space.space.toLowerCase() === words.at(-1)) exact.push({ kind: "space", key, space });
    else if (results.length < limit) results.push({ kind: "space", key, space });
  }
  return [...exact, ...results].slice(0, limit);
}
