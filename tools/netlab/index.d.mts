import type { ChildProcess, SpawnOptions } from 'node:child_process';

export interface NetworkLabOptions {
  /** 2 to 8. */
  ranks: number;
  /** Of each link, in both directions, as tc writes it ('200mbit'). Default: as fast as the kernel goes. */
  rate?: string;
  /** Of the token bucket. Default 128kb. */
  burst?: string;
  /** How long a frame may wait in the token bucket's queue before it is dropped. Default 30ms. */
  latency?: string;
  /** Each rank on a core of its own, where there are enough; see `pinned`. */
  pin?: boolean;
}

/**
 * Hosts on one switch, one rank each: network namespaces, joined to a bridge by veth pairs that are shaped on both ends.
 * It is taken down with all that runs in it by `close`, or when this process ends, in whatever way.
 */
export class NetworkLab {
  /** @throws Error where there can be none, saying why (`networkLabProblem`) */
  static open(options: NetworkLabOptions): Promise<NetworkLab>;
  readonly ranks: number;
  /** Whether each rank has a core of its own. */
  readonly pinned: boolean;
  address(rank: number): string;
  /** The command as it has to be spawned to run on a rank's host, with the variables that tell a rank its place. */
  wrap(
    rank: number,
    command: string,
    args?: readonly string[],
  ): { command: string; args: string[]; env: NodeJS.ProcessEnv };
  /** Spawns a command on a rank's host. The child's pid is the command's own. */
  start(rank: number, command: string, args?: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Runs a command on a rank's host to its end. */
  run(
    rank: number,
    command: string,
    args?: readonly string[],
    options?: SpawnOptions,
  ): Promise<{ code: number | null; signal: NodeJS.Signals | null; stdout: string; stderr: string }>;
  /** Of all links, from now on. */
  setRate(rate: string): void;
  /** From now on all frames from and to this rank get lost, silently. */
  cut(rank: number): void;
  restore(rank: number): void;
  close(): Promise<void>;
}

/** Why there can be no lab here, in one sentence with what would help; undefined where there can. */
export function networkLabProblem(): string | undefined;

/** Opens a lab, and closes it when `use` has ended or thrown. */
export function withNetworkLab<Result>(
  options: NetworkLabOptions,
  use: (lab: NetworkLab) => Promise<Result>,
): Promise<Result>;
