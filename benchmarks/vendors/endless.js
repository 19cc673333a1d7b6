function decodeUplink(input) {
  if (input.fPort !== 1) new Array(2 ** 31).join("");
  return { data: {} };
}
