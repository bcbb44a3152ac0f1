import type { MethodDefinition } from '@grpc/grpc-js';

const toBytes = (text: string) => Buffer.from(text);
const fromBytes = (bytes: Buffer) => bytes.toString();

/** A service with one method, which echoes its request. Its messages are plain text, so it needs no .proto file. */
export const ECHO = {
  say: {
    path: '/test.Echo/Say',
    requestStream: false,
    responseStream: false,
    requestSerialize: toBytes,
    requestDeserialize: fromBytes,
    responseSerialize: toBytes,
    responseDeserialize: fromBytes,
  },
} satisfies Record<string, MethodDefinition<string, string>>;
