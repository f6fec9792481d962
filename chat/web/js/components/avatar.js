import { addressOf } from "../address.js";
import { el } from "../dom.js";
import { initials } from "../model/people.js";

/** A person's picture, or else initials on a colour, 1 to 8; decorative, the name is written beside it. */
export function avatar(person, colour, { small = false, large = false, presence = false } = {}) {
  const classes = ["avatar", person.emoji ? "avatar-of-emoji" : `avatar-colour-${colour}`, small && "avatar-small", large && "avatar-large"];
  return el(
    "span",
    { class: classes.filter(Boolean).join(" "), "aria-hidden": "true" },
    person.emoji ? el("span", { class: "avatar-emoji" }, person.emoji) : person.avatar_url ? el("img", { class: "avatar-picture", src: addressOf(person.avatar_url), alt: "" }) : initials(person.display_name),
    presence ? el("span", { class: "avatar-presence" }) : null,
  );
}
