import type { Server, Socket } from 'node:net';
import type { Guard } from '../../core/guard.ts';
import { type Details, makeOverview } from '../../explain/make-overview.ts';
import type { Overview } from '../../explain/overview.ts';
import type { Reading } from '../../metrics/table.ts';
import { onMessages, send } from './frames.ts';
import { areKin, type Identity } from './kinship.ts';
import { type Estate, type FromHolder, type FromMember, PROTOCOL } from './messages.ts';
import { takeNotes } from './notes.ts';
import { type Numbers, numbersOf, Sum, withPid } from './numbers.ts';

// Kept, because tests of the program may replace them with fakes.
const { setTimeout, clearTimeout } = globalThis;
const now = performance.now.bind(performance);

/** How long a collection waits for the other processes. In milliseconds. */
export const MAX_WAIT = 300;
/** A process is expected to introduce itself at once. */
const MAX_SILENCE = 2_000;
const MAX_MEMBERS = 1_000;
/** How much may wait in our memory for a process that does not read. */
const MAX_UNREAD_BYTES = 1024 * 1024;

interface Member {
  readonly identity: Identity;
  readonly socket: Socket;
  /** The latest numbers, and for which collection they were. */
  numbers: Numbers | undefined;
  turn: number | undefined;
  /** As of the last time that they were asked for. */
  details: Details | undefined;
  /** It did not answer in time, and nothing came from it since. */
  hangs: boolean;
  /** Called when its numbers arrive, or it is gone. */
  answered: () => void;
}

export interface HolderOptions {
  /** The path of the socket that `serve` gets. */
  readonly path: string;
  readonly identity: Identity;
  readonly read: () => readonly Reading[];
  /** What this process knows besides its numbers. */
  readonly details: () => Details;
  /** The threads of this process bring their numbers up to date. */
  readonly refresh: () => Promise<void>;
  /** Each process has series of its own, instead of a sum. Those of a process that ended end with it. */
  readonly perProcess: boolean;
  /** Maximum number of addresses in the sum. */
  readonly maxOrigins: number;
  /** What this process knows from an earlier holder. */
  readonly estate: Estate | undefined;
  /** There was an earlier holder, whose members may come back. */
  readonly isSuccessor: boolean;
  readonly guard: Guard;
}

/**
 * Serves for all processes of a service: at each collection it asks the others for their numbers, and adds them up.
 *
 * The totals of processes that have ended stay in the sum, because a counter must not fall. After each collection all members
 * get the totals. When the holder dies, the next one begins with them, minus what the members that are still there contributed.
 */
export class Holder {
  readonly #options: HolderOptions;
  readonly #members = new Set<Member>();
  readonly #guests = new Set<Socket>();
  /** The totals of processes that are not members any more. */
  readonly #ended: Sum;
  /** The totals that were served last. None of them falls, not even by the rounding of a sum. */
  #served: Numbers = {};
  #hasEstate = false;
  /** There has never been another process: the usual case, in which nothing is added up, and series may end. */
  #isAlone = true;
  #turn = 0;
  /** Resolves when no collection is in progress. */
  #latest: Promise<void> = Promise.resolve();
  #othersMayComeBackUntil: number;
  #server: Server | undefined;

  constructor(options: HolderOptions) {
    this.#options = options;
    this.#ended = new Sum(options.maxOrigins);
    const { estate, isSuccessor } = options;
    if (estate !== undefined) this.#inherit(estate);
    this.#othersMayComeBackUntil = isSuccessor && estate === undefined ? now() + MAX_WAIT : 0;
  }

  /** Takes connections of other processes from this server. */
  serve(server: Server): void {
    this.#server = server;
    server.on(
      'connection',
      this.#options.guard('another process', (socket: Socket) => this.#welcome(socket)),
    );
  }

  /** The sum of all processes. Waits for them, but not for long. */
  collect(): Promise<readonly Reading[]> {
    return this.#inTurn(() => this.#collect(false));
  }

  /** What all processes know. */
  async overview(): Promise<Overview> {
    const readings = await this.#inTurn(() => this.#collect(true));
    const others = Array.from(this.#members, ({ details }) => details).filter(details => details !== undefined);
    return makeOverview(readings, [this.#options.details(), ...others], Date.now());
  }

  /** One collection at a time: a member answers one question at a time. */
  #inTurn<Result>(run: () => Promise<Result>): Promise<Result> {
    const result = this.#latest.then(run);
    this.#latest = result.then(
      () => {},
      () => {},
    );
    return result;
  }

  async #collect(withDetails: boolean): Promise<readonly Reading[]> {
    await this.#untilOthersAreBack();
    this.#readNotes();
    const { perProcess, read, refresh } = this.#options;
    const turn = ++this.#turn;
    await Promise.all([this.#ask(turn, withDetails), refresh()]);
    if (this.#isAlone && !perProcess) return read();
    if (perProcess) return this.#sideBySide().readings;

    const sum = this.#sum();
    await this.#tell();
    return sum.readings;
  }

  #sideBySide(): Sum {
    const { identity, maxOrigins, read } = this.#options;
    const all = new Sum(maxOrigins);
    all.add(withPid(numbersOf(read()), identity.pid));
    for (const { numbers, identity } of this.#members)
      if (numbers !== undefined) all.add(withPid(numbers, identity.pid));
    return all;
  }

  /** The process exits: what happened in it since the last collection. Node writes this at once. */
  lastWords(): void {
    if (this.#isAlone) return;

    this.#sum();
    void this.#tell();
  }

  #sum(): Sum {
    const sum = new Sum(this.#options.maxOrigins);
    sum.add(numbersOf(this.#options.read()));
    sum.add(this.#ended.numbers, 'totals');
    for (const { numbers } of this.#members) if (numbers !== undefined) sum.add(numbers);
    sum.raiseTo(this.#served, 'present'); // an origin that all have evicted ends
    this.#served = sum.totals;
    return sum;
  }

  close(): void {
    this.#server?.close();
    for (const { socket } of this.#members) socket.destroy();
    for (const socket of this.#guests) socket.destroy();
  }

  #welcome(socket: Socket): void {
    const { guard, identity: own } = this.#options;
    if (this.#members.size + this.#guests.size >= MAX_MEMBERS) return void socket.destroy();

    socket.unref();
    this.#guests.add(socket);
    const timer = setTimeout(() => socket.destroy(), MAX_SILENCE).unref();
    let member: Member | undefined;
    socket.on(
      'close',
      guard('another process ended', () => {
        clearTimeout(timer);
        this.#guests.delete(socket);
        if (member !== undefined) this.#ends(member);
      }),
    );
    onMessages(socket, guard, (message: FromMember) => {
      if (member === undefined && message.type === 'hello') {
        clearTimeout(timer);
        this.#guests.delete(socket);
        if (message.protocol !== PROTOCOL || !areKin(own, message.identity)) {
          void answer(socket, { type: 'stranger' });
          socket.end();
          return;
        }
        const { identity, estate } = message;
        member = {
          identity,
          socket,
          numbers: estate?.own,
          turn: undefined,
          details: undefined,
          hangs: false,
          answered: () => {},
        };
        if (estate !== undefined) this.#inherit(estate);
        this.#members.add(member);
        this.#isAlone = false;
        void answer(socket, { type: 'welcome' });
      } else if (member === undefined && message.type === 'visit') {
        clearTimeout(timer);
        void this.#show(socket);
      } else if (member !== undefined && message.type === 'numbers') {
        member.numbers = message.numbers;
        member.turn = message.turn;
        member.details = message.details ?? member.details;
        member.hangs = false;
        member.answered();
      }
    });
  }

  /** Answers a visitor once. */
  async #show(socket: Socket): Promise<void> {
    try {
      const overview = await this.overview();
      const pids = [this.#options.identity.pid, ...Array.from(this.#members, ({ identity }) => identity.pid)];
      await answer(socket, { type: 'overview', pids, overview });
    } finally {
      socket.end();
    }
  }

  /** A member comes from an earlier holder. The first one that does brings the totals of all; each takes out its own. */
  #inherit({ totals, own }: Estate): void {
    if (!this.#hasEstate) {
      this.#ended.add(totals, 'totals');
      this.#served = totals;
    }
    this.#hasEstate = true;
    this.#isAlone = false;
    if (own !== undefined) this.#ended.add(own, 'totals', -1);
  }

  #ends(member: Member): void {
    this.#members.delete(member);
    if (member.numbers !== undefined) this.#ended.add(member.numbers, 'totals');
    member.answered();
  }

  /** Those of processes and threads that ended before they could join. */
  #readNotes(): void {
    const { path, identity: own } = this.#options;
    for (const { identity, numbers } of takeNotes(path)) {
      if (!areKin(own, identity)) continue;

      this.#isAlone = false;
      this.#ended.add(numbers, 'totals');
    }
  }

  async #untilOthersAreBack(): Promise<void> {
    const left = this.#othersMayComeBackUntil - now();
    if (left > 0) await new Promise<void>(resolve => void setTimeout(resolve, left).unref());
  }

  /** Resolves when all members have answered, or after {@link MAX_WAIT}. Nobody waits twice for a member that hangs. */
  #ask(turn: number, withDetails: boolean): Promise<void> {
    const asked = [...this.#members].filter(canRead);
    const waiting = new Set(asked.filter(({ hangs }) => !hangs));
    if (asked.length === 0) return Promise.resolve();

    return new Promise(resolve => {
      const timer = setTimeout(() => {
        for (const member of waiting) member.hangs = true;
        resolve();
      }, MAX_WAIT).unref();
      if (waiting.size === 0) resolve();
      for (const member of asked) {
        member.answered = () => {
          waiting.delete(member);
          if (waiting.size > 0) return;

          clearTimeout(timer);
          resolve();
        };
        void answer(member.socket, { type: 'collect', turn, withDetails });
      }
    });
  }

  /** All members know the totals before they are served. A member that hangs does not delay this for long. */
  async #tell(): Promise<void> {
    const present = [...this.#members].filter(each => canRead(each) && !each.hangs);
    if (present.length === 0) return;

    const totals = this.#served;
    const told = present.map(({ socket, turn }) => answer(socket, { type: 'totals', totals, turn }));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>(resolve => {
      timer = setTimeout(resolve, MAX_WAIT).unref();
    });
    await Promise.race([Promise.all(told), late]);
    clearTimeout(timer);
  }
}

/** A process that is stopped reads nothing: what we send would pile up in our memory. */
function canRead({ socket }: Member): boolean {
  return socket.writableLength < MAX_UNREAD_BYTES;
}

function answer(socket: Socket, message: FromHolder): Promise<void> {
  return send(socket, message);
}
