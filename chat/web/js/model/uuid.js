/**
 * Makes a UUID that begins with the time (version 7, RFC 9562): what is stored under them one after the other lies together
 * in the database's index. crypto.randomUUID makes none of these, and is only there on HTTPS and localhost, while many a Snug
 * is reached by plain HTTP on a home network.
 */
export function newUuid(milliseconds = Date.now()) {
  const random = crypto.getRandomValues(new Uint8Array(10));
  random[0] = (random[0] & 0x0f) | 0x70;
  random[2] = (random[2] & 0x3f) | 0x80;
  const time = milliseconds.toString(16).padStart(12, "0");
  const hex = time + Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
