import type { BadRecord, PictureRecord } from '../sources/ImageSource.js';
import type { RgbImage } from '../RgbImage.js';

/** A picture of a source, decoded. */
export interface DecodedRecord extends Omit<PictureRecord, 'picture'> {
  image: RgbImage;
}

/**
 * Decodes several pictures at a time and hands them on in their order. What `decode` throws comes out in its place as well.
 *
 * @param atOnce how many are in memory at most
 */
export async function* decodeInOrder(
  records: AsyncIterable<PictureRecord | BadRecord>,
  { atOnce, decode }: { atOnce: number; decode: (record: PictureRecord) => Promise<RgbImage> },
): AsyncGenerator<DecodedRecord | BadRecord | { name: string; error: unknown }> {
  const waiting: Promise<DecodedRecord | BadRecord | { name: string; error: unknown }>[] = [];
  for await (const record of records) {
    if (waiting.length >= atOnce) yield await waiting.shift()!;
    if ('problem' in record) waiting.push(Promise.resolve(record));
    else {
      const { name, split, label } = record;
      waiting.push(
        decode(record).then(
          (image) => ({ name, split, label, image }),
          (error: unknown) => ({ name, error }),
        ),
      );
    }
  }
  while (waiting.length > 0) yield await waiting.shift()!;
}
