import { el, icon } from "../dom.js";

/** What stands before a channel's name: # for public ones, a lock for private ones. */
export function channelMark(channel) {
  return el("span", { class: "sidebar-mark", "aria-hidden": "true" }, channel.private ? icon("lock") : "#");
}

/** A channel's name as it is written in a sentence. */
export function channelTitle(channel) {
  return `#${channel.name}`;
}
