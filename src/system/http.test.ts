import { request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { type Answer, startHttpServer } from '../../test/support/http-server.ts';
import { httpFetch, redactUrl } from './http.ts';

const signal = new AbortController().signal;

async function serve(answers: Record<string, Answer>) {
  const server = await startHttpServer(answers);
  onTestFinished(() => server.close());
  return server;
}

test('asks with headers and basic authentication, and hands on any status', async () => {
  const server = await serve({ '/a?b=1': 'text', '/gone': { status: 410, body: 'no' } });
  const fetch = httpFetch({});
  const url = server.url.replace('//', '//user:secret@');
  expect(await fetch({ url: `${url}/a?b=1`, headers: { Metadata: 'true' }, signal })).toEqual({
    status: 200,
    body: Buffer.from('text'),
  });
  expect((await fetch({ url: `${server.url}/gone`, method: 'POST', body: 'hello', signal })).status).toBe(410);
  expect(
    server.seen.map(({ method, url, headers, body }) => [method, url, headers.metadata, headers.authorization, body]),
  ).toEqual([
    ['GET', '/a?b=1', 'true', `Basic ${btoa('user:secret')}`, ''],
    ['POST', '/gone', undefined, undefined, 'hello'],
  ]);
});

test('follows redirects, without its headers to another place, and not for ever', async () => {
  const other = await serve({ '/there': 'found' });
  const server = await serve({
    '/here': { status: 302, headers: { location: '/near' } },
    '/near': { status: 307, headers: { location: `${other.url}/there` } },
    '/loop': { status: 301, headers: { location: '/loop' } },
  });
  const fetch = httpFetch({});
  expect((await fetch({ url: `${server.url}/here`, headers: { token: 'x' }, signal })).body.toString()).toBe('found');
  expect([...server.seen, ...other.seen].map(({ headers }) => headers['token'])).toEqual(['x', 'x', undefined]);
  await expect(fetch({ url: `${server.url}/loop`, signal })).rejects.toThrow(
    `Get "${server.url}/loop": stopped after 10 redirects`,
  );
});

test('failures name the URL without its password and the reason in plain words', async () => {
  const server = await startHttpServer({});
  await server.close();
  const place = server.url.replace('http://', '');
  const fetch = httpFetch({});
  const ask = (url: string) => fetch({ url, signal });
  await expect(ask(`http://a:b@${place}/x`)).rejects.toThrow(
    `Get "http://a:xxxxx@${place}/x": dial tcp ${place}: connect: connection refused`,
  );
  await expect(ask('ftp://a.example/')).rejects.toThrow('Get "ftp://a.example/": unsupported protocol scheme "ftp"');
  expect(redactUrl('https://u:p%40w@h/a:b@c?d')).toBe('https://u:xxxxx@h/a:b@c?d');
});

test('a larger answer, a torn one and an aborted question', async () => {
  const server = await startHttpServer({}, (incoming, response) => {
    if (incoming.url === '/large') response.end('x'.repeat(100));
    else if (incoming.url === '/torn')
      response.writeHead(200, { 'content-length': 10 }).write('abc', () => response.destroy());
  });
  onTestFinished(() => server.close());
  const fetch = httpFetch({});
  await expect(fetch({ url: `${server.url}/large`, limit: 99, signal })).rejects.toMatchObject({
    code: 'resource_exhausted',
    message: `Get "${server.url}/large": the answer is larger than 99 bytes`,
  });
  await expect(fetch({ url: `${server.url}/torn`, signal })).rejects.toThrow(
    'connection closed before the whole answer',
  );
  const abort = new AbortController();
  const reason = new Error('enough');
  const asked = fetch({ url: `${server.url}/silent`, signal: abort.signal });
  await expect.poll(() => server.seen.length).toBe(3);
  abort.abort(reason);
  await expect(asked).rejects.toBe(reason);
});

test('the proxy that the environment names at that moment carries requests, also to https, and never direct ones', async () => {
  const proxy = await startHttpServer({}, (incoming, response) => {
    const target = request({ ...urlParts(server.url), path: '/x' }, answer => answer.pipe(response));
    target.end();
    expect(incoming.url).toBe('http://far.example/x');
  });
  const server = await serve({ '/x': 'through' });
  onTestFinished(() => proxy.close());
  const tunnels: string[] = [];
  proxy.server.on('connect', (incoming, socket) => {
    tunnels.push(incoming.url ?? '');
    socket.end('HTTP/1.1 403 Forbidden\r\n\r\n');
  });
  const environment: Record<string, string> = {};
  const fetch = httpFetch(environment);
  environment['http_proxy'] = proxy.url;
  environment['https_proxy'] = proxy.url;
  expect((await fetch({ url: 'http://far.example/x', signal })).body.toString()).toBe('through');
  await expect(fetch({ url: 'https://far.example/x', signal })).rejects.toThrow('Get "https://far.example/x": ');
  expect(tunnels).toEqual(['far.example:443']);
  await expect(fetch({ url: 'http://nowhere.invalid/x', direct: true, signal })).rejects.toThrow(
    'lookup nowhere.invalid',
  );
});

function urlParts(url: string) {
  const { hostname, port } = new URL(url);
  return { hostname, port };
}
