/**
 * What a path shows: {page: "workspace", channelId}, where channelId may be null, or {page: "invite", code}, or {page: "reset", code};
 * null when it is not the client's, whose own are below `base`. (Login and setup have no path: they stand in for the
 * page that was asked for.)
 */
export function routeOf(path, base) {
  if (!`${path}/`.startsWith(`${base}/`)) {
    return null;
  }
  const [first, second, ...more] = path.slice(base.length).split("/").filter(Boolean);
  if (more.length === 0 && first === "invite" && second) {
    return { page: "invite", code: second };
  }
  if (more.length === 0 && first === "reset" && second) {
    return { page: "reset", code: second };
  }
  if (more.length === 0 && first === "channel" && second) {
    return { page: "workspace", channelId: second };
  }
  return first === undefined ? { page: "workspace", channelId: null } : null;
}

/** The path of a channel, below the base. */
export function channelPath(channelId) {
  return `/channel/${channelId}`;
}
