import { el } from "../dom.js";
import { isFewEmoji } from "../model/emoji.js";

/** Everybody in a channel. */
const everybody = new Set(["@channel", "@here"]);

/** What a message says, as the server has rendered it. Event (bubbling): "open-channel" with detail {id}. */
export function messageBody(message, workspace) {
  const body = el("div", { class: "message-body" });
  body.innerHTML = message.html; // sanitised by the server
  body.classList.toggle("message-body-emoji", isFewEmoji(body.textContent));
  const mine = `@${workspace.me.username.toLowerCase()}`;
  for (const mention of body.querySelectorAll(".mention")) {
    const name = mention.textContent.toLowerCase();
    mention.toggleAttribute("data-me", name === mine || everybody.has(name));
  }
  for (const named of body.querySelectorAll(".channel-link")) {
    const channel = Array.from(workspace.channels.values()).find(({ name }) => name && `#${name}` === named.textContent);
    if (channel) {
      named.replaceWith(channelLink(channel));
    }
  }
  return body;
}

function channelLink(channel) {
  const open = (event) => event.currentTarget.dispatchEvent(new CustomEvent("open-channel", { bubbles: true, detail: { id: channel.id } }));
  return el("button", { type: "button", class: "channel-link", onclick: open }, `#${channel.name}`);
}
