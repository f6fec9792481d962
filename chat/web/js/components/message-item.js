import { el, icon } from "../dom.js";
import { dayName, fullDate, timeOfDay } from "../model/dates.js";
import { isFewEmoji } from "../model/emoji.js";
import { avatar } from "./avatar.js";

/** The row of rows.js each element shows now: what is unchanged is not built again. */
const shown = new WeakMap();

/** Makes the element of one row of a message list. */
export function makeRow(row, actions) {
  switch (row.kind) {
    case "day":
      return el("div", { class: "message-day", role: "separator" }, dayName(row.at, new Date()));
    case "unread":
      return el("div", { class: "message-unread-line", role: "separator" }, "New");
    default: {
      const article = el("article", { class: "message" });
      updateMessage(article, row, actions);
      return article;
    }
  }
}

/** Brings the element of a row up to date. */
export function updateRow(element, row, actions) {
  if (row.kind === "message") {
    updateMessage(element, row, actions);
  } else if (row.kind === "day") {
    element.textContent = dayName(row.at, new Date());
  }
}

function updateMessage(element, row, actions) {
  const before = shown.get(element);
  if (before && isSame(before, row)) {
    return;
  }
  shown.set(element, row);
  element.toggleAttribute("data-lead", row.lead);
  element.dataset.state = row.pending?.state ?? "stored";
  element.replaceChildren(row.lead ? avatar(row.author) : sideTime(row), content(row, actions));
}

function isSame(a, b) {
  return a.message === b.message && a.pending === b.pending && a.lead === b.lead;
}

function time(row, className) {
  return el("time", { class: className, datetime: row.at.toISOString(), title: fullDate(row.at) }, timeOfDay(row.at));
}

function sideTime(row) {
  return el("div", { class: "message-side-time" }, time(row, null));
}

function content(row, actions) {
  return el(
    "div",
    { class: "message-content" },
    row.lead
      ? el("header", { class: "message-byline" }, el("span", { class: "message-author" }, row.author.display_name), time(row, "message-time"))
      : el("span", { class: "visually-hidden" }, row.author.display_name),
    row.pending ? plainBody(row.pending.body) : storedBody(row.message),
    row.message?.edited_at && !row.message.deleted_at
      ? el("span", { class: "message-note", title: fullDate(new Date(row.message.edited_at)) }, "edited")
      : null,
    row.pending ? pendingNote(row.pending, actions) : null,
  );
}

function plainBody(body) {
  const large = isFewEmoji(body) ? " message-body-emoji" : "";
  return el("div", { class: `message-body message-body-plain${large}` }, body);
}

function storedBody(message) {
  if (message.deleted_at) {
    return el("div", { class: "message-body message-deleted" }, "This message was deleted.");
  }
  const body = el("div", { class: isFewEmoji(message.body) ? "message-body message-body-emoji" : "message-body" });
  body.innerHTML = message.html; // sanitised by the server
  return body;
}

function pendingNote(pending, actions) {
  if (pending.state === "failed") {
    return el(
      "div",
      { class: "message-failure", role: "alert" },
      el("span", {}, icon("alert"), ` Not sent. ${pending.error}`),
      el("button", { type: "button", class: "text-button", onclick: () => actions.retry(pending) }, "Try again"),
      el("button", { type: "button", class: "text-button", onclick: () => actions.discard(pending) }, "Discard"),
    );
  }
  return pending.state === "waiting" ? el("div", { class: "message-note" }, icon("clock"), " Waiting to be sent") : null;
}
