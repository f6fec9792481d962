import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";

/** Text on ground: at least 4.5 : 1. Marks that carry a meaning on ground: at least 3 : 1. (WCAG 2.2, 1.4.3 and 1.4.11) */
const texts = [
  ["ink", "paper"], ["ink", "card"], ["ink", "wool"], ["ink", "wool-deep"],
  ["ink-soft", "paper"], ["ink-soft", "card"], ["ink-soft", "wool"], ["ink-soft", "wool-deep"],
  ["link", "paper"], ["link", "card"], ["link", "wool"], ["link", "wool-deep"],
  ["on-ember", "ember"], ["on-ember", "ember-deep"],
  ["on-glow", "glow"], ["ink", "glow"], ["ink-soft", "glow"],
  ["alarm", "paper"], ["alarm", "alarm-wash"], ["alarm", "wool"],
  ...["keyword", "type", "name", "attribute", "string", "number"].map((kind) => [`code-${kind}`, "wool"]),
];
const marks = [["moss", "wool"], ["ember", "paper"], ["ember", "wool"], ["line-strong", "card"], ["line-strong", "paper"]];

const css = (name) => readFile(new URL(`../css/${name}`, import.meta.url), "utf8");

test("text and marks stand out from their ground in light and dark", async () => {
  const [light, dark] = (await css("palette.css")).split("@media (prefers-color-scheme: dark)").map(coloursOf);
  for (const [scheme, colours] of Object.entries({ light, dark })) {
    for (const [pairs, least] of [[texts, 4.5], [marks, 3]]) {
      for (const [front, ground] of pairs) {
        const ratio = contrast(colours[front], colours[ground]);
        assert.ok(ratio >= least, `${scheme}: ${front} on ${ground} is ${ratio.toFixed(2)}, and ought to be ${least}`);
      }
    }
  }
});

test("initials stand out from every avatar colour", async () => {
  const grounds = (await css("avatar.css")).match(/background: #[0-9a-f]{6}/g);
  assert.equal(grounds.length, 8);
  for (const ground of grounds.map((rule) => rule.slice(-7))) {
    assert.ok(contrast("#ffffff", ground) >= 4.5, ground);
  }
});

function coloursOf(block) {
  return Object.fromEntries(Array.from(block.matchAll(/--([a-z-]+): (#[0-9a-f]{6});/g), ([, name, value]) => [name, value]));
}

function contrast(one, other) {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

function luminance(hex) {
  const [red, green, blue] = [1, 3, 5]
    .map((start) => Number.parseInt(hex.slice(start, start + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
