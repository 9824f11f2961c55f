import type { ResourceType } from '../../runtime/resource.ts';
import { AddressSpecs } from './address_spec.ts';
import { AddressStatuses } from './address_status.ts';
import { DeviceSources } from './device_source.ts';
import { HostnameSpecs } from './hostname_spec.ts';
import { HostnameStatuses } from './hostname_status.ts';
import { LinkSpecs } from './link_spec.ts';
import { LinkStatuses } from './link_status.ts';
import { OperatorSpecs } from './operator_spec.ts';
import { ResolverSpecs } from './resolver_spec.ts';
import { ResolverStatuses } from './resolver_status.ts';
import { RouteSpecs } from './route_spec.ts';
import { RouteStatuses } from './route_status.ts';
import { TimeServerSpecs } from './time_server_spec.ts';
import { TimeServerStatuses } from './time_server_status.ts';

/** Our own types of the network, to be registered after those of the contract. */
export const NETWORK_TYPES: readonly ResourceType<never>[] = [
  LinkStatuses,
  LinkSpecs,
  AddressStatuses,
  AddressSpecs,
  RouteStatuses,
  RouteSpecs,
  HostnameStatuses,
  HostnameSpecs,
  ResolverStatuses,
  ResolverSpecs,
  TimeServerStatuses,
  TimeServerSpecs,
  OperatorSpecs,
  DeviceSources,
];
