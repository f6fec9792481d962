/** A number of bytes as people read it: "3.4 MB". */
export function readableSize(bytes) {
  if (bytes < 1024) {
    return `${bytes} ${bytes === 1 ? "byte" : "bytes"}`;
  }
  const [size, unit] = bytes < 1024 ** 2 ? [bytes / 1024, "kB"] : bytes < 1024 ** 3 ? [bytes / 1024 ** 2, "MB"] : [bytes / 1024 ** 3, "GB"];
  return `${size < 10 ? size.toFixed(1).replace(/\.0$/, "") : Math.round(size)} ${unit}`;
}

/** The width and height at which a picture fits into a box; it is not made larger. */
export function fitInto({ width, height }, most) {
  const scale = Math.min(1, most.width / width, most.height / height);
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
