// Reads an AsyncAPI document, and finds the changes that break its subscribers or requesters.
import { diff } from "@asyncapi/diff";
import { Parser } from "@asyncapi/parser";

// What the parser has against a document, errors and warnings. A newer version of AsyncAPI is no warning.
export async function read(text) {
  const { document, diagnostics } = await new Parser().parse(text);
  const complaints = diagnostics
    .filter((one) => one.severity <= 1)
    .map((one) => `${one.path.join("/")}: ${one.message}`);
  return { document, complaints };
}

// The changes from one document to a later one, each with its type: breaking, non-breaking or unclassified.
export function changes(before, after) {
  const actions = { ...actionsOf(before), ...actionsOf(after) };
  return diff(comparable(before), comparable(after), { override: OVERRIDES })
    .getOutput()
    .changes.map((change) => ({ ...change, type: typeOf(change, actions) }));
}

const HARMLESS = { add: "non-breaking", remove: "non-breaking", edit: "non-breaking" };
// `info.version` is that of the program. The version of the contract is in its topics.
const OVERRIDES = { "/info/version": HARMLESS };
const PROSE = new Set(["description", "title", "summary", "examples"]);
const LIMITS = new Set(["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern"]);

function typeOf(change, actions) {
  const path = change.path.split("/").slice(1);
  const isInSchema = path[0] === "channels" && path[4] === "payload" && path.length > 5;
  if (path[0] === "operations") return operationType(change, path);
  if (path[0] === "channels" && path[2] === "parameters") return parameterType(change, path);
  return isInSchema ? schemaType(change, path.slice(5), actions[path[1]]) : change.type;
}

// For published messages a subscriber is concerned, for received ones the requester.
function schemaType({ action }, path, direction) {
  const [parent, name] = path.slice(-2).length === 2 ? path.slice(-2) : ["", path.at(-1)];
  const isSent = direction === "send";
  if (parent === "properties") return action === "remove" ? "breaking" : "non-breaking";
  if (parent === "required") return isSent === (action === "remove") ? "breaking" : "non-breaking";
  if (parent === "enum" && isSent) return action === "add" ? "unclassified" : "non-breaking";
  if (parent === "enum") return action === "add" ? "non-breaking" : "breaking";
  if (PROSE.has(name) || (name === "default" && isSent)) return "non-breaking";
  if (LIMITS.has(name) && !isSent && action === "remove") return "non-breaking";
  if (parent === "anyOf" && !isSent && action === "add") return "non-breaking";
  return "breaking";
}

function parameterType({ action }, path) {
  if (PROSE.has(path[4])) return "non-breaking";
  if (path[4] === "enum") return action === "remove" ? "breaking" : "non-breaking";
  return "breaking";
}

function operationType({ action, type }, path) {
  if (path.length === 2) return action === "add" ? "non-breaking" : "breaking";
  if (PROSE.has(path[2]) || path[2] === "tags") return "non-breaking";
  return type === "unclassified" ? "breaking" : type;
}

function actionsOf(document) {
  return Object.fromEntries(
    document.operations().all().map((one) => [one.channels().all()[0].id(), one.action()]).reverse(),
  );
}

// The part that others rely on. Lists of words become objects, so that their order has no meaning.
function comparable(document) {
  const { asyncapi, id, info, channels, operations } = plain(document.json());
  const references = Object.entries(operations).map(([name, { action, bindings, summary, reply }]) => [
    name,
    { action, bindings, summary, reply: reply && { channel: true } },
  ]);
  return { asyncapi, id, info, channels, operations: Object.fromEntries(references) };
}

function plain(value, key = "") {
  if (Array.isArray(value)) {
    const isOfWords = ["enum", "required", "examples"].includes(key);
    return isOfWords ? Object.fromEntries(value.map((one) => [JSON.stringify(one), true])) : value.map((one) => plain(one));
  }
  if (value === null || typeof value !== "object") return value;
  const entries = Object.entries(value).filter(([name]) => !name.startsWith("x-parser-"));
  return Object.fromEntries(entries.map(([name, one]) => [name, plain(one, name)]));
}
