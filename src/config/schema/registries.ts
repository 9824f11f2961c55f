import { bool, bytes, field, list, map, object, pemPair, string, type TypeOf } from './types.ts';

/** `machine.registries.mirrors.<host>` (machine-config.md §4.9). */
export const registryMirror = object({
  endpoints: field(list(string), 'URLs of the mirrors, tried in order.', { always: true }),
});
export type RegistryMirror = TypeOf<typeof registryMirror>;

/** `machine.registries.config.<host>.tls` (machine-config.md §4.9). */
export const registryTls = object({
  clientIdentity: field(pemPair, 'Client certificate and key shown to the registry.'),
  ca: field(bytes, 'CA certificates, instead of the system ones, for this registry: PEM, base64-encoded.'),
  insecureSkipVerify: field(bool, 'Whether the certificate of the registry goes unchecked.'),
});
export type RegistryTls = TypeOf<typeof registryTls>;

/** `machine.registries.config.<host>.auth` (machine-config.md §4.9). */
export const registryAuth = object({
  username: field(string, 'The name of the user.'),
  password: field(string, 'The password of the user.', { secret: true }),
  auth: field(string, 'Name and password as base64 of `name:password`.', { secret: true }),
  identityToken: field(string, 'A token that stands for name and password.', { secret: true }),
});
export type RegistryAuth = TypeOf<typeof registryAuth>;

/** `machine.registries.config.<host>` (machine-config.md §4.9). */
export const registryConfig = object({
  tls: field(registryTls, 'TLS of the connection to the registry.'),
  auth: field(registryAuth, 'Credentials for the registry.'),
});
export type RegistryConfig = TypeOf<typeof registryConfig>;

/** `machine.registries` (machine-config.md §4.9; mirrors written beside `mirrors` are taken, §15). */
export const registries = object(
  {
    mirrors: field(map(registryMirror), 'Mirrors by host of the image reference; `*` stands for all others.', {
      example: 'ghcr.io:\n  endpoints: [https://registry.local]',
    }),
    config: field(map(registryConfig), 'TLS and credentials by host of the registry or mirror.', {
      example: 'registry.local:\n  tls:\n    insecureSkipVerify: true',
    }),
  },
  { isValue: true, stray: { into: 'mirrors', marker: 'endpoints' } },
);
export type RegistriesConfig = TypeOf<typeof registries>;
