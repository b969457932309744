import { findAddon } from '@scmoe/tensor';

import { phaseOf, type CallArguments } from './phaseOf.js';

/** What the calls of one phase have taken together. */
export interface PhaseTimes {
  calls: number;
  seconds: number;
  flops: number;
  bytes: number;
}

type NativeFunction = (args?: CallArguments) => unknown;

/** Times every call of the native addon, by phases; `restore` ends that. */
export class TimedCalls {
  readonly phases = new Map<string, PhaseTimes>();
  private readonly addon: Record<string, NativeFunction>;
  private readonly originals: [string, NativeFunction][];

  constructor() {
    const { addon, problem } = findAddon();
    if (!addon) throw new Error(`phases: ${problem}`);
    this.addon = addon as Record<string, NativeFunction>;
    this.originals = Object.entries(this.addon).filter(([, call]) => typeof call === 'function');
    for (const [name, call] of this.originals) this.addon[name] = (args) => this.timed(name, call, args);
  }

  restore(): void {
    for (const [name, call] of this.originals) this.addon[name] = call;
  }

  private timed(name: string, call: NativeFunction, args?: CallArguments): unknown {
    const begin = performance.now();
    const result = call(args);
    const seconds = (performance.now() - begin) / 1000;
    const { phase, flops, bytes } = phaseOf(name, args ?? {});
    const times = this.phases.get(phase) ?? { calls: 0, seconds: 0, flops: 0, bytes: 0 };
    this.phases.set(phase, {
      calls: times.calls + 1,
      seconds: times.seconds + seconds,
      flops: times.flops + flops,
      bytes: times.bytes + bytes,
    });
    return result;
  }
}
