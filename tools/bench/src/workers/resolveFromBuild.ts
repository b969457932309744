// `node --import` of it makes the programs beside it run on the packages of another checkout: SCMOE_BENCH_BUILD.
import { register } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const build = process.env['SCMOE_BENCH_BUILD'];
if (build === undefined) throw new Error('SCMOE_BENCH_BUILD: expected the folder of a checkout');
const ours = new URL('..', import.meta.url).href;
const theirs = pathToFileURL(join(build, 'tools', 'bench', 'package.json')).href;

// Packages that a program of ours imports; what those import in turn they find by themselves.
const hooks = `
  export const resolve = (specifier, context, next) =>
    next(specifier, specifier.startsWith('@') && context.parentURL?.startsWith(${JSON.stringify(ours)})
      ? { ...context, parentURL: ${JSON.stringify(theirs)} }
      : context);
`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
