import assert from "node:assert/strict";
import { test } from "node:test";
import { Attachments, MOST_FILES } from "../js/model/attachments.js";
import { fitInto, readableSize } from "../js/model/sizes.js";

const file = (name) => ({ name, size: 5 });

/** Uploads that end when told. */
function uploader() {
  const begun = [];
  const upload = (file, onProgress) => {
    const one = { name: file.name, onProgress, cancelled: false };
    const done = new Promise((resolve, reject) => Object.assign(one, { resolve, reject }));
    begun.push(one);
    return { done, cancel: () => (one.cancelled = true) };
  };
  return { begun, upload };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

test("files are uploaded a few at a time, and keep their order", async () => {
  const { begun, upload } = uploader();
  const attachments = new Attachments(upload);
  attachments.add(["a", "b", "c", "d"].map(file));
  assert.deepEqual(begun.map((one) => one.name), ["a", "b", "c"]);
  begun[1].onProgress(0.5);
  assert.equal(attachments.items[1].progress, 0.5);
  begun[1].resolve({ id: "B" });
  await settled();
  assert.deepEqual(begun.map((one) => one.name), ["a", "b", "c", "d"]);
  begun[0].resolve({ id: "A" });
  await settled();
  assert.deepEqual(attachments.stored, [{ id: "A" }, { id: "B" }]);
  assert.ok(attachments.busy);
});

test("what fails says why, and what is removed is cancelled", async () => {
  const { begun, upload } = uploader();
  const attachments = new Attachments(upload);
  attachments.add(["a", "b"].map(file));
  begun[0].reject(new Error("too large"));
  await settled();
  assert.equal(attachments.items[0].error, "too large");
  assert.ok(attachments.failed);
  attachments.remove(attachments.items[1].key);
  assert.ok(begun[1].cancelled);
  begun[1].reject(new Error("cancelled"));
  await settled();
  assert.equal(attachments.items.length, 1);
  assert.ok(!attachments.busy);
});

test("a message takes so many files", () => {
  const attachments = new Attachments(uploader().upload);
  assert.equal(attachments.add(Array.from({ length: MOST_FILES + 2 }, (_, n) => file(String(n)))), 2);
  assert.equal(attachments.items.length, MOST_FILES);
  assert.equal(attachments.add([file("more")]), 1);
});

test("sizes are readable", () => {
  const sizes = { 0: "0 bytes", 1: "1 byte", 1023: "1023 bytes", 1024: "1 kB", 3500000: "3.3 MB", 104857600: "100 MB", 1500000000: "1.4 GB" };
  for (const [bytes, text] of Object.entries(sizes)) {
    assert.equal(readableSize(Number(bytes)), text);
  }
});

test("pictures fit, and are never made larger", () => {
  assert.deepEqual(fitInto({ width: 1000, height: 500 }, { width: 360, height: 300 }), { width: 360, height: 180 });
  assert.deepEqual(fitInto({ width: 10, height: 3000 }, { width: 360, height: 300 }), { width: 1, height: 300 });
  assert.deepEqual(fitInto({ width: 20, height: 30 }, { width: 360, height: 300 }), { width: 20, height: 30 });
});
