import { expect, test } from 'vitest';
import { errorType } from '../../src/core/errors.ts';

test.each([
  [{ code: 'ECONNRESET', name: 'Error' }, 'ECONNRESET'],
  [{ code: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' }, 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'],
  [{ code: 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_EXPIRED' }, 'ERR_SSL_SSL_TLS_ALERT_CERTIFICATE_EXPIRED'],
  [{ code: 'auth/user-not-found', name: 'FirebaseError' }, 'FirebaseError'],
  [{ code: 'secrets/token', name: 'Error' }, 'Error'],
  [{ code: 'ERR_SSL_a b', name: 'Error' }, 'Error'],
  [{ code: 7, name: '' }, '_OTHER'],
  [undefined, '_OTHER'],
])('the type of the error %o is %s', (error, type) => {
  expect(errorType(error)).toBe(type);
});
