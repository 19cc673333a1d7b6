/**
 * The frames of an EM310-UDL, as a vendor would decode them: our own code, in the size and the manner of theirs.
 */
function decodeUplink(input) {
  var res = Decoder(input.bytes, input.fPort);
  if (res.error) {
    return {
      errors: [res.error],
    };
  }
  return {
    data: res,
  };
}

function Decoder(bytes, port) {
  return decodeItems(bytes);
}

var CHANNELS = {
  battery: { id: 0x01, type: 0x75 },
  distance: { id: 0x03, type: 0x82 },
  position: { id: 0x04, type: 0x00 },
};

function decodeItems(bytes) {
  var decoded = {};

  for (var i = 0; i < bytes.length; ) {
    var channel_id = bytes[i++];
    var channel_type = bytes[i++];

    // PROTOCOL VERSION
    if (channel_id === 0xff && channel_type === 0x01) {
      decoded.ipso_version = readProtocolVersion(bytes[i]);
      i += 1;
    }
    // HARDWARE VERSION
    else if (channel_id === 0xff && channel_type === 0x09) {
      decoded.hardware_version = readHardwareVersion(bytes.slice(i, i + 2));
      i += 2;
    }
    // FIRMWARE VERSION
    else if (channel_id === 0xff && channel_type === 0x0a) {
      decoded.firmware_version = readFirmwareVersion(bytes.slice(i, i + 2));
      i += 2;
    }
    // DEVICE STATUS
    else if (channel_id === 0xff && channel_type === 0x0b) {
      decoded.device_status = "on";
      i += 1;
    }
    // LORAWAN CLASS
    else if (channel_id === 0xff && channel_type === 0x0f) {
      decoded.lorawan_class = readLoRaWANClass(bytes[i]);
      i += 1;
    }
    // SERIAL NUMBER
    else if (channel_id === 0xff && channel_type === 0x16) {
      decoded.sn = readSerialNumber(bytes.slice(i, i + 8));
      i += 8;
    }
    // BATTERY
    else if (channel_id === CHANNELS.battery.id && channel_type === CHANNELS.battery.type) {
      decoded.battery = bytes[i];
      i += 1;
    }
    // DISTANCE
    else if (channel_id === CHANNELS.distance.id && channel_type === CHANNELS.distance.type) {
      decoded.distance = readUInt16LE(bytes.slice(i, i + 2));
      i += 2;
    }
    // POSITION
    else if (channel_id === CHANNELS.position.id && channel_type === CHANNELS.position.type) {
      decoded.position = bytes[i] === 0 ? "normal" : "tilt";
      i += 1;
    }
    // SETTINGS
    else if (channel_id === 0xfe || channel_id === 0xff) {
      var result = readSetting(channel_type, bytes, i);
      decoded = Object.assign(decoded, result.data);
      i = result.offset;
    } else {
      return { error: "unknown item " + channel_id + " " + channel_type };
    }
  }

  return decoded;
}

function readSetting(type, bytes, offset) {
  var decoded = {};
  switch (type) {
    case 0x02:
      decoded.collection_interval = readUInt16LE(bytes.slice(offset, offset + 2));
      offset += 2;
      break;
    case 0x03:
      decoded.report_interval = readUInt16LE(bytes.slice(offset, offset + 2));
      offset += 2;
      break;
    case 0x06:
      var condition = bytes[offset];
      decoded.alarm = {
        condition: ["disable", "below", "above", "between", "outside"][condition & 0x07] || "unknown",
        min: readUInt16LE(bytes.slice(offset + 1, offset + 3)),
        max: readUInt16LE(bytes.slice(offset + 3, offset + 5)),
      };
      offset += 9;
      break;
    case 0x10:
      decoded.reboot = ["no", "yes"][1];
      offset += 1;
      break;
    default:
      throw new Error("unknown setting " + type);
  }
  return { data: decoded, offset: offset };
}

function readUInt16LE(bytes) {
  var value = (bytes[1] << 8) + bytes[0];
  return value & 0xffff;
}

function readInt16LE(bytes) {
  var ref = readUInt16LE(bytes);
  return ref > 0x7fff ? ref - 0x10000 : ref;
}

function readUInt32LE(bytes) {
  var value = (bytes[3] << 24) + (bytes[2] << 16) + (bytes[1] << 8) + bytes[0];
  return (value & 0xffffffff) >>> 0;
}

function readProtocolVersion(bytes) {
  var major = (bytes & 0xf0) >> 4;
  var minor = bytes & 0x0f;
  return "v" + major + "." + minor;
}

function readHardwareVersion(bytes) {
  var major = (bytes[0] & 0xff).toString(16);
  var minor = (bytes[1] & 0xff) >> 4;
  return "v" + major + "." + minor;
}

function readFirmwareVersion(bytes) {
  var major = (bytes[0] & 0xff).toString(16);
  var minor = (bytes[1] & 0xff).toString(16);
  return "v" + major + "." + minor;
}

function readLoRaWANClass(type) {
  switch (type) {
    case 0:
      return "Class A";
    case 1:
      return "Class B";
    case 2:
      return "Class C";
    case 3:
      return "Class CtoB";
    default:
      return "Unknown";
  }
}

function readSerialNumber(bytes) {
  var temp = [];
  for (var idx = 0; idx < bytes.length; idx++) {
    temp.push(("0" + (bytes[idx] & 0xff).toString(16)).slice(-2));
  }
  return temp.join("");
}

if (!Object.assign) {
  Object.defineProperty(Object, "assign", {
    enumerable: false,
    configurable: true,
    writable: true,
    value: function (target) {
      var to = Object(target);
      for (var i = 1; i < arguments.length; i++) {
        var nextSource = arguments[i];
        if (nextSource === undefined || nextSource === null) {
          continue;
        }
        var keys = Object.keys(Object(nextSource));
        for (var n = 0; n < keys.length; n++) {
          to[keys[n]] = nextSource[keys[n]];
        }
      }
      return to;
    },
  });
}
