// A resolver in this process, which holds its answers back until it is told to give them.
import { createSocket } from 'node:dgram';
import { once } from 'node:events';

const HEADER = 12;
/** The question types of DNS: an IPv4 address. */
const A = 1;

/**
 * Listens on 127.0.0.1, port 53. `answer()`: from now on, and for all earlier questions, the names are 127.0.0.1, and no other
 * name exists.
 */
export async function holdAnswers(names: readonly string[]): Promise<{ answer(): void; close(): void }> {
  const resolver = createSocket('udp4');
  const held: (() => void)[] = [];
  let answers = false;
  resolver.on('message', (question, { address, port }) => {
    const reply = () => resolver.send(replyTo(question, names), port, address);
    if (answers) reply();
    else held.push(reply);
  });
  await once(resolver.bind(53, '127.0.0.1'), 'listening');

  return {
    answer() {
      answers = true;
      for (const reply of held.splice(0)) reply();
    },
    close: () => resolver.close(),
  };
}

function replyTo(question: Buffer, names: readonly string[]): Buffer {
  const labels: string[] = [];
  let end = HEADER; // of the question: its name, its type and its class
  while (question[end] !== 0) {
    const next = end + 1 + (question[end] as number);
    labels.push(question.toString('latin1', end + 1, next));
    end = next;
  }
  const exists = names.includes(labels.join('.'));
  const isA = exists && question.readUInt16BE(end + 1) === A;
  const reply = Buffer.from(question.subarray(0, end + 5));
  reply.writeUInt16BE(exists ? 0x8180 : 0x8183, 2); // a response without an error, or NXDOMAIN
  reply.writeUInt16BE(isA ? 1 : 0, 6); // answers
  reply.writeUInt32BE(0, 8); // no further records
  return isA ? Buffer.concat([reply, Buffer.from([0xc0, HEADER, 0, A, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1])]) : reply;
}
