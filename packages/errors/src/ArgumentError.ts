import { ScmoeError } from './ScmoeError.js';

/** A value that cannot work (an option, a shape, the content of a file), found before anything was computed with it. */
export class ArgumentError extends ScmoeError {
  override readonly name: string = 'ArgumentError';
}
