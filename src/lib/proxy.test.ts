import { expect, test } from 'vitest';
import { proxyFor } from './proxy.ts';

const via = (url: string, environment: Record<string, string>) => proxyFor(new URL(url), environment);

test('each scheme has its proxy, in either spelling, with a scheme of its own or without', () => {
  const environment = { http_proxy: 'proxy.example:3128', HTTPS_PROXY: 'https://secure.example', https_proxy: 'x' };
  expect([via('http://a.example/', environment), via('https://a.example/', environment)]).toEqual([
    'http://proxy.example:3128',
    'https://secure.example',
  ]);
  expect(via('https://a.example/', { http_proxy: 'proxy' })).toBeUndefined();
});

test('exceptions are names with their subdomains, addresses, networks and ports', () => {
  const NO_PROXY =
    'corp.example, .sub.example,*.star.example,10.5.0.0/16,192.168.1.7,[2001:db8::1]:8443,ported.example:81';
  const isDirect = (url: string) => via(url, { HTTP_PROXY: 'p', HTTPS_PROXY: 'p', NO_PROXY }) === undefined;
  const urls = [
    'http://corp.example/',
    'http://a.corp.example:8080/',
    'http://xcorp.example/',
    'http://sub.example/',
    'http://a.sub.example/',
    'http://b.star.example/',
    'http://10.5.3.4/',
    'http://10.6.3.4/',
    'http://192.168.1.7:99/',
    'https://[2001:db8::1]:8443/',
    'https://[2001:db8::1]/',
    'http://ported.example:81/',
    'http://ported.example/',
  ];
  expect(urls.filter(isDirect)).toEqual([
    'http://corp.example/',
    'http://a.corp.example:8080/',
    'http://a.sub.example/',
    'http://b.star.example/',
    'http://10.5.3.4/',
    'http://192.168.1.7:99/',
    'https://[2001:db8::1]:8443/',
    'http://ported.example:81/',
  ]);
});

test('this machine and metadata services are asked directly, and * exempts everything', () => {
  const environment = { HTTP_PROXY: 'p' };
  const urls = ['http://localhost:1/', 'http://127.3.4.5/', 'http://[::1]/', 'http://169.254.169.254/latest/user-data'];
  expect(urls.map(url => via(url, environment))).toEqual([undefined, undefined, undefined, undefined]);
  expect(via('http://far.example/', { ...environment, no_proxy: '*' })).toBeUndefined();
});
