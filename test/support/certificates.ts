import { generate } from 'selfsigned';

export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/** A self-signed certificate for the names (and 127.0.0.1), valid for a day, or expired yesterday. */
export async function certificate({ names = ['localhost'], expired = false } = {}): Promise<Certificate> {
  const day = 86_400_000;
  const notAfterDate = new Date(Date.now() + (expired ? -day : day));
  const { private: key, cert } = await generate([{ name: 'commonName', value: names[0] ?? 'localhost' }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(notAfterDate.getTime() - 2 * day),
    notAfterDate,
    extensions: [
      { name: 'basicConstraints', cA: true },
      {
        name: 'subjectAltName',
        altNames: [...names.map(value => ({ type: 2 as const, value })), { type: 7 as const, ip: '127.0.0.1' }],
      },
    ],
  });
  return { key, cert };
}
