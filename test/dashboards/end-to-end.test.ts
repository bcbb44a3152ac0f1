// From a fault in a program to a webhook and back, through connmeter, Prometheus with our rules, and Alertmanager. Only the durations
// of the rules are shorter than in the committed files.
import { expect } from 'vitest';
import { type Durations, scaledDown } from '../../dashboards/source/durations.ts';
import { RECORDED, type RecordedName } from '../../dashboards/source/rules/recorded-series.ts';
import { rulesFile } from '../../dashboards/source/rules/rules-file.ts';
import { type Notice, startAlertmanager, startWebhook } from '../support/alertmanager.ts';
import { programPath, REGISTER, start } from '../support/child.ts';
import { freePort } from '../support/free-port.ts';
import { testWith } from '../support/installed.ts';
import { startPrometheus } from '../support/prometheus.ts';
import { until } from '../support/until.ts';

/** Each step takes about a third of this, and longer on a busy machine. */
const TIMEOUT = 60_000;

/** 60 times as fast as in the committed files, with a window that allows for late scrapes. */
const DURATIONS: Durations = { ...scaledDown(60), window: 10 };

const test = testWith('prometheus', 'prometheus-alertmanager');

test('a fault fires its alert at the webhook, and the fix resolves it', {
  timeout: 240_000,
}, async () => {
  const port = await freePort();
  const app = start(programPath('faults-on-command.ts'), {
    node: ['--import', REGISTER.href],
    env: { OTEL_EXPORTER_PROMETHEUS_HOST: '127.0.0.1', OTEL_EXPORTER_PROMETHEUS_PORT: `${port}` },
  });
  const webhook = await startWebhook();
  const prometheus = await startPrometheus({
    scrape: { orders: { target: `127.0.0.1:${port}` } },
    rules: [rulesFile('pull', DURATIONS)],
    alertmanager: await startAlertmanager(webhook),
  });
  await app.printed('.\n');
  const [, address, serverPort] = /asks (.+):(\d+)\./.exec(app.said.stdout) ?? [];
  const server = { job: 'orders', server_address: address, server_port: serverPort };
  const matchers = `{job="orders",server_port="${serverPort}"}`;

  const recorded = async (name: RecordedName) => {
    await new Promise(resolve => setTimeout(resolve, 200)); // the rules are evaluated once a second
    return (await prometheus.query(`${name}${matchers}`))[0]?.value;
  };
  const received = (alertname: string): readonly Notice[] =>
    webhook.notices.filter(({ labels }) => labels['alertname'] === alertname);
  const notice = (alertname: string, status: Notice['status']) =>
    until(
      () => received(alertname).at(-1),
      last => last?.status === status,
      TIMEOUT,
    );
  const becomes = (name: RecordedName, holds: (value: number) => boolean) =>
    until(
      () => recorded(name),
      value => value !== undefined && holds(value),
      TIMEOUT,
    );

  /** A description with job, server and numbers. */
  const description = new RegExp(`^orders .* ${address}:${serverPort}.*\\d.*\\.$`);

  // No fault.
  await becomes(RECORDED.reuse, ratio => ratio > 0.9);
  await becomes(RECORDED.requests, rate => rate > 1);
  await becomes(RECORDED.held, held => held === 0);
  expect(webhook.notices).toEqual([]);

  // The program leaves bodies unread.
  app.writeLine('hold');
  const held = await notice('ConnmeterBodiesHeld', 'firing');
  expect(held?.labels).toEqual({ alertname: 'ConnmeterBodiesHeld', severity: 'warning', ...server });
  expect(held?.annotations).toEqual({
    summary: 'Unread response bodies hold connections.',
    description: expect.stringMatching(description),
    panel: expect.any(String),
    dashboard_url: `http://localhost:13000/d/connmeter?var-job=orders&var-server=${address}`,
    runbook_url: expect.stringMatching(/docs\/runbooks\/ConnmeterBodiesHeld\.md$/),
  });

  // Then it creates a client per request: the first alert is resolved, and another one fires.
  app.writeLine('client');
  const perRequest = await notice('ConnmeterClientPerRequest', 'firing');
  expect(perRequest?.labels).toEqual({ alertname: 'ConnmeterClientPerRequest', severity: 'warning', ...server });
  expect(perRequest?.annotations).toEqual({
    summary: 'A program creates a client for each request.',
    description: expect.stringMatching(description),
    panel: expect.any(String),
    dashboard_url: `http://localhost:13000/d/connmeter?var-job=orders&var-server=${address}`,
    runbook_url: expect.stringMatching(/docs\/runbooks\/ConnmeterClientPerRequest\.md$/),
  });
  await becomes(RECORDED.reuse, ratio => ratio < 0.5);
  await notice('ConnmeterBodiesHeld', 'resolved');

  // Then it has no fault again.
  app.writeLine('behave');
  await notice('ConnmeterClientPerRequest', 'resolved');
  await becomes(RECORDED.reuse, ratio => ratio > 0.9);
  for (const alertname of ['ConnmeterBodiesHeld', 'ConnmeterClientPerRequest']) {
    expect([alertname, received(alertname).at(0)?.status, received(alertname).at(-1)?.status]).toEqual([
      alertname,
      'firing',
      'resolved',
    ]);
  }
});
