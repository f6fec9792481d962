import { addressOf } from "../address.js";
import { el, icon } from "../dom.js";
import { fitInto, readableSize } from "../model/sizes.js";

/** How large pictures are shown in a message. */
const PICTURE = { width: 360, height: 280 };

/** Pictures without a small one are shown as they are, such as animations, unless that is too much. */
const LARGEST_SHOWN_BYTES = 10 * 1024 * 1024;
const LARGEST_SHOWN_PIXELS = 16_000_000;

/** The files of a message: pictures to be seen, others by name; null if there are none. */
export function messageFiles(files) {
  return files?.length > 0 ? el("ul", { class: "message-files", "aria-label": "Files" }, ...files.map((file) => el("li", {}, isPicture(file) ? picture(file) : chip(file)))) : null;
}

function isPicture(file) {
  const small = file.size <= LARGEST_SHOWN_BYTES && file.width * file.height <= LARGEST_SHOWN_PIXELS;
  return Boolean(file.thumb_url) || (file.width > 0 && small);
}

function link(file, attributes, ...children) {
  return el("a", { href: addressOf(file.url), target: "_blank", rel: "noopener", title: `${file.name}, ${readableSize(file.size)}`, ...attributes }, ...children);
}

function picture(file) {
  const { width, height } = fitInto(file, PICTURE);
  return link(
    file,
    { class: "message-picture" },
    el("img", { src: addressOf(file.thumb_url ?? file.url), alt: file.name, width, height, loading: "lazy", decoding: "async" }),
  );
}

function chip(file) {
  return link(
    file,
    { class: "file-chip", download: file.name },
    icon("file"),
    el("span", { class: "file-chip-name" }, file.name),
    el("span", { class: "file-chip-size" }, readableSize(file.size)),
  );
}
