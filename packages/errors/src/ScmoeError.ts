/**
 * The parent of every error that the packages throw on purpose. Its message says what was wrong, what was expected and
 * what came; a program may print it without a stack.
 */
export class ScmoeError extends Error {
  override readonly name: string = 'ScmoeError';
}
