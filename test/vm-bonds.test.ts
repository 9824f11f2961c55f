import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith, virtualMachines } from './support/requires.ts';
import { until } from './support/until.ts';
import type { Vm } from './support/vm.ts';
import { VmBed } from './support/vm-bed.ts';

interface Case {
  readonly link: string;
  /** `bond` of the config without its members. */
  readonly bond: Readonly<Record<string, unknown>>;
  /** What the files of `/sys/class/net/<link>/bonding` say then. */
  readonly files: Readonly<Record<string, string>>;
}

/** Every mode, and every option in a mode that takes it. */
const CASES: readonly Case[] = [
  {
    link: 'bond0',
    bond: { mode: 'balance-rr', miimon: 100, updelay: 200, downdelay: 300, packetsPerSlave: 7, useCarrier: false },
    files: {
      mode: 'balance-rr 0',
      miimon: '100',
      updelay: '200',
      downdelay: '300',
      packets_per_slave: '7',
      use_carrier: '0',
    },
  },
  {
    link: 'bond1',
    bond: {
      ...{ mode: 'active-backup', primary: 'dummy3', primaryReselect: 'failure', failOverMac: 'active' },
      ...{ arpInterval: 1000, arpIPTarget: ['10.5.0.1', '10.5.0.3'], arpValidate: 'all', arpAllTargets: 'all' },
    },
    files: {
      ...{ mode: 'active-backup 1', primary: 'dummy3', primary_reselect: 'failure 2', fail_over_mac: 'active 1' },
      ...{ arp_interval: '1000', arp_ip_target: '10.5.0.1 10.5.0.3', arp_validate: 'all 3', arp_all_targets: 'all 1' },
    },
  },
  {
    link: 'bond2',
    bond: { mode: 'balance-xor', xmitHashPolicy: 'layer2+3', miimon: 100, numPeerNotif: 5, peerNotifyDelay: 200 },
    files: {
      ...{ mode: 'balance-xor 2', xmit_hash_policy: 'layer2+3 2', miimon: '100' },
      ...{ num_grat_arp: '5', num_unsol_na: '5', peer_notif_delay: '200' },
    },
  },
  {
    link: 'bond3',
    bond: { mode: 'broadcast', resendIgmp: 3, allSlavesActive: 1, lpInterval: 5 },
    files: { mode: 'broadcast 3', resend_igmp: '3', all_slaves_active: '1', lp_interval: '5', use_carrier: '1' },
  },
  {
    link: 'bond4',
    bond: {
      ...{
        mode: '802.3ad',
        lacpRate: 'fast',
        xmitHashPolicy: 'layer3+4',
        miimon: 100,
        minLinks: 2,
        adSelect: 'bandwidth',
      },
      ...{ adActorSysPrio: 1000, adUserPortKey: 100, adActorSystem: '02:00:00:00:00:01' },
    },
    files: {
      ...{ mode: '802.3ad 4', lacp_rate: 'fast 1', xmit_hash_policy: 'layer3+4 1', miimon: '100', min_links: '2' },
      ...{
        ad_select: 'bandwidth 1',
        ad_actor_sys_prio: '1000',
        ad_user_port_key: '100',
        ad_actor_system: '02:00:00:00:00:01',
      },
    },
  },
  {
    link: 'bond5',
    bond: { mode: 'balance-tlb', tlbDynamicLb: 0, xmitHashPolicy: 'encap2+3', miimon: 100, primary: 'dummy10' },
    files: {
      mode: 'balance-tlb 5',
      tlb_dynamic_lb: '0',
      xmit_hash_policy: 'encap2+3 3',
      miimon: '100',
      primary: 'dummy10',
    },
  },
  {
    link: 'bond6',
    bond: { mode: 'balance-alb', xmitHashPolicy: 'encap3+4', miimon: 100, primaryReselect: 'better' },
    files: { mode: 'balance-alb 6', xmit_hash_policy: 'encap3+4 4', miimon: '100', primary_reselect: 'better 1' },
  },
];

const members = (index: number) => [`dummy${2 * index}`, `dummy${2 * index + 1}`];

describeWith(virtualMachines, 'bonds on Debian’s kernel', () => {
  let bed: VmBed;
  let vm: Vm;

  beforeAll(async () => {
    bed = await VmBed.create();
    const bonds = CASES.map(({ link, bond }, index) => ({
      interface: link,
      cidr: `10.6.${index}.2/24`,
      bond: { ...bond, interfaces: members(index) },
    }));
    const eth0 = { interface: 'eth0', cidr: `${bed.lan.address(2)}/24` };
    vm = await bed.start({ station: 2, interfaces: [eth0, ...bonds] });
    // Members that come later than the bond, as a card does that somebody plugs in.
    await vm.run(`for name in ${CASES.flatMap((_, index) => members(index)).join(' ')}; do
      ip link add $name type dummy
    done`);
  }, 1_200_000);
  afterAll(() => bed?.remove());

  const read = async (link: string, file: string) => {
    const { code, stdout, stderr } = await bed.ctl.run(vm.address, 'read', `/sys/class/net/${link}/bonding/${file}`);
    return code === 0 ? stdout.trim() : stderr.trim();
  };

  test.each(CASES.map((each, index) => ({ ...each, index, mode: each.bond['mode'] })))(
    '$mode: every option of the config is that of the kernel',
    async ({ link, files, index }) => {
      await until(
        () => read(link, 'slaves'),
        slaves => slaves === members(index).join(' '),
      );
      const found: Record<string, string> = {};
      for (const file of Object.keys(files)) found[file] = await read(link, file);
      expect(found).toEqual(files);
      expect(await vm.run(`ip -br addr show dev ${link}`)).toContain(`10.6.${index}.2/24`);
    },
  );
});
