import { el, icon, renderKeyed } from "../dom.js";
import { rowsOf } from "../model/rows.js";
import { isShownInChannel } from "../model/thread.js";
import { channelTitle } from "./channel-names.js";
import { channelWelcome } from "./channel-welcome.js";
import { makeRow, updateRow } from "./message-item.js";

/** This close to the end counts as being there. */
const BOTTOM_SLACK_PX = 48;

/** Older messages are read when no more than this is left above. */
const OLDER_AHEAD_PX = 800;

/** How long screen readers are kept from reading out what is history. */
const QUIET_MS = 500;

/**
 * The messages of a channel. Stays at the end when it is there, and otherwise exactly where it is,
 * whatever comes above or below. Events (bubbling): "invite", "compose" (the keyboard belongs back in the composer).
 */
export class MessageList extends HTMLElement {
  #workspace;
  #channelId = null;
  #atBottom = true;
  #placed = false;
  #newBelow = 0;
  #lastShown = 0;
  #unreadAfter = null;
  #target = null;
  #loadingNewer = false;
  #readSeq = 0;
  #loadingOlder = false;

  #top = el("div");
  #rows = el("div", { class: "message-rows" });
  #scroll = el("div", { class: "message-scroll", role: "log", tabindex: "0" }, this.#top, this.#rows);
  #pillText = el("span");
  #pill = el("button", { type: "button", class: "message-pill", hidden: true }, this.#pillText, icon("down"));
  #forRows = {
    workspace: () => this.#workspace,
    colourOf: (userId) => this.#workspace.colourOf(userId),
    isMe: (userId) => userId === this.#workspace.me.id,
    retry: (pending) => this.#decide(() => this.#workspace.outbox.retry(pending.client_id)),
    discard: (pending) => this.#decide(() => this.#workspace.outbox.discard(pending.client_id)),
  };

  show(workspace) {
    this.#workspace = workspace;
    this.append(this.#scroll, this.#pill);
    const mine = (react) => (event) => event.detail.channelId === this.#channelId && react();
    workspace.addEventListener("timeline", mine(() => this.#timelineChanged()));
    workspace.addEventListener("outbox", mine(() => this.#render()));
    workspace.addEventListener("people", () => this.#placed && this.#quietly(() => this.#render()));
    workspace.addEventListener("channels", () => this.#readChanged());
    this.#scroll.addEventListener("scroll", () => this.#scrolled());
    this.#pill.addEventListener("click", () => this.#toNewest());
    window.addEventListener("focus", () => this.#checkSeen());
    const resized = new ResizeObserver(() => this.#atBottom && this.toBottom());
    resized.observe(this.#scroll);
    resized.observe(this.#rows);
  }

  /** Shows a channel, from its first unread message or else its end. */
  open(channelId) {
    this.#workspace.readAgain(channelId);
    const channel = this.#workspace.channels.get(channelId);
    this.#channelId = channelId;
    this.#readSeq = channel.read_seq;
    this.#unreadAfter = channel.unread > 0 ? channel.read_seq : null;
    this.#placed = false;
    this.#newBelow = 0;
    this.#lastShown = 0;
    this.#scroll.setAttribute("aria-label", `Messages in ${channelTitle(channel)}`);
    this.#rows.replaceChildren();
    this.#renderPill();
    this.#timelineChanged();
  }

  /** Shows one message of the channel, wherever it is. */
  async visit(seq) {
    this.#target = seq;
    await this.#workspace.timelines.visit(this.#channelId, seq);
    this.#showTarget();
  }

  /** Brings the message that is looked for in sight, once it is there. */
  #showTarget() {
    const element = this.#rows.querySelector(`[data-seq="${this.#target}"]`);
    if (this.#target === null || !element) {
      return;
    }
    this.#target = null;
    this.#rows.querySelector("[data-found]")?.removeAttribute("data-found");
    element.dataset.found = "";
    element.tabIndex = -1;
    this.#atBottom = false;
    element.scrollIntoView({ block: "center" });
    element.focus({ preventScroll: true });
    this.#scrolled();
  }

  /** Goes to the newest message that is held, or, from the past, to the newest of all. */
  #toNewest() {
    if (this.#timeline.past) {
      this.#placed = false;
      this.#workspace.timelines.returnToNewest(this.#channelId);
    } else {
      this.toBottom();
    }
  }

  /** Goes to the end. */
  toBottom() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
    this.#arrivedAtBottom();
  }

  /** A message of this person's own has been written: what was unread before it is not any more. */
  written() {
    this.#workspace.readAgain(this.#channelId);
    this.#unreadAfter = null;
    this.#render();
    this.#toNewest();
  }

  get #timeline() {
    return this.#workspace.timelines.of(this.#channelId);
  }

  #timelineChanged() {
    const timeline = this.#timeline;
    this.#scroll.setAttribute("aria-busy", String(!timeline.loaded));
    if (!timeline.loaded) {
      this.#renderTop();
      return;
    }
    const before = this.#lastShown;
    this.#lastShown = timeline.last;
    if (!this.#placed) {
      this.#quietly(() => this.#placeFirst());
    } else if (timeline.last > before) {
      this.#newMessages(timeline.messages.filter((message) => message.seq > before && isShownInChannel(message)));
    } else {
      this.#quietly(() => this.#render());
    }
    this.#checkSeen();
  }

  #placeFirst() {
    this.#atBottom = false;
    this.#render();
    this.#placed = true;
    if (this.#target !== null) {
      this.#showTarget();
      return;
    }
    const line = this.#rows.querySelector(".message-unread-line");
    if (line) {
      const above = line.getBoundingClientRect().top - this.#scroll.getBoundingClientRect().top;
      this.#scroll.scrollTop += above - this.#scroll.clientHeight / 3;
      this.#scrolled();
    } else {
      this.toBottom();
    }
  }

  #newMessages(messages) {
    const fromOthers = messages.filter((message) => message.author.id !== this.#workspace.me.id);
    if (!this.#seesBottom()) {
      const readSeq = this.#workspace.channels.get(this.#channelId).read_seq;
      if (fromOthers.length > 0 && (this.#unreadAfter === null || readSeq > this.#unreadAfter)) {
        this.#unreadAfter = readSeq;
      }
    }
    if (!this.#atBottom) {
      this.#newBelow += fromOthers.length;
    }
    this.#render();
  }

  #render() {
    const timeline = this.#timeline;
    if (!timeline.loaded) {
      return;
    }
    const anchor = this.#atBottom ? null : this.#findAnchor();
    const { outbox, me } = this.#workspace;
    const rows = rowsOf({
      messages: timeline.messages.filter(isShownInChannel),
      pending: outbox
        .inChannel(this.#channelId)
        .filter((item) => !item.parent_id && (item.state !== "stored" || item.seq > timeline.last)),
      me,
      unreadAfter: this.#unreadAfter,
    });
    renderKeyed(this.#rows, rows, {
      key: (row) => row.key,
      make: (row) => makeRow(row, this.#forRows),
      update: (element, row) => updateRow(element, row, this.#forRows),
    });
    this.#renderTop();
    if (this.#atBottom) {
      this.toBottom();
    } else if (anchor) {
      this.#scroll.scrollTop += anchor.element.getBoundingClientRect().top - anchor.top;
    }
    this.#renderPill();
  }

  /** What is above the first message: a note that there is more, or the beginning of the channel. */
  #renderTop() {
    const channel = this.#workspace.channels.get(this.#channelId);
    const timeline = channel && this.#timeline;
    if (!timeline?.loaded || timeline.hasOlder) {
      this.#top.replaceChildren(el("div", { class: "message-older" }, timeline?.loaded ? "Loading older messages…" : ""));
      return;
    }
    const { me, name, users } = this.#workspace;
    const mayInvite = ["owner", "admin"].includes(me.role);
    const invite = mayInvite && (() => this.dispatchEvent(new CustomEvent("invite", { bubbles: true })));
    this.#top.replaceChildren(channelWelcome({ channel, workspaceName: name, alone: users.size < 2, invite }));
  }

  #renderPill() {
    const past = this.#channelId !== null && this.#timeline.past;
    this.#pill.hidden = this.#newBelow === 0 && !past;
    this.#pillText.textContent = past ? "To the newest messages" : this.#newBelow === 1 ? "1 new message" : `${this.#newBelow} new messages`;
  }

  /** The first message in sight and where it is, so that it can be put there again. */
  #findAnchor() {
    const top = this.#scroll.getBoundingClientRect().top;
    for (const element of this.#rows.querySelectorAll(".message")) {
      const place = element.getBoundingClientRect();
      if (place.bottom > top) {
        return { element, top: place.top };
      }
    }
    return null;
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroll;
    this.#atBottom = scrollHeight - clientHeight - scrollTop <= BOTTOM_SLACK_PX;
    if (this.#atBottom) {
      this.#arrivedAtBottom();
    }
    if (scrollTop < OLDER_AHEAD_PX) {
      this.#loadOlder();
    }
    if (this.#timeline.past && scrollHeight - clientHeight - scrollTop < OLDER_AHEAD_PX) {
      this.#loadNewer();
    }
  }

  #arrivedAtBottom() {
    this.#atBottom = true;
    this.#newBelow = 0;
    this.#renderPill();
    this.#checkSeen();
  }

  async #loadOlder() {
    if (this.#loadingOlder || !this.#placed || !this.#timeline.hasOlder) {
      return;
    }
    this.#loadingOlder = true;
    await this.#workspace.timelines.loadOlder(this.#channelId);
    this.#loadingOlder = false;
  }

  async #loadNewer() {
    if (!this.#loadingNewer && this.#placed) {
      this.#loadingNewer = true;
      this.#atBottom = false;
      await this.#workspace.timelines.loadNewer(this.#channelId);
      this.#loadingNewer = false;
    }
  }

  #seesBottom() {
    return this.#atBottom && !this.#timeline.past && document.visibilityState === "visible" && document.hasFocus();
  }

  /** What has been marked as unread begins at a line. */
  #readChanged() {
    const readSeq = this.#workspace.channels.get(this.#channelId)?.read_seq;
    if (readSeq < this.#readSeq) {
      this.#unreadAfter = readSeq;
      this.#quietly(() => this.#render());
    }
    this.#readSeq = readSeq;
    this.#checkSeen();
  }

  #checkSeen() {
    if (this.#placed && this.#seesBottom()) {
      this.#workspace.markRead(this.#channelId, this.#timeline.last);
    }
  }

  #quietly(change) {
    this.#scroll.setAttribute("aria-live", "off");
    change();
    setTimeout(() => this.#scroll.setAttribute("aria-live", "polite"), QUIET_MS);
  }

  #decide(action) {
    action();
    this.dispatchEvent(new CustomEvent("compose", { bubbles: true }));
  }
}

customElements.define("message-list", MessageList);
