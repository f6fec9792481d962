import { typingSentence } from "../model/people.js";

/** Who else is writing in the channel shown. */
export class TypingIndicator extends HTMLElement {
  #workspace;
  #channelId;

  show(workspace, channelId) {
    if (this.#workspace !== workspace) {
      this.#workspace = workspace;
      this.className = "typing";
      workspace.addEventListener("typing", (event) => this.#render(event.detail.channelId));
    }
    this.#channelId = channelId;
    this.#render(channelId);
  }

  #render(channelId) {
    if (channelId === this.#channelId) {
      this.textContent = typingSentence(this.#workspace.typingIn(channelId).map((user) => user.display_name));
    }
  }
}

customElements.define("typing-indicator", TypingIndicator);
