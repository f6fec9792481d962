/** The server's limit of files for a message. */
export const MOST_FILES = 10;

/** How many are on their way at once. */
const AT_ONCE = 3;

/**
 * The files that are to go with the next message. Each is uploaded as soon as it is chosen. Event: "change".
 *
 * An item is {key, name, size, state, progress, stored, error}: state is "waiting", "uploading", "stored" (with what the server
 * says of the file) or "failed"; progress goes from 0 to 1.
 */
export class Attachments extends EventTarget {
  #upload;
  #items = [];
  #last = 0;

  /** upload(file, onProgress) returns {done, cancel()}; done resolves to what the server says of the file. */
  constructor(upload) {
    super();
    this.#upload = upload;
  }

  get items() {
    return this.#items;
  }

  /** The files that are on the server. */
  get stored() {
    return this.#items.filter((item) => item.state === "stored").map((item) => item.stored);
  }

  get busy() {
    return this.#items.some((item) => item.state === "waiting" || item.state === "uploading");
  }

  get failed() {
    return this.#items.some((item) => item.state === "failed");
  }

  /** Takes files, and returns how many were too many for one message. */
  add(files) {
    const taken = files.slice(0, MOST_FILES - this.#items.length);
    for (const file of taken) {
      this.#last += 1;
      this.#items = [...this.#items, { key: String(this.#last), file, name: file.name, size: file.size, state: "waiting", progress: 0, stored: null, error: "" }];
    }
    this.#next();
    return files.length - taken.length;
  }

  remove(key) {
    this.#items.find((item) => item.key === key)?.cancel?.();
    this.#items = this.#items.filter((item) => item.key !== key);
    this.#next();
  }

  /** The message is written: its files are no longer here. */
  clear() {
    this.#items = [];
    this.#changed();
  }

  #next() {
    const free = AT_ONCE - this.#items.filter((item) => item.state === "uploading").length;
    this.#items.filter((item) => item.state === "waiting").slice(0, Math.max(0, free)).forEach((item) => this.#begin(item));
    this.#changed();
  }

  async #begin({ key, file }) {
    const { done, cancel } = this.#upload(file, (progress) => this.#replace(key, { progress }));
    this.#replace(key, { state: "uploading", cancel });
    try {
      this.#replace(key, { state: "stored", stored: await done, progress: 1 });
    } catch (error) {
      this.#replace(key, { state: "failed", error: error.message });
    }
    this.#next();
  }

  #replace(key, changes) {
    this.#items = this.#items.map((item) => (item.key === key ? { ...item, ...changes } : item));
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
