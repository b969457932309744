/**
 * The `require` of a file, or of a module that would lie there. Not imported: webpack puts `undefined` in the place of a
 * `createRequire` whose argument it can't work out.
 */
export function requireFrom(file: string): NodeJS.Require {
  return process.getBuiltinModule('node:module').createRequire(file);
}
