import type { Details } from '../../explain/make-overview.ts';
import type { Overview } from '../../explain/overview.ts';
import type { Identity } from './kinship.ts';
import type { Numbers } from './numbers.ts';

/** The version of these messages. Processes with different versions do not share a scrape. */
export const PROTOCOL = 2;

/** What a member remembers of a collection, so that nothing is lost if the holder dies. */
export interface Estate {
  /** The totals of all processes at this collection. */
  readonly totals: Numbers;
  /** What the member contributed to them. */
  readonly own: Numbers | undefined;
}

export type FromMember =
  /** The first message. `estate`: if the member knows one, from an earlier holder. */
  | { readonly type: 'hello'; readonly protocol: number; readonly identity: Identity; readonly estate?: Estate }
  /** The answer to `collect`, and the last words of a member that exits. */
  | { readonly type: 'numbers'; readonly turn: number; readonly numbers: Numbers; readonly details?: Details }
  /** The first message of the command `connmeter top`, which is no member. */
  | { readonly type: 'visit' };

export type FromHolder =
  /** The answer to `hello`. */
  | { readonly type: 'welcome' | 'stranger' }
  | { readonly type: 'collect'; readonly turn: number; readonly withDetails: boolean }
  /** The answer to `visit`. `pids`: of all processes that the overview is of. */
  | { readonly type: 'overview'; readonly pids: readonly number[]; readonly overview: Overview }
  /** After a collection. `turn`: of the numbers of this member in it; undefined if it has none. */
  | { readonly type: 'totals'; readonly totals: Numbers; readonly turn: number | undefined };
