import { isIP } from 'node:net';

import { ApiError } from '../api/ApiError.js';

/** Whether an address reaches this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/**
 * Checks that a request asks for this machine by a name of its own. Without a key a web page could reach the server by a name
 * of its own that leads here (DNS rebinding).
 *
 * @throws ApiError where the header Host names anything but loopback
 */
export function checkLocalHost(header: string | undefined): void {
  const host = /^(?:\[([^\]]*)\]|([^:]*))(?::\d+)?$/.exec(header ?? '');
  if (isLoopback(host?.[1] ?? host?.[2] ?? '')) return;
  throw new ApiError(
    `Host: expected localhost or a loopback address on a server without an API key, got ${header ?? 'none'}`,
    {
      status: 403,
      type: 'permission_error',
      code: 'host_not_allowed',
    },
  );
}
