/**
 * Whether a run of Nx targets comes to the tests that drive a browser, of @scmoe/install-test: all tests do, those of chosen
 * projects only where it is one of them. A browser is a large download for nothing else.
 */
export function wantsBrowser(args) {
  if (!args.includes('test')) return false;
  const choosesProjects = args.some((arg) => /^(-p|--projects?)(=|$)/.test(arg));
  return !choosesProjects || args.some((arg) => arg.includes('@scmoe/install-test'));
}
