import { UserError } from '@scmoe/errors';
import type Sharp from 'sharp';

let loading: Promise<typeof Sharp> | undefined;

/**
 * The image library, loaded when the first picture is decoded: it is a native library of some size, and nobody needs it
 * who trains on text, on shapes or on pixels that are there already.
 *
 * @throws UserError saying what to install, where it is missing.
 */
export function loadSharp(): Promise<typeof Sharp> {
  loading ??= import('sharp').then(
    (module) => module.default,
    (error: unknown) => {
      throw new UserError(
        `Pictures are decoded by sharp, which can't be loaded: ${firstLine(error)} Install it: npm install sharp`,
        {
          cause: error,
        },
      );
    },
  );
  return loading;
}

function firstLine(error: unknown): string {
  const line = (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
  return line.endsWith('.') ? line : `${line}.`;
}
