import type { Server, Socket } from 'node:net';
import type { Guard } from '../../core/guard.ts';
import { type Details, makeOverview } from '../../explain/make-overview.ts';
import type { Overview } from '../../explain/overview.ts';
import type { Reading } from '../../metrics/table.ts';
import { Holder } from './holder.ts';
import type { Identity } from './kinship.ts';
import { type Ending, Member } from './member.ts';
import type { Estate } from './messages.ts';
import { leaveNote } from './notes.ts';
import { numbersOf } from './numbers.ts';

const { existsSync, rmSync } = process.getBuiltinModule('node:fs');
const { setTimeout } = globalThis;

/** The holder listens on its port a moment before it waits for others. In milliseconds. */
const PAUSES = [20, 50, 100, 200, 400, 800];

export interface SharingOptions {
  /** The path of the Unix socket at which the processes of this service meet. */
  readonly path: string;
  readonly identity: Identity;
  readonly read: () => readonly Reading[];
  /** What this process knows besides its numbers. */
  readonly details: () => Details;
  /** The threads of this process bring their numbers up to date. Never rejects. */
  readonly refresh: () => Promise<void>;
  readonly maxOrigins: number;
  readonly perProcess: boolean;
  /** Creates a server, or a connection, that is not measured. */
  readonly createServer: () => Server;
  readonly connect: (path: string) => Socket;
  readonly guard: Guard;
}

/** What a process does that could not have the port. */
export interface Joining {
  /** There is no holder of the same service: it is of another service, or does not answer. */
  readonly refused: (ending: Ending) => void;
  /** The holder is gone: the port may be free. */
  readonly lost: () => void;
}

/** One scrape for all processes of a service: the one that has the port is the holder, the others are members. */
export class Sharing {
  readonly #options: SharingOptions;
  #holder: Holder | undefined;
  #member: Member | undefined;
  #estate: Estate | undefined;
  #listensToExit = false;
  #wasRefused = false;

  constructor(options: SharingOptions) {
    this.#options = options;
  }

  /** The numbers of all processes, if this one is the holder. */
  async read(): Promise<readonly Reading[]> {
    if (this.#holder !== undefined) return this.#holder.collect();

    await this.#options.refresh();
    return this.#options.read();
  }

  /** What all processes know, if this one is the holder. */
  async overview(): Promise<Overview> {
    if (this.#holder !== undefined) return this.#holder.overview();

    const readings = await this.read();
    return makeOverview(readings, [this.#options.details()], Date.now());
  }

  /** This process has the port. */
  hold(): void {
    if (this.#holder !== undefined) return;

    const { path, createServer } = this.#options;
    const isSuccessor = existsSync(path);
    if (isSuccessor) rmSync(path, { force: true }); // nobody can listen there: we have the port
    const holder = new Holder({ ...this.#options, estate: this.#estate, isSuccessor });
    const server = createServer();
    server.on('error', () => {}); // then this process serves its own numbers
    server.listen({ path, exclusive: true });
    holder.serve(server.unref());
    this.#holder = holder;
    this.#listenToExit();
  }

  /** Another process has the port. */
  join(joining: Joining, attempt = 0): void {
    const { path, connect } = this.#options;
    this.#listenToExit();
    const member = new Member({
      ...this.#options,
      connect: () => connect(path),
      estate: this.#estate,
      onWelcome: () => {
        attempt = 0;
      },
      onEnd: ending => {
        this.#estate = member.estate;
        this.#member = undefined;
        this.#ended(ending, joining, attempt);
      },
    });
    this.#member = member;
  }

  #ended(ending: Ending, joining: Joining, attempt: number): void {
    if (ending === 'lost') {
      joining.lost();
    } else if (ending === 'absent' && attempt < this.#maxAttempts) {
      this.#joinLater(joining, attempt);
    } else {
      this.#wasRefused = true;
      joining.refused(ending);
    }
  }

  /** Without a socket, there is a holder only if it has just begun to listen. */
  get #maxAttempts(): number {
    return existsSync(this.#options.path) ? PAUSES.length : PAUSES.length / 2;
  }

  #joinLater(joining: Joining, attempt: number): void {
    const again = this.#options.guard('join the other processes', () => this.join(joining, attempt + 1));
    setTimeout(again, PAUSES[attempt] ?? PAUSES.at(-1)).unref();
  }

  #listenToExit(): void {
    if (this.#listensToExit) return;

    this.#listensToExit = true;
    const { guard, identity, path, read } = this.#options;
    process.once(
      'exit',
      guard('say goodbye to the other processes', () => {
        if (this.#holder !== undefined) {
          this.#holder.lastWords();
          rmSync(path, { force: true });
        } else if (this.#member?.isMember) {
          this.#member.lastWords();
        } else if (!this.#wasRefused) {
          leaveNote(path, { identity, numbers: numbersOf(read()) });
        }
      }),
    );
  }
}
