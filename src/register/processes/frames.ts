import type { Socket } from 'node:net';
import type { Guard } from '../../core/guard.ts';

/** A longer message is a fault: ten thousand series take two megabytes. */
const MAX_BYTES = 64 * 1024 * 1024;
const HEADER_BYTES = 4;

/** Sends a message: its length in four bytes, and JSON. Resolves when the kernel has it, or the connection is gone. */
export function send(socket: Socket, message: object): Promise<void> {
  const body = Buffer.from(JSON.stringify(message));
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(body.length);
  return new Promise(resolve => void socket.write(Buffer.concat([header, body]), () => resolve()));
}

/** Calls `onMessage` for each complete message. One that is too long, or no JSON, ends the connection. */
export function onMessages<Message>(socket: Socket, guard: Guard, onMessage: (message: Message) => void): void {
  let pieces: Buffer[] = [];
  let length = 0;
  const read = guard('read a message of another process', (piece: Buffer) => {
    pieces.push(piece);
    length += piece.length;
    for (;;) {
      if (length < HEADER_BYTES) return;
      const [first] = pieces;
      const all = pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, length);
      pieces = [all];
      const size = all.readUInt32BE();
      if (size > MAX_BYTES) return void socket.destroy();
      if (length < HEADER_BYTES + size) return;

      const rest = all.subarray(HEADER_BYTES + size);
      pieces = [rest];
      length = rest.length;
      onMessage(JSON.parse(String(all.subarray(HEADER_BYTES, HEADER_BYTES + size))));
    }
  });
  socket.on('data', read);
  socket.on('error', () => socket.destroy());
}
