/** The path below which Snug is served, as in "/chat", or "": this module knows from where it came. */
export const base = new URL("..", import.meta.url).pathname.slice(0, -1);

/** Where on this host one of Snug's own paths is, such as "/api/me". */
export function addressOf(path) {
  return base + path;
}
