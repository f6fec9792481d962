import { el, icon, renderKeyed } from "../dom.js";
import { rowsOf } from "../model/rows.js";
import { MessageComposer } from "./message-composer.js";
import { makeRow, updateRow } from "./message-item.js";

/** A thread beside the conversation: what it is about, its replies, and a composer. Event (bubbling): "close-thread". */
export class ThreadPanel extends HTMLElement {
  #workspace;
  #shown = null;
  #rows = el("div", { class: "message-rows" });
  #scroll = el("div", { class: "thread-scroll", role: "log", tabindex: "0", "aria-label": "Thread" }, this.#rows);
  #composer = new MessageComposer();
  #forRows = {
    inThread: true,
    workspace: () => this.#workspace,
    colourOf: (userId) => this.#workspace.colourOf(userId),
    isMe: (userId) => userId === this.#workspace.me.id,
    retry: (pending) => this.#workspace.outbox.retry(pending.client_id),
    discard: (pending) => this.#workspace.outbox.discard(pending.client_id),
  };

  show(workspace, api) {
    this.#workspace = workspace;
    this.#composer.upload = api.upload;
    this.hidden = true;
    const close = () => this.dispatchEvent(new CustomEvent("close-thread", { bubbles: true }));
    this.append(
      el(
        "header",
        { class: "thread-head" },
        el("h2", {}, "Thread"),
        el("button", { type: "button", class: "icon-button", "aria-label": "Close thread", onclick: close }, icon("close")),
      ),
      this.#scroll,
      this.#composer,
    );
    this.#composer.addEventListener("write", (event) => {
      const { id, channelId } = this.#workspace.thread;
      this.#workspace.send(channelId, event.detail.body, id, event.detail.files);
      this.#toBottom();
    });
    this.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && close());
    workspace.addEventListener("thread", () => this.#render());
    workspace.addEventListener("outbox", () => this.#render());
    workspace.addEventListener("people", () => this.#render());
  }

  get composer() {
    return this.#composer;
  }

  /** Whether this message is shown here. */
  shows(message) {
    return !this.hidden && Boolean(this.#workspace.thread?.find(message.id));
  }

  #render() {
    const { thread, outbox, me } = this.#workspace;
    this.hidden = !thread;
    if (!thread) {
      this.#shown = null;
      return;
    }
    if (this.#shown !== thread) {
      this.#shown = thread;
      this.#rows.replaceChildren();
      this.#composer.begin(`thread ${thread.id}`, "Reply in the thread");
      this.#composer.focus();
    }
    const atBottom = this.#scroll.scrollHeight - this.#scroll.clientHeight - this.#scroll.scrollTop < 48;
    const rows = rowsOf({
      messages: [...(thread.message ? [thread.message] : []), ...thread.replies],
      pending: outbox
        .inChannel(thread.channelId)
        .filter((item) => item.parent_id === thread.id && (item.state !== "stored" || item.seq > thread.last)),
      me,
    });
    renderKeyed(this.#rows, rows, {
      key: (row) => row.key,
      make: (row) => makeRow(row, this.#forRows),
      update: (element, row) => updateRow(element, row, this.#forRows),
    });
    if (atBottom) {
      this.#toBottom();
    }
    this.#markRead(thread);
  }

  #markRead(thread) {
    if (thread.last > thread.read && document.visibilityState === "visible") {
      thread.read = thread.last;
      this.#workspace.perform((api) => api.readThread(thread.id, thread.last));
    }
  }

  #toBottom() {
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }
}

customElements.define("thread-panel", ThreadPanel);
