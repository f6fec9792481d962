import { addressOf } from "../address.js";
import { el, icon } from "../dom.js";
import { channelTitle } from "./channel-names.js";

/** The beginning of a channel, above its first message. `invite`, if given, is what inviting somebody does. */
export function channelWelcome({ channel, workspaceName, alone, invite }) {
  const [title, text] = words(channel, workspaceName);
  return el(
    "div",
    { class: "channel-welcome" },
    el("img", { src: addressOf("/icons/armchair.svg"), alt: "" }),
    el("h3", {}, title),
    el("p", {}, text),
    ...(alone && invite ? inviteHint(invite) : []),
  );
}

function words(channel, workspaceName) {
  const title = channelTitle(channel);
  if (channel.kind === "direct") {
    return [title, "A conversation by the fire: only who is in it can read it."];
  }
  if (channel.general) {
    return [`Welcome to ${workspaceName}`, `This is ${title}, the room where everybody is. Put your feet up and say hello.`];
  }
  return [`This is ${title}`, "A new room, still quiet. What is said first is remembered longest."];
}

function inviteHint(invite) {
  return [
    el("p", {}, "You are the first one here. Make an invite link and send it to somebody you like talking to."),
    el("button", { type: "button", class: "button button-primary", onclick: invite }, icon("invite"), "Invite somebody"),
  ];
}
