import { resolve } from 'node:path';

/** A path that was given on the command line, from where the user is: npm and Nx run this in the package's folder. */
export function callerPath(path: string): string {
  return resolve(process.env.SCMOE_CALLER_FOLDER ?? '.', path);
}
