import type { Socket } from 'node:net';
import type { Guard } from '../../core/guard.ts';
import type { Details } from '../../explain/make-overview.ts';
import type { Reading } from '../../metrics/table.ts';
import { onMessages, send } from './frames.ts';
import type { Identity } from './kinship.ts';
import { type Estate, type FromHolder, type FromMember, PROTOCOL } from './messages.ts';
import { type Numbers, numbersOf } from './numbers.ts';

/** How a membership ended. `stranger`: the holder serves another service. `absent`: nobody answers at the meeting place. */
export type Ending = 'stranger' | 'absent' | 'lost';

export interface MemberOptions {
  readonly identity: Identity;
  readonly read: () => readonly Reading[];
  /** What this process knows besides its numbers. */
  readonly details: () => Details;
  /** The threads of this process bring their numbers up to date. Never rejects. */
  readonly refresh: () => Promise<void>;
  /** Opens a connection to the holder that is not measured. */
  readonly connect: () => Socket;
  /** From an earlier holder. */
  readonly estate: Estate | undefined;
  readonly onWelcome: () => void;
  readonly onEnd: (ending: Ending) => void;
  readonly guard: Guard;
}

/** Answers the holder's questions with the numbers of this process, until one of them ends. */
export class Member {
  /** The holder has accepted it. */
  isMember = false;
  /** What this process would begin with if it became the holder. */
  estate: Estate | undefined;
  readonly #options: MemberOptions;
  readonly #socket: Socket;
  /** The answers that the holder may have used: the latest, and one that it may not have got in time. */
  readonly #answers = new Map<number, Numbers>();
  #turn = 0;
  #isStranger = false;

  constructor(options: MemberOptions) {
    const { connect, identity, estate, guard, onEnd } = options;
    this.#options = options;
    this.estate = estate;
    const socket = connect();
    this.#socket = socket;
    socket.unref();
    onMessages(socket, guard, (message: FromHolder) => this.#received(message));
    socket.on(
      'connect',
      guard('join the other processes', () => {
        this.#send({ type: 'hello', protocol: PROTOCOL, identity, ...(estate && { estate }) });
      }),
    );
    socket.on(
      'close',
      guard('leave the other processes', () =>
        onEnd(this.#isStranger ? 'stranger' : this.isMember ? 'lost' : 'absent'),
      ),
    );
  }

  /** The process exits: what happened since the last collection. Node writes this at once. */
  lastWords(): void {
    if (this.isMember) this.#answer(this.#turn);
  }

  #received(message: FromHolder): void {
    if (message.type === 'stranger') this.#isStranger = true;
    if (message.type === 'welcome') {
      this.isMember = true;
      this.#options.onWelcome();
    }
    if (message.type === 'collect') {
      const { turn, withDetails } = message;
      const answer = this.#options.guard('answer the holder', () => this.#answer(turn, withDetails));
      void this.#options.refresh().then(answer);
    }
    if (message.type === 'totals') this.#remember(message.totals, message.turn);
  }

  #answer(turn: number, withDetails = false): void {
    const { details, read } = this.#options;
    const numbers = numbersOf(read());
    this.#turn = turn;
    this.#answers.set(turn, numbers);
    this.#send({ type: 'numbers', turn, numbers, ...(withDetails && { details: details() }) });
  }

  #remember(totals: Numbers, turn: number | undefined): void {
    const own = turn === undefined ? this.estate?.own : this.#answers.get(turn);
    for (const each of this.#answers.keys()) if (turn === undefined || each < turn) this.#answers.delete(each);
    this.estate = { totals, own };
  }

  #send(message: FromMember): void {
    void send(this.#socket, message);
  }
}
