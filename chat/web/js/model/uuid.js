const timeBytes = 6;

/**
 * Makes a UUID that begins with the time (version 7, RFC 9562): what is stored under them one after the other lies together
 * in the database's index. crypto.randomUUID makes none of these, and is only there on HTTPS and localhost, while many a Snug
 * is reached by plain HTTP on a home network.
 */
export function newUuid(milliseconds = Date.now()) {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let i = 0; i < timeBytes; i++) bytes[i] = Math.floor(milliseconds / 256 ** (timeBytes - 1 - i));
  bytes[6] = (bytes[6] & 0x0f) | 0x70;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
