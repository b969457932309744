export interface Address {
  host: string;
  port: number;
}

export interface Strangers {
  /** How many came through, once each has or has not. */
  opened: Promise<number>;
  /** Ends those that stay. */
  close(): void;
}

/** Opens connections to addresses, of all kinds in turn: silent, garbled, half a word, held open, half closed. */
export function sendStrangers(targets: readonly Address[], options: { count: number }): Strangers;

/** Where processes listen for TCP connections. Linux. */
export function listeningAddresses(pids: readonly number[]): Address[];
