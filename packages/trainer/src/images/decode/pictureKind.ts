/** What a picture is by its first bytes; undefined for what we don't decode. */
export type PictureKind = 'jpeg' | 'cmyk-jpeg' | 'png' | 'webp';

/** Tells a picture by its content, whatever its file is called. */
export function pictureKind(bytes: Uint8Array): PictureKind | undefined {
  const text = (from: number, end: number) => Buffer.from(bytes.subarray(from, end)).toString('latin1');
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return jpegComponents(bytes) === 4 ? 'cmyk-jpeg' : 'jpeg';
  if (text(0, 8) === '\x89PNG\r\n\x1a\n') return 'png';
  if (text(0, 4) === 'RIFF' && text(8, 12) === 'WEBP') return 'webp';
  return undefined;
}

/** Colour channels of a JPEG, which its frame header tells (ITU T.81, B.2.2); 0 where there is none. */
function jpegComponents(bytes: Uint8Array): number {
  for (let at = 2; at + 9 < bytes.length;) {
    if (bytes[at] !== 0xff) return 0;
    const marker = bytes[at + 1]!;
    const isFill = marker === 0xff;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) return bytes[at + 9]!;
    at += isFill ? 1 : 2 + bytes[at + 2]! * 256 + bytes[at + 3]!;
  }
  return 0;
}
