import { expect, test } from 'vitest';
import { checkClusterEndpoint, endpointSan } from './endpoint.ts';

test.each([
  ['192.168.0.1', 'no scheme and port specified for the cluster endpoint URL\ntry: "https://192.168.0.1:6443"'],
  ['foo', 'no scheme and port specified for the cluster endpoint URL\ntry: "https://foo:6443"'],
  ['[::1]', 'no scheme and port specified for the cluster endpoint URL\ntry: "https://[::1]:6443"'],
  ['192.168.0.1:2000', 'no scheme specified for the cluster endpoint URL\ntry: "https://192.168.0.1:2000"'],
  ['http://1.2.3.4:2000', 'the control plane endpoint URL should have scheme https://\ntry: "https://1.2.3.4:2000"'],
  ['http://h', 'the control plane endpoint URL should have scheme https://\ntry: "https://h:6443"'],
  ['foo/bar', 'no scheme and port specified for the cluster endpoint URL\ntry: "https://foo:6443/bar"'],
  ['foo:6443', 'the control plane endpoint URL should have scheme https://\ntry: "https:6443"'],
  ['https://', 'error validating the cluster endpoint URL: hostname must not be blank'],
  ['https://h:70000', 'error validating the cluster endpoint URL: port number must be between 1 and 65535'],
  ['https://h:x', 'failed to parse the cluster endpoint URL: parse "https://h:x": invalid port ":x" after host'],
  ['https://[::1', 'failed to parse the cluster endpoint URL: parse "https://[::1": missing \']\' in host'],
])('%s is refused', (text, message) => {
  expect(() => checkClusterEndpoint(text)).toThrow(expect.objectContaining({ message }));
});

test('https with or without port is accepted; only a port puts the host into the certificate', () => {
  expect(checkClusterEndpoint('https://10.0.0.1')).toBe('https://10.0.0.1');
  expect(endpointSan('https://10.0.0.1')).toBeUndefined();
  expect(endpointSan(checkClusterEndpoint('https://[2001:db8::1]:6443/x'))).toBe('2001:db8::1');
});
