import { addressOf } from "../address.js";
import { el, icon } from "../dom.js";
import { channelTitle } from "./channel-names.js";

/** The beginning of a channel, above its first message. `invite`, if given, is what inviting somebody does. */
export function channelWelcome({ channel, workspaceName, alone, invite }) {
  const everybodys = channel.name === "general";
  return el(
    "div",
    { class: "channel-welcome" },
    el("img", { src: addressOf("/icons/armchair.svg"), alt: "" }),
    el("h3", {}, everybodys ? `Welcome to ${workspaceName}` : `This is ${channelTitle(channel)}`),
    el(
      "p",
      {},
      everybodys
        ? `This is ${channelTitle(channel)}, the room where everybody is. Put your feet up and say hello.`
        : "A new room, still quiet. What is said first is remembered longest.",
    ),
    ...(alone && invite ? inviteHint(invite) : []),
  );
}

function inviteHint(invite) {
  return [
    el("p", {}, "You are the first one here. Make an invite link and send it to somebody you like talking to."),
    el("button", { type: "button", class: "button button-primary", onclick: invite }, icon("invite"), "Invite somebody"),
  ];
}
