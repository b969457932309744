import { ScmoeError } from '@scmoe/errors';

/** Environment variables that contradict each other or are malformed. */
export class PlaceError extends ScmoeError {
  override readonly name: string = 'PlaceError';
}
