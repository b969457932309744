// The examples that the READMEs show, as programs.
import { transform } from 'esbuild';

/** The first program of a README and its language, ts or js. */
export function readmeExample(readme) {
  const [, language, code] = /^```(ts|js)\n(.*?)^```$/ms.exec(readme) ?? [];
  if (code === undefined) throw new Error('the README has no program');
  return { language, code };
}

/** The packages that a README tells to install, without versions. */
export function readmePackages(readme) {
  const [, names] = /^npm install (.+)$/m.exec(readme) ?? [];
  if (names === undefined) throw new Error('the README does not say what to install');
  return names.split(/\s+/).map((name) => name.replace(/(?<=.)@.*/, ''));
}

/** The packages that a program imports. */
export function importedPackages(code) {
  return [...code.matchAll(/from '([^.'][^']*)'/g)].map(([, name]) => name).filter((name) => !name.startsWith('node:'));
}

/** The program as an ES module in JavaScript. */
export async function asModule(code) {
  return (await transform(code, { loader: 'ts', format: 'esm', target: 'node20' })).code;
}

/** The program as somebody would write it who uses `require`, where there is no top-level await. */
export async function asCommonJs(code) {
  const imports = /^import (.+?) from ["']([^"']+)["'];$/gms;
  const module = await asModule(code);
  const requires = [...module.matchAll(imports)].map(([, what, from]) => {
    const names = what.startsWith('*') ? what.replace(/^\* as /, '') : what.replaceAll(' as ', ': ');
    return `const ${names} = require('${from}');`;
  });
  return `${requires.join('\n')}\n(async () => {\n${module.replace(imports, '')}})();\n`;
}

/** The program in TypeScript without top-level await, for a file that compiles to CommonJS. */
export function asCommonJsTypeScript(code) {
  const imports = code.match(/^import .+?;$/gms) ?? [];
  const body = imports.reduce((rest, line) => rest.replace(line, ''), code);
  return `${imports.join('\n')}\nexport async function main() {\n${body}}\n`;
}
