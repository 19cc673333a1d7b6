// As many vendors write: sloppy mode, variables that were never declared, a switch over the ports.
function readUInt16LE(bytes, at) {
  return (bytes[at + 1] << 8) | bytes[at];
}

function decodeUplink(input) {
  data = {};
  warnings = [];
  bytes = input.bytes;
  switch (input.fPort) {
    case 1:
      data.status = { parking: (bytes[0] & 0x01) === 1 ? "occupied" : "free" };
      data.battery_mv = readUInt16LE(bytes, 1);
      if (data.battery_mv < 3000) warnings.push("low battery");
      break;
    case 2:
      // A heartbeat: the sensor's clock, minutes before it was sent.
      data.status = { parking: (bytes[0] & 0x01) === 1 ? "occupied" : "free" };
      data.seen = new Date(input.recvTime.getTime() - bytes[1] * 60000).toISOString();
      data.sensors = [{ celsius: (bytes[2] << 24) >> 24 }, { celsius: 99 }];
      break;
    case 3:
      if (bytes[0] > 2) {
        return { errors: ["unknown alarm " + bytes[0]] };
      }
      data.alarm = ["", "sensor blocked", "magnet lost"][bytes[0]];
      data.tilted = bytes[1];
      break;
  }
  return { data: data, warnings: warnings, errors: [] };
}
