import { UserError } from './UserError.js';

/** The error of a function of a browser's build that would need files. */
export function needsNode(name: string): UserError {
  return new UserError(`${name} needs Node: a browser has no file system`);
}
