// DOM elements from functions. Nothing here parses HTML, so text of others is never markup.

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children. `on` holds listeners; null, undefined and false leave an attribute out. */
export function element(tag, attributes = {}, ...children) {
  return dressed(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
export function drawing(tag, attributes = {}, ...children) {
  return dressed(document.createElementNS(SVG, tag), attributes, children);
}

/** Set or remove an attribute, only where it changes: most of a message is as it was. */
export function set(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}

/** Replace the text of an element, only where it changes. */
export function write(node, text) {
  if (node.textContent !== String(text)) node.textContent = text;
}

/** Make the children of a list those of `items`. A child whose key is there already stays as it is, with the focus on it. */
export function keep(list, items, keyOf, make) {
  const before = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const nodes = items.map((item) => {
    const key = String(keyOf(item));
    const node = before.get(key) ?? make(item);
    node.dataset.key = key;
    return node;
  });
  const wanted = new Set(nodes);
  for (const child of before.values()) if (!wanted.has(child)) child.remove();
  for (const [n, node] of nodes.entries()) if (list.children[n] !== node) list.insertBefore(node, list.children[n] ?? null);
}

export const byId = (id) => document.getElementById(id);

function dressed(node, { on = {}, ...attributes }, children) {
  for (const [name, value] of Object.entries(attributes)) set(node, name, value === true ? "" : value);
  for (const [event, listener] of Object.entries(on)) node.addEventListener(event, listener);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}
