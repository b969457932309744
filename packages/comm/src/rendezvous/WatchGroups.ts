import { causeOf } from './causeOf.js';
import { leftMark } from './leftMark.js';
import { isWorldGroup } from './worldGroup.js';

/** Groups whose members are all gone but that somebody died in, kept for ranks that join late. */
const maxAbandonedGroups = 1024;

interface Group {
  name: string;
  size: number;
  members: Map<number, (line: string) => void>;
  left: Set<number>;
  /** The lines that latecomers are told: one `dead` and one `abort` a rank at most. */
  notices: Map<string, { rank: number; line: string }>;
}

/** One rank's place in a group. The first of `leave` and `die` counts. */
export interface Membership {
  abort(text: string): void;
  leave(): void;
  die(text: string): void;
}

/** Who is in which group, and telling the others when one dies or gives up. */
export class WatchGroups {
  readonly #groups = new Map<string, Group>();
  #firstCause: number | undefined;

  /** The rank that was the first of all to die or to give up, by the first notice of a group of all ranks. */
  get firstCause(): number | undefined {
    return this.#firstCause;
  }

  /** Lets a rank in. @returns why not, where the rank can't join */
  join(name: string, rank: number, size: number, send: (line: string) => void): Membership | string {
    let group = this.#groups.get(name);
    if (group !== undefined && group.size !== size) {
      return `group ${name} has ${group.size} ranks, rank ${rank} says ${size}`;
    }
    if (group?.members.has(rank)) return `rank ${rank} of group ${name} is already connected`;
    if (group?.left.has(rank)) return `${leftMark}rank ${rank} of group ${name} has been here and left or died`;
    if (group === undefined) {
      group = { name, size, members: new Map(), left: new Set(), notices: new Map() };
      this.#groups.set(name, group);
    }
    group.members.set(rank, send);
    return this.#membership(group, rank);
  }

  /** What somebody who has just joined must know. */
  notices(name: string): string[] {
    return [...(this.#groups.get(name)?.notices.values() ?? [])].map(({ line }) => line);
  }

  get size(): number {
    return this.#groups.size;
  }

  #membership(group: Group, rank: number): Membership {
    const tell = (kind: 'dead' | 'abort', text: string) => {
      const line = `${kind} ${rank} ${text}`;
      if (isWorldGroup(group.name)) this.#firstCause ??= causeOf(kind, rank, text);
      const notice = `${kind} ${rank}`;
      if (!group.notices.has(notice)) group.notices.set(notice, { rank, line });
      for (const [other, send] of group.members) if (other !== rank) send(line);
    };
    const remove = () => {
      if (!group.members.delete(rank)) return false;
      group.left.add(rank);
      return true;
    };
    return {
      abort: (text) => tell('abort', text),
      leave: () => {
        if (remove()) this.#free(group);
      },
      die: (text) => {
        if (!remove()) return;
        tell('dead', text);
        this.#free(group);
      },
    };
  }

  #free(group: Group): void {
    if (group.members.size > 0) return;
    if (group.left.size === group.size || group.notices.size === 0) {
      this.#groups.delete(group.name);
      return;
    }
    const abandoned = [...this.#groups.values()].filter(({ members }) => members.size === 0);
    for (const { name } of abandoned.slice(0, -maxAbandonedGroups)) this.#groups.delete(name);
  }
}
