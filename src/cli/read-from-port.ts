import type { Overview } from '../explain/overview.ts';

const http = process.getBuiltinModule('node:http');

const TIMEOUT = 5_000;
const MAX_BYTES = 64 * 1024 * 1024;
const agent = new http.Agent({ keepAlive: true });

/** Asks a program on its metrics port. @throws Error that says what to do if it does not answer as connmeter does. */
export function readFromPort({ host, port }: { readonly host: string; readonly port: number }): Promise<Overview> {
  const url = `http://${host}:${port}/connmeter.json`;
  return new Promise((resolve, reject) => {
    const request = http.get(url, { agent, timeout: TIMEOUT }, response => {
      const pieces: Buffer[] = [];
      let length = 0;
      response.on('data', (piece: Buffer) => {
        pieces.push(piece);
        length += piece.length;
        if (length > MAX_BYTES) request.destroy(new Error(`${url} is too long`));
      });
      response.on('end', () => {
        const text = Buffer.concat(pieces).toString();
        if (response.statusCode === 200 && text.startsWith('{')) resolve(JSON.parse(text) as Overview);
        else reject(new Error(`${url} answered ${response.statusCode}: ${whatToDo(response.statusCode)}`));
      });
    });
    request.on('timeout', () => request.destroy(new Error(`${url} did not answer in ${TIMEOUT / 1_000} s`)));
    request.on('error', reject);
  });
}

function whatToDo(status: number | undefined): string {
  if (status === 403) return 'add the host to CONNMETER_ALLOWED_HOSTS of the program';
  if (status === 404) return 'set CONNMETER_PAGE=true for the program, or use connmeter top with its process id';
  return 'is it the port of connmeter?';
}
