"use strict";

/** Items of a type and a value, in modern JavaScript. */
const ITEMS = new Map([
  [0x01, { size: 1, read: (view, at) => ({ battery: view.getUint8(at) }) }],
  [0x02, { size: 2, read: (view, at) => ({ distance: view.getUint16(at) }) }],
  [0x03, { size: 1, read: (view, at) => ({ present: Boolean(view.getUint8(at)) }) }],
]);

const decodeUplink = ({ bytes, fPort }) => {
  const view = new DataView(Uint8Array.from(bytes).buffer);
  let data = { fPort };
  for (let at = 0; at < bytes.length; ) {
    const item = ITEMS.get(bytes[at]);
    if (!item) {
      throw new Error(`unknown item ${bytes[at]} at ${at}`);
    }
    data = { ...data, ...item.read(view, at + 1) };
    at += 1 + item.size;
  }
  return { data };
};
