import { UserError } from '@scmoe/errors';

import type { TextDocument } from './readCorpus.js';

/** The two parts of a corpus. */
export interface CorpusSplit {
  train: TextDocument[];
  validation: TextDocument[];
}

/**
 * Sets the last `validationFraction` of the text aside. The cut falls between two documents where one ends within half
 * that fraction of it, else inside a document, at a character. The same documents always give the same split.
 *
 * @throws UserError when the fraction is not in (0, 1).
 */
export function splitCorpus(
  documents: readonly TextDocument[],
  { validationFraction = 0.1 }: { validationFraction?: number } = {},
): CorpusSplit {
  if (!(validationFraction > 0 && validationFraction < 1)) {
    throw new UserError(`validationFraction: expected a number between 0 and 1, got ${validationFraction}.`, {
      exitCode: 2,
    });
  }
  const numBytes = documents.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const cut = Math.floor(numBytes * (1 - validationFraction));
  const tolerance = (numBytes * validationFraction) / 2;

  let start = 0;
  let between: { index: number; distance: number } | undefined;
  let inside: { index: number; offset: number } | undefined;
  for (const [index, { bytes }] of documents.entries()) {
    const distance = Math.abs(start - cut);
    if (index > 0 && distance <= tolerance && distance < (between?.distance ?? Infinity)) between = { index, distance };
    if (start <= cut && cut < start + bytes.length) inside = { index, offset: characterStart(bytes, cut - start) };
    start += bytes.length;
  }
  if (between) return { train: documents.slice(0, between.index), validation: documents.slice(between.index) };
  if (!inside) return { train: [...documents], validation: [] };

  const { name, bytes } = documents[inside.index]!;
  const head = { name, bytes: bytes.subarray(0, inside.offset) };
  const tail = { name, bytes: bytes.subarray(inside.offset) };
  return {
    train: [...documents.slice(0, inside.index), head],
    validation: [tail, ...documents.slice(inside.index + 1)],
  };
}

/** The nearest offset at or before `offset` at which a UTF-8 character starts. */
function characterStart(bytes: Uint8Array, offset: number): number {
  while (offset > 0 && (bytes[offset]! & 0xc0) === 0x80) offset--;
  return offset;
}
