import type { ConfigReader } from './ConfigReader.js';

/**
 * Base of the rotary angles: in `rope_parameters` since transformers 5, before that `rope_theta` beside `rope_scaling`.
 *
 * @throws PretrainedError where the angles are scaled, or do not turn all of a head.
 */
export function ropeTheta(config: ConfigReader, fallback: number): number {
  const legacy = config.positive('rope_theta', fallback);
  for (const key of ['rope_parameters', 'rope_scaling']) {
    const rope = config.take(key) as Record<string, unknown> | undefined;
    if (rope === undefined) continue;
    const type = rope['rope_type'] ?? rope['type'] ?? 'default';
    if (typeof rope !== 'object' || type !== 'default') config.fail(key, 'only rope_type "default" is supported');
    const { rope_theta: theta = legacy, rope_type: _, type: __, ...others } = rope;
    const unknown = Object.keys(others).filter((name) => others[name] !== null && others[name] !== 1);
    if (unknown.length > 0) config.fail(key, `expected rope_theta and rope_type alone, not ${unknown.join(', ')}`);
    if (!(typeof theta === 'number' && theta > 0)) config.fail(key, 'expected a rope_theta > 0');
    if (key === 'rope_parameters') return theta;
  }
  return legacy;
}
