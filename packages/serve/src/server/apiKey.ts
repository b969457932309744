import { createHash, timingSafeEqual } from 'node:crypto';

import { ApiError } from '../api/ApiError.js';

/** Checks the key that a request brings. */
export type KeyCheck = (authorization: string | undefined) => void;

/**
 * A check against a key, which takes the same time whatever it is given.
 *
 * @returns what throws an ApiError where the header is not `Bearer` and the key
 */
export function keyCheck(apiKey: string): KeyCheck {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  const expected = digest(apiKey);
  return (authorization) => {
    const given = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
    const message =
      given === undefined
        ? "No API key: expected a header 'Authorization: Bearer <key>'."
        : 'Incorrect API key provided.';
    throw new ApiError(message, { status: 401, type: 'authentication_error', code: 'invalid_api_key' });
  };
}
