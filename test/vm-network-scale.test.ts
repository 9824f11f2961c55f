import { afterAll, beforeAll, expect, test } from 'vitest';
import { networkdBundle } from './support/networkd-bundle.ts';
import { describeWith, virtualMachines } from './support/requires.ts';
import type { Vm } from './support/vm.ts';
import { VmBed } from './support/vm-bed.ts';

const ADDRESSES = 1000;
const VLANS = 200;
const ROUTES = 10_000;
/** All that networkd does with so much takes a second on hardware, and sixty times as long here. */
const PATIENCE_SECONDS = 600;

const list = (count: number, make: (high: number, low: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index >> 8, index & 255)).join('\n');

/** Written by hand: a YAML library would need longer than the test on such a document. */
const CONFIG = `machine:
  type: init
  token: t
  network:
    interfaces:
      - interface: dummy0
        dummy: true
        cidr: 10.5.0.2/24
        vlans:
${list(VLANS, (_, low) => `          - {vlanId: ${low + 1}, cidr: 10.8.${low}.1/24}`)}
        routes:
${list(ROUTES, (high, low) => `          - {network: 100.${64 + high}.${low}.0/24, gateway: 10.5.0.1}`)}
${list(ADDRESSES, (high, low) => `      - {interface: dummy0, cidr: 10.7.${high}.${low}/32}`)}
cluster: {}
`;

describeWith(virtualMachines, `${ADDRESSES} addresses, ${VLANS} VLANs and ${ROUTES} routes on Debian’s kernel`, () => {
  let bed: VmBed;
  let vm: Vm;
  beforeAll(async () => {
    bed = await VmBed.create();
    const files = { ...(await networkdBundle()), 'driver/order': `${JSON.stringify({ config: CONFIG })}\n` };
    vm = await bed.start({ station: 2, interfaces: [{ interface: 'eth0', cidr: '10.5.0.2/24' }], files });
  }, 1_200_000);
  afterAll(() => bed?.remove());

  test('are there after three processes at most, in a namespace of their own', async () => {
    // The driver's own turn before the config has to be over: what runs for it does not count.
    const output = await vm.run(
      `set -e
       ip netns add scale
       mkdir -p /run/scale
       : >/run/scale/orders
       tail -f /run/scale/orders | ip netns exec scale node /driver/networkd.mjs /run/scale >/run/scale/events 2>&1 &
       for i in $(seq 600); do grep -q configured /run/scale/events && break; sleep 0.1; done
       sleep 2
       before=$(grep -c '"ran"' /run/scale/events)
       cat /driver/order >>/run/scale/orders
       for i in $(seq ${PATIENCE_SECONDS}); do
         grep -q '"ran":"ip -force -batch -","lines":1[0-9][0-9][0-9][0-9]' /run/scale/events && break; sleep 1
       done
       echo "batch $(grep '"ran"' /run/scale/events | tail -n +$((before + 1)) | grep -n '"lines":1[0-9][0-9][0-9][0-9]' | cut -d: -f1)"
       echo "routes $(ip -n scale route show proto boot | wc -l)"
       echo "links $(ip -n scale -br link | grep -c '^dummy0\\.')"
       echo "addresses $(ip -n scale -o -4 addr | wc -l)"
       echo "problems $(grep -c '"error"' /run/scale/events)"`,
      (PATIENCE_SECONDS + 120) * 1000,
    );
    const { batch, ...found } = Object.fromEntries(
      output
        .trim()
        .split('\n')
        .map(line => line.split(' ')),
    ) as Record<string, string>;
    // Addresses of the link itself and of its loopback beside the thousand, and one on each VLAN.
    expect(found).toEqual({
      ...{ routes: `${ROUTES}`, links: `${VLANS}`, addresses: `${ADDRESSES + VLANS + 2}`, problems: '0' },
    });
    // After the one that does it all the network is listed once more.
    expect(Number(batch)).toBeLessThanOrEqual(2);
  }, 1_200_000);
});
