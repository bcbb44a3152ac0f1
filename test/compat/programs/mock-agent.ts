// undici's MockAgent: no connection is made, and requests without a mock are refused.
import { fetch, MockAgent, request, setGlobalDispatcher } from 'undici';
import { describeError, print } from '../program-helpers.ts';

const agent = new MockAgent();
agent.disableNetConnect();
setGlobalDispatcher(agent);
const pool = agent.get('http://mocked.test');
pool
  .intercept({ path: '/a' })
  .reply(200, { a: 1 }, { headers: { 'content-type': 'application/json' } })
  .times(2);
pool
  .intercept({ path: '/b', method: 'POST', body: 'x' })
  .reply(({ body }) => ({ statusCode: 201, data: `had ${body}` }));
pool.intercept({ path: '/c' }).replyWithError(new Error('mocked'));
pool.intercept({ path: '/d' }).reply(200, 'slow').delay(20);
print(await (await fetch('http://mocked.test/a')).json());
print((await request('http://mocked.test/a')).statusCode);
const { statusCode, body } = await request('http://mocked.test/b', { method: 'POST', body: 'x' });
print(statusCode, await body.text());
await request('http://mocked.test/c').catch(error => print(describeError(error)));
print(await (await request('http://mocked.test/d')).body.text());
await fetch('http://other.test/').catch(error => print(describeError(error)));
print(agent.pendingInterceptors().length);
agent.assertNoPendingInterceptors();
await agent.close();
