// The part of Node.js's Buffer that vendors' scripts use. It is run before a script that mentions Buffer.
globalThis.Buffer = (() => {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

  const ofText = {
    hex: (text) => (/^(?:[0-9a-f]{2})*/i.exec(text)[0].match(/../g) || []).map((pair) => parseInt(pair, 16)),
    latin1: (text) => Array.from(text, (character) => character.charCodeAt(0) & 255),
    utf8: (text) =>
      ofText.latin1(encodeURIComponent(text).replace(/%(..)/g, (_, pair) => String.fromCharCode(parseInt(pair, 16)))),
    base64: (text) => {
      const bytes = [];
      let bits = 0;
      let count = 0;
      for (const letter of text.replace(/-/g, "+").replace(/_/g, "/")) {
        const value = letters.indexOf(letter);
        if (value < 0) continue;
        bits = ((bits << 6) | value) & 0xffff;
        count += 6;
        if (count >= 8) bytes.push((bits >> (count -= 8)) & 255);
      }
      return bytes;
    },
  };
  const toText = {
    hex: (bytes) => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    latin1: (bytes) => bytes.map((byte) => String.fromCharCode(byte)).join(""),
    ascii: (bytes) => toText.latin1(bytes.map((byte) => byte & 127)),
    utf8: (bytes) => {
      try {
        return decodeURIComponent(bytes.map((byte) => "%" + byte.toString(16).padStart(2, "0")).join(""));
      } catch {
        return bytes.map((byte) => (byte < 128 ? String.fromCharCode(byte) : "\ufffd")).join("");
      }
    },
    base64: (bytes) => {
      let text = "";
      for (let at = 0; at < bytes.length; at += 3) {
        const three = (bytes[at] << 16) | ((bytes[at + 1] || 0) << 8) | (bytes[at + 2] || 0);
        for (let place = 0; place < 4; place++) {
          text += at + place > bytes.length ? "=" : letters[(three >> (18 - 6 * place)) & 63];
        }
      }
      return text;
    },
  };
  ofText.ascii = ofText.latin1;
  ofText.binary = ofText.latin1;
  toText.binary = toText.latin1;
  const named = (codings, name) => {
    const coding = codings[String(name || "utf8").toLowerCase().replace("utf-8", "utf8")];
    if (!coding) throw new TypeError("Unknown encoding: " + name);
    return coding;
  };

  class Buffer extends Uint8Array {
    static from(source, coding, length) {
      if (typeof source === "string") return new Buffer(named(ofText, coding)(source));
      if (source instanceof ArrayBuffer) return new Buffer(source, coding, length);
      if (source && source.type === "Buffer") return new Buffer(source.data);
      return new Buffer(source);
    }
    static alloc(size, fill) {
      return new Buffer(size).fill(fill || 0);
    }
    static allocUnsafe(size) {
      return new Buffer(size);
    }
    static isBuffer(value) {
      return value instanceof Buffer;
    }
    static concat(parts) {
      return new Buffer(parts.reduce((all, part) => all.concat(Array.from(part)), []));
    }
    static byteLength(text, coding) {
      return Buffer.from(text, coding).length;
    }
    toString(coding, start, end) {
      return named(toText, coding)(Array.from(this.subarray(start || 0, end)));
    }
    toJSON() {
      return { type: "Buffer", data: Array.from(this) };
    }
    slice(start, end) {
      return this.subarray(start, end);
    }
    equals(other) {
      return this.length === other.length && this.every((byte, at) => byte === other[at]);
    }
    copy(target, at, start, end) {
      const part = this.subarray(start || 0, end).subarray(0, target.length - (at || 0));
      target.set(part, at || 0);
      return part.length;
    }
    write(text, at, length, coding) {
      const bytes = named(ofText, typeof at === "string" ? at : coding)(text);
      const from = typeof at === "number" ? at : 0;
      const written = bytes.slice(0, Math.min(typeof length === "number" ? length : bytes.length, this.length - from));
      this.set(written, from);
      return written.length;
    }
  }

  const within = (buffer, at, size) => {
    if (!Number.isInteger(at) || at < 0 || at + size > buffer.length) throw new RangeError("The offset is out of range");
    return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  };
  const define = (name, method) => {
    for (const alias of [name, name.replace("UI", "Ui").replace("BigUi", "BigUI")]) {
      Object.defineProperty(Buffer.prototype, alias, { value: method, writable: true, configurable: true });
    }
  };
  const kinds = {
    UInt8: ["Uint8", 1], Int8: ["Int8", 1], UInt16: ["Uint16", 2], Int16: ["Int16", 2], UInt32: ["Uint32", 4],
    Int32: ["Int32", 4], Float: ["Float32", 4], Double: ["Float64", 8], BigInt64: ["BigInt64", 8],
    BigUInt64: ["BigUint64", 8],
  };
  for (const [name, [kind, size]] of Object.entries(kinds)) {
    for (const order of size === 1 ? [""] : ["LE", "BE"]) {
      define(`read${name}${order}`, function (at = 0) {
        return within(this, at, size)["get" + kind](at, order === "LE");
      });
      define(`write${name}${order}`, function (value, at = 0) {
        within(this, at, size)["set" + kind](at, value, order === "LE");
        return at + size;
      });
    }
  }
  for (const order of ["LE", "BE"]) {
    const unsigned = (buffer, at, size) => {
      within(buffer, at, size);
      const bytes = Array.from(buffer.subarray(at, at + size));
      return (order === "LE" ? bytes.reverse() : bytes).reduce((value, byte) => value * 256 + byte, 0);
    };
    const write = function (value, at, size) {
      within(this, at, size);
      for (let place = 0; place < size; place++) {
        const byte = Math.floor(value / 256 ** place) & 255;
        this[order === "LE" ? at + place : at + size - 1 - place] = byte;
      }
      return at + size;
    };
    define(`readUInt${order}`, function (at, size) {
      return unsigned(this, at, size);
    });
    define(`readInt${order}`, function (at, size) {
      const value = unsigned(this, at, size);
      return value >= 256 ** size / 2 ? value - 256 ** size : value;
    });
    define(`writeUInt${order}`, write);
    define(`writeInt${order}`, write);
  }

  // `Buffer(x)` and `new Buffer(x)` are what old scripts write.
  const Callable = function (source, coding, length) {
    return typeof source === "number" ? Buffer.alloc(source) : Buffer.from(source, coding, length);
  };
  for (const name of ["from", "alloc", "allocUnsafe", "isBuffer", "concat", "byteLength"]) Callable[name] = Buffer[name];
  Callable.prototype = Buffer.prototype;
  return Callable;
})();
