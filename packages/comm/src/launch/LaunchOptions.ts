import type { Terminal } from './Terminal.js';

/** What `launch` runs, and how. */
export interface LaunchOptions {
  /** The command and its arguments; a script that ends in .js, .mjs or .cjs runs under this node. */
  command: readonly [string, ...string[]];
  /** Where the ranks' output and the launcher's own messages go: `{ out: process.stdout, err: process.stderr }`. */
  terminal: Terminal;
  /** Ranks on this host; 'auto': one for each GPU that this process may use, or else one for each core. Default 1. */
  ranksHere?: number | 'auto';
  /** Hosts of the run, each with a launcher of its own. Default 1. */
  nodes?: number;
  /** This host's number, from 0. Default 0. */
  nodeRank?: number;
  /**
   * Where the launcher of node 0 serves the store; port 0 takes a free one. Needed with several nodes, the same on all.
   * Default: a free port of loopback, or of `bind`.
   */
  endpoint?: { host: string; port: number };
  /** The address that node 0 listens on. Default: that of `endpoint`, or every address where it is a name. */
  bind?: string;
  /** The secret of this run. Needed with several nodes, the same on all. Default: a random one. */
  token?: string;
  /**
   * After how many failures in a row without progress all ranks are started again; a failure after progress does not count.
   * Ranks tell of progress in the file that SCMOE_PROGRESS_FILE names. Default 0: they are never started again.
   */
  maxRestarts?: number;
  /** A rank that has the terminal for itself: what it prints is not prefixed, and progress bars work. Default: none. */
  attachedRank?: number;
  /** Folder for the ranks' output. Default: none is written. */
  logFolder?: string;
  /** How long the launchers wait for each other. Default 5 min. */
  rendezvousTimeoutMs?: number;
  /** Time between SIGTERM and SIGKILL when a rank has failed. Default 5 s. */
  graceMs?: number;
  /** Time that ranks have to save and end after they were told to. Default 5 min. */
  stopTimeoutMs?: number;
}
