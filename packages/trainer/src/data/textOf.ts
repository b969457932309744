const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The text of UTF-8 bytes, all of it: a byte-order mark at its beginning is a character like others. */
export function textOf(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}
