import { el, icon } from "../dom.js";

/** What stands before a channel's name: # for public ones, a lock for private ones, @ for direct conversations. */
export function channelMark(channel) {
  const mark = channel.kind === "direct" ? "@" : channel.private ? icon("lock") : "#";
  return el("span", { class: "sidebar-mark", "aria-hidden": "true" }, mark);
}

/** A channel's name as it is written in a sentence. */
export function channelTitle(channel) {
  return channel.label;
}
