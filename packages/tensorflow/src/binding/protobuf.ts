// The little of protocol buffers' wire format that TensorFlow's C API asks for: bytes of fields, to be put one after another.

/** A whole number, or an enum, in field `number`. */
export function wholeNumberField(number: number, value: number): number[] {
  return [...tag(number, 0), ...varint(value)];
}

/** A float32 in field `number`. */
export function floatField(number: number, value: number): number[] {
  return [...tag(number, 5), ...float32(value)];
}

/** A text in field `number`. */
export function textField(number: number, value: string): number[] {
  return messageField(number, [...new TextEncoder().encode(value)]);
}

/** What has a length: a message, or packed numbers. */
export function messageField(number: number, content: readonly number[]): number[] {
  return [...tag(number, 2), ...varint(content.length), ...content];
}

/** A field's length alone, where its content is too long for a list of numbers. */
export function fieldOfBytes(number: number, length: number): number[] {
  return [...tag(number, 2), ...varint(length)];
}

/** A whole number without a field, as it stands in a packed list; negative ones in ten bytes. */
export function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

/** A float32 without a field. */
export function float32(value: number): number[] {
  return [...new Uint8Array(Float32Array.of(value).buffer)];
}

function tag(number: number, wireType: number): number[] {
  return varint((number << 3) | wireType);
}
