import manifest from '../../../package.json' with { type: 'json' };
import { TALOS_TAG } from '../../config/images.ts';

/** What `talosd ctl version` says of itself: the release whose contract it speaks, and our own release in `sha`. */
export const CLIENT_VERSION = {
  tag: TALOS_TAG,
  sha: manifest.version,
  built: '',
  goVersion: `node ${process.version}`,
  os: process.platform,
  arch: process.arch === 'x64' ? 'amd64' : process.arch,
} as const;
