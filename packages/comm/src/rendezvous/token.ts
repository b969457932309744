import { createHash, timingSafeEqual } from 'node:crypto';

/** Tokens and group names travel in a line of words: visible ASCII characters, no spaces. */
export const tokenPattern = /^[\x21-\x7e]{1,256}$/;

/** Digests compare in a time that depends on neither token, not even on their lengths. */
export function tokenDigest(token: string): Buffer {
  return createHash('sha256').update(token, 'latin1').digest();
}

/** The entry whose digest is that of `token`. Looks at all of them, found or not. */
export function findByToken<Entry extends { digest: Buffer }>(
  entries: Iterable<Entry>,
  token: string,
): Entry | undefined {
  const digest = tokenDigest(token);
  let found: Entry | undefined;
  for (const entry of entries) if (timingSafeEqual(entry.digest, digest)) found = entry;
  return found;
}
