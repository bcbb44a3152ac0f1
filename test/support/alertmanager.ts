import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { startService, temporaryFolder } from './service.ts';

/** One alert of a notification, as Alertmanager posts it to a webhook. */
export interface Notice {
  readonly status: 'firing' | 'resolved';
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Webhook {
  readonly url: string;
  /** Every alert received so far, in order. */
  readonly notices: readonly Notice[];
}

/** Starts a webhook that listens until the test ends. */
export async function startWebhook(): Promise<Webhook> {
  const notices: Notice[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request.setEncoding('utf8')) body += chunk;
    notices.push(...(JSON.parse(body) as { alerts: Notice[] }).alerts);
    response.end();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, notices };
}

/**
 * Starts an Alertmanager that notifies the webhook immediately, once per alert, until the test ends. Returns its URL. `more` is
 * the rest of its configuration.
 */
export async function startAlertmanager(webhook: Webhook, more: object = {}): Promise<string> {
  const folder = temporaryFolder('alertmanager');
  const file = join(folder, 'alertmanager.yml');
  const config = {
    route: { receiver: 'webhook', group_by: ['...'], group_wait: '0s', group_interval: '1s', repeat_interval: '1h' },
    receivers: [{ name: 'webhook', webhook_configs: [{ url: webhook.url, send_resolved: true }] }],
    ...more,
  };
  writeFileSync(file, JSON.stringify(config));
  return startService(
    'prometheus-alertmanager',
    [`--config.file=${file}`, `--storage.path=${join(folder, 'data')}`, '--cluster.listen-address='],
    folder,
  );
}
