import { isIP } from 'node:net';

/** `host:port`, with the brackets that an IPv6 address needs there. */
export function endpointText(host: string, port: number | string): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The address in `[fd00::1]`, as some write it outside of URLs as well; any other host as it is. */
export function withoutBrackets(host: string): string {
  return /^\[(.*)\]$/.exec(host)?.[1] ?? host;
}

/**
 * What to listen on to be reached at `host` from elsewhere: every IPv4 address for one of those, and every address of both
 * kinds for an IPv6 address, and for a name, which may stand for either.
 */
export function everyAddress(host: string): string {
  return isIP(host) === 4 ? '0.0.0.0' : '::';
}

/** Whether a listener there is reached at every address of this machine, loopback included. */
export function isEveryAddress(bind: string): boolean {
  return bind === '0.0.0.0' || bind === '::';
}

/** Whether nothing outside of this machine reaches an address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
