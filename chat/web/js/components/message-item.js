import { el, icon } from "../dom.js";
import { dayName, fullDate, shortTimeOfDay, timeOfDay } from "../model/dates.js";
import { isFewEmoji } from "../model/emoji.js";
import { avatar } from "./avatar.js";
import { messageBody } from "./message-body.js";
import { messageFiles } from "./message-files.js";

/** What each element shows now, its row and the colour of its author: what is unchanged is not built again. */
const shown = new WeakMap();

/**
 * Makes the element of one row of a message list. `list` is what it needs of that: workspace(), colourOf(userId), isMe(userId), and
 * retry(pending) and discard(pending) for messages that failed. Events (bubbling), each with detail {message}:
 * "message-menu" and, with {emoji}, "message-react"; "message-thread".
 */
export function makeRow(row, list) {
  switch (row.kind) {
    case "day":
      return el("div", { class: "message-day", role: "separator" }, dayName(row.at, new Date()));
    case "unread":
      return el("div", { class: "message-unread-line", role: "separator" }, "New");
    default: {
      const article = el("article", { class: "message" });
      updateMessage(article, row, list);
      return article;
    }
  }
}

/** Brings the element of a row up to date. */
export function updateRow(element, row, list) {
  if (row.kind === "message") {
    updateMessage(element, row, list);
  } else if (row.kind === "day") {
    element.textContent = dayName(row.at, new Date());
  }
}

function updateMessage(element, row, list) {
  const author = list.workspace().users.get(row.author.id) ?? row.author; // as they are called and look by now
  const now = { ...row, colour: list.colourOf(author.id), name: author.display_name, picture: author.avatar_url };
  const before = shown.get(element);
  if (before && isSame(before, now)) {
    return;
  }
  shown.set(element, now);
  element.toggleAttribute("data-lead", row.lead);
  if (row.message) {
    element.dataset.seq = row.message.seq;
  }
  element.dataset.state = row.pending?.state ?? "stored";
  const side = row.lead ? avatar(author, now.colour) : time(row, "message-side-time", shortTimeOfDay(row.at));
  const focused = element.contains(document.activeElement) && document.activeElement.dataset.control;
  element.replaceChildren(side, content({ ...row, author }, list), ...(row.message && !row.message.deleted_at ? [menuButton(row.message)] : []));
  if (focused) {
    element.querySelector(`[data-control="${CSS.escape(focused)}"]`)?.focus();
  }
}

function tell(event, type, detail) {
  event.currentTarget.dispatchEvent(new CustomEvent(type, { bubbles: true, detail }));
}

function menuButton(message) {
  return el(
    "button",
    {
      type: "button",
      class: "icon-button message-more",
      "data-control": "more",
      "aria-label": `More about the message of ${message.author.display_name}`,
      "aria-haspopup": "menu",
      onclick: (event) => tell(event, "message-menu", { message }),
    },
    icon("more"),
  );
}

/** What hangs under a message: its reactions and its thread. */
function footer(message, list) {
  const reactions = message.reactions.map(({ emoji, user_ids: userIds }) =>
    el(
      "button",
      {
        type: "button",
        class: "message-reaction",
        "data-control": emoji,
        "aria-pressed": String(userIds.some(list.isMe)),
        "aria-label": `${emoji}, ${userIds.length}`,
        onclick: (event) => tell(event, "message-react", { message, emoji }),
      },
      `${emoji} ${userIds.length}`,
    ),
  );
  const thread = message.reply_count > 0 && !list.inThread
    ? el(
        "button",
        { type: "button", class: "text-button message-replies", "data-control": "thread", onclick: (event) => tell(event, "message-thread", { message }) },
        message.reply_count === 1 ? "1 reply" : `${message.reply_count} replies`,
      )
    : null;
  return reactions.length > 0 || thread ? el("div", { class: "message-footer" }, ...reactions, thread) : null;
}

function isSame(a, b) {
  return a.message === b.message && a.pending === b.pending && a.lead === b.lead && a.colour === b.colour && a.name === b.name && a.picture === b.picture;
}

function time(row, className, text) {
  return el("time", { class: className, datetime: row.at.toISOString(), title: fullDate(row.at) }, text);
}

function content(row, list) {
  return el(
    "div",
    { class: "message-content" },
    row.lead
      ? el("header", { class: "message-byline" }, el("span", { class: "message-author" }, row.author.display_name), appBadge(row.author), time(row, "message-time", timeOfDay(row.at)))
      : el("span", { class: "visually-hidden" }, row.author.display_name),
    row.pending ? plainBody(row.pending.body) : storedBody(row.message, list),
    messageFiles((row.pending ?? row.message).files),
    row.message?.edited_at && !row.message.deleted_at
      ? el("span", { class: "message-note", title: fullDate(new Date(row.message.edited_at)) }, "edited")
      : null,
    row.message?.pinned ? el("span", { class: "message-note" }, icon("pin"), " pinned") : null,
    row.message?.parent_id && !list.inThread
      ? el("button", { type: "button", class: "text-button message-replies", "data-control": "thread", onclick: (event) => tell(event, "message-thread", { message: row.message }) }, "In a thread")
      : null,
    row.message ? footer(row.message, list) : pendingNote(row.pending, list),
  );
}

/** Says that a program has written something, whatever it calls itself. */
function appBadge(author) {
  return author.bot ? el("span", { class: "message-app", title: "A program has sent this, by a webhook" }, "App") : null;
}

function plainBody(body) {
  if (!body) {
    return null;
  }
  const large = isFewEmoji(body) ? " message-body-emoji" : "";
  return el("div", { class: `message-body message-body-plain${large}` }, body);
}

function storedBody(message, list) {
  if (message.deleted_at) {
    return el("div", { class: "message-body message-deleted" }, "This message was deleted.");
  }
  return message.body ? messageBody(message, list.workspace()) : null;
}

function pendingNote(pending, list) {
  if (pending.state === "failed") {
    return el(
      "div",
      { class: "message-failure", role: "alert" },
      el("span", {}, icon("alert"), ` Not sent. ${pending.error}`),
      el("button", { type: "button", class: "text-button", onclick: () => list.retry(pending) }, "Try again"),
      el("button", { type: "button", class: "text-button", onclick: () => list.discard(pending) }, "Discard"),
    );
  }
  return pending.state === "waiting" ? el("div", { class: "message-note" }, icon("clock"), " Waiting to be sent") : null;
}
