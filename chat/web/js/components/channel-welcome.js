import { el, icon } from "../dom.js";
import { channelTitle } from "./channel-names.js";

/** The beginning of a channel, above its first message. */
export function channelWelcome({ channel, workspaceName, alone, invite }) {
  const isFirst = channel.name === "general";
  return el(
    "div",
    { class: "channel-welcome" },
    el("img", { src: isFirst ? "/icons/armchair.svg" : "/icons/logo.svg", alt: "" }),
    el("h3", {}, isFirst ? `Welcome to ${workspaceName}` : `This is ${channelTitle(channel)}`),
    el("p", {}, isFirst ? generalWords(channel) : "The very beginning. What is said here stays here, in order."),
    alone && invite
      ? el("p", {}, "It is a little quiet with one person. Make an invite link and send it to somebody you like talking to.")
      : null,
    alone && invite
      ? el("button", { type: "button", class: "button button-primary", onclick: invite }, icon("invite"), "Invite somebody")
      : null,
  );
}

function generalWords(channel) {
  return `This is ${channelTitle(channel)}, the room where everybody is. Put your feet up and say hello.`;
}
