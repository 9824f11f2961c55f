import type { Bond } from '../../config/schema/network.ts';
import { parseIp } from '../../lib/ip.ts';
import { isLinkName } from '../../system/ip-operations.ts';

/** How a key of the config becomes a word of iproute2 and its value. */
interface Rule {
  readonly key: keyof Bond;
  readonly word: string;
  /** The words that are accepted. */
  readonly words?: readonly string[];
}

const ACCEPTED: readonly Rule[] = [
  {
    key: 'mode',
    word: 'mode',
    words: ['balance-rr', 'active-backup', 'balance-xor', 'broadcast', '802.3ad', 'balance-tlb', 'balance-alb'],
  },
  { key: 'miimon', word: 'miimon' },
  { key: 'updelay', word: 'updelay' },
  { key: 'downdelay', word: 'downdelay' },
  { key: 'peerNotifyDelay', word: 'peer_notify_delay' },
  { key: 'arpInterval', word: 'arp_interval' },
  { key: 'arpValidate', word: 'arp_validate', words: ['none', 'active', 'backup', 'all'] },
  { key: 'arpAllTargets', word: 'arp_all_targets', words: ['any', 'all'] },
  { key: 'primaryReselect', word: 'primary_reselect', words: ['always', 'better', 'failure'] },
  { key: 'failOverMac', word: 'fail_over_mac', words: ['none', 'active', 'follow'] },
  {
    key: 'xmitHashPolicy',
    word: 'xmit_hash_policy',
    words: ['layer2', 'layer3+4', 'layer2+3', 'encap2+3', 'encap3+4'],
  },
  { key: 'resendIgmp', word: 'resend_igmp' },
  { key: 'numPeerNotif', word: 'num_grat_arp' },
  { key: 'allSlavesActive', word: 'all_slaves_active' },
  { key: 'minLinks', word: 'min_links' },
  { key: 'lpInterval', word: 'lp_interval' },
  { key: 'packetsPerSlave', word: 'packets_per_slave' },
  { key: 'lacpRate', word: 'lacp_rate', words: ['slow', 'fast'] },
  { key: 'adSelect', word: 'ad_select', words: ['stable', 'bandwidth', 'count'] },
  { key: 'adActorSysPrio', word: 'ad_actor_sys_prio' },
  { key: 'adUserPortKey', word: 'ad_user_port_key' },
  { key: 'tlbDynamicLb', word: 'tlb_dynamic_lb' },
];

/** The options of a bond by their iproute2 word, and what of them cannot be (spec/network.md §4.1). */
export function bondOptions(bond: Bond): {
  readonly options: Readonly<Record<string, string>>;
  readonly problems: readonly { readonly key: string; readonly message: string }[];
} {
  const options: Record<string, string> = {};
  const problems: { key: string; message: string }[] = [];
  const refuse = (key: string, message: string) => problems.push({ key, message });
  for (const { key, word, words } of ACCEPTED) {
    const value = bond[key];
    if (value === undefined || value === '' || value === 0) continue;
    const text = String(value);
    if (!words || words.includes(text)) options[word] = text;
    else refuse(key, key === 'mode' ? `invalid bond type ${text}` : `invalid ${word} ${JSON.stringify(text)}`);
  }
  // The original forces 0 wherever the key is absent; here only what the user says is sent.
  if (bond.useCarrier !== undefined) options['use_carrier'] = bond.useCarrier ? '1' : '0';
  // Here 0 is a choice, not the default.
  if (bond.tlbDynamicLb === 0) options['tlb_dynamic_lb'] = '0';
  const targets = (bond.arpIPTarget ?? []).map(text => ({ text, address: parseIp(text) }));
  const wrong = targets.find(({ address }) => address?.family !== 4);
  if (wrong) refuse('arpIPTarget', `invalid arp_ip_target ${JSON.stringify(wrong.text)}`);
  else if (targets.length > 0) options['arp_ip_target'] = targets.map(({ address }) => address?.text).join(',');
  const { adActorSystem = '', primary = '' } = bond;
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(adActorSystem)) options['ad_actor_system'] = adActorSystem.toLowerCase();
  else if (adActorSystem !== '') refuse('adActorSystem', `invalid ad_actor_system ${JSON.stringify(adActorSystem)}`);
  if (isLinkName(primary)) options['primary'] = primary;
  else if (primary !== '') refuse('primary', `invalid primary ${JSON.stringify(primary)}`);
  return { options, problems };
}
