import { expect, test } from 'vitest';
import { dialErrorText } from './rpc-error.ts';

const openssl = (what: string) =>
  `No connection established. Last error: Error: 40DD0C31B27F0000:error:0A00045C:SSL routines:ssl3_read_bytes:${what}:../deps/openssl/openssl/ssl/record/rec_layer_s3.c:918:SSL alert number 116\n`;

test.each([
  [
    openssl('tlsv13 alert certificate required'),
    'tls: certificate required" (the node is not in maintenance mode: leave --insecure out)',
  ],
  [openssl('tlsv1 alert unknown ca'), 'tls: unknown ca"'],
  [openssl('wrong version number'), 'tls: wrong version number"'],
  ['No connection established. Last error: Error: certificate has expired', 'certificate has expired"'],
])('a failed handshake is one line', (details, reason) => {
  expect(dialErrorText(details, 'n', 'n:50000')).toBe(
    `connection error: desc = "transport: authentication handshake failed: ${reason}`,
  );
});
