import { writeFile } from 'node:fs/promises';
import { generate } from 'selfsigned';

const DAY = 86_400_000;

/**
 * Writes a valid certificate and one that expired yesterday, with their keys. `trusted.pem` has both: the program trusts them,
 * so the second one fails only because it expired.
 */
export async function writeCertificates(folder: string): Promise<{ trusted: string }> {
  const valid = await write(folder, 'valid', new Date(Date.now() + DAY));
  const expired = await write(folder, 'expired', new Date(Date.now() - DAY));
  const trusted = `${folder}/trusted.pem`;
  await writeFile(trusted, `${valid}\n${expired}`);
  return { trusted };
}

async function write(folder: string, name: string, notAfterDate: Date): Promise<string> {
  const { private: key, cert } = await generate([{ name: 'commonName', value: `connmeter demo, ${name}` }], {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(notAfterDate.getTime() - 2 * DAY),
    notAfterDate,
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] },
    ],
  });
  await writeFile(`${folder}/${name}.crt`, cert);
  await writeFile(`${folder}/${name}.key`, key, { mode: 0o600 });
  return cert;
}
