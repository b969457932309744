import { PlaceError } from './PlaceError.js';

/** Reads an address. @throws PlaceError naming `name` where `text` is not `host:port` or `[IPv6 address]:port` */
export function parseEndpoint(text: string, name: string): { host: string; port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };
  throw new PlaceError(`${name}=${text}: expected host:port, such as 10.0.0.1:29400 or [::1]:29400.`);
}
