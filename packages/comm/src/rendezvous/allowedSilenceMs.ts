import { isLoopback } from '../place/addresses.js';

/**
 * How long the other side of a watch connection may say nothing, in milliseconds. A host that loses its power or its network says
 * no more than that. A process of this machine that ends takes its connections with it: one that is silent and still
 * connected has been stopped, or has had no time, as happens where a machine has much more to do than it can.
 */
export function allowedSilenceMs(address: string | undefined): number {
  return address !== undefined && isLoopback(address.replace(/^::ffff:/, '')) ? 60_000 : 10_000;
}
